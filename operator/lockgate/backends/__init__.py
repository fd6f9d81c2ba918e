"""Where a release runs: each backend observes what is there and brings a plan into being."""
