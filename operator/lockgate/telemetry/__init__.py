"""Metrics and logs: what operators of Lockgate see of it."""
