"""From an alias to one immutable version that may be served."""
