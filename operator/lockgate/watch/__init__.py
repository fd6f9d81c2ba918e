"""What the cluster tells, kept slim: kopf's streams into the store, and nothing else."""
