"""Strategies: each answers, for every step, with the same kind of Stage."""
