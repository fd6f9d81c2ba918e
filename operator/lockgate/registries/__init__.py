"""The doors to model registries, one folder for each kind; they all speak the words of `domain/`."""
