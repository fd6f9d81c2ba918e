"""The backend Ray: RayServices of KubeRay, one for each release."""
