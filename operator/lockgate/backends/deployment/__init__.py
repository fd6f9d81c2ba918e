"""A plain Deployment with a Service: what they say as facts, and how they are drawn."""
