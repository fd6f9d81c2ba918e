"""The init container: download one version, prove every byte, hand it over read-only."""
