"""Who works on what, and when."""
