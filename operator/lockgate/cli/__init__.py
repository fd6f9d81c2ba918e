"""`kubectl lockgate`: what people see of their ModelDeployments, and how they ask for something."""
