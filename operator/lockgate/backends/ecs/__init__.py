"""The backend of Amazon ECS: one service of ECS for each ModelDeployment."""
