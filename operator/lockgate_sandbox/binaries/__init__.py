"""Where what a world is made of comes from: a named directory, the user's cache, or its Go modules."""

from lockgate_sandbox.binaries.locate import files_of, programs_for, programs_of

__all__ = ["files_of", "programs_for", "programs_of"]
