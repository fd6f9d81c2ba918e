"""Lockgate keeps model serving on Kubernetes in step with a Weights & Biases Registry."""

__version__ = "0.1.0"
