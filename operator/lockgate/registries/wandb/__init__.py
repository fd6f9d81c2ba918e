"""The door to W&B: its client's life and silence, what it is asked, and what its failures mean."""
