"""The first level: etcd, API server, controller manager and scheduler on loopback, without root."""
