"""Bringing rendered objects into the cluster: the only place that writes children."""
