"""From a plan to Kubernetes objects, purely: the same plan always gives the same bytes."""
