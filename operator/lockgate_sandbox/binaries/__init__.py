"""Where the programs of a world come from: a named directory, the user's cache, or a build."""

from lockgate_sandbox.binaries.locate import programs_for, programs_of

__all__ = ["programs_for", "programs_of"]
