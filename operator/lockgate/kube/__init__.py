"""The door to the Kubernetes API: one shared session, server-side apply, typed errors."""
