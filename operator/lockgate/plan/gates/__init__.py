"""Gates: each answers one question about a step, purely."""
