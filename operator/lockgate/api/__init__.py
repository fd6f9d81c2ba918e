"""The public resources as Python values: what users write (spec) and read (status)."""
