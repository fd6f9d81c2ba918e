"""The second level: a whole one-node Kubernetes in process, mount and network namespaces of its own."""
