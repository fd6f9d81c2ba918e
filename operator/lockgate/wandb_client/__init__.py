"""The door to W&B's client: its life, its silence, and what its failures mean."""
