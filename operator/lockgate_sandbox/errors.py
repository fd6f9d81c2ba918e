"""What can go wrong in the sandbox, each with one sentence that names the thing and the fix.

Errors only carry words: nothing here may clean up, log or retry.
"""


class SandboxError(Exception):
    """Something the sandbox was asked to do cannot be done; the message says what and why."""


class Unavailable(SandboxError):
    """This machine cannot offer what was asked (system, rights, programs); tests skip on it."""


class NotOffered(SandboxError):
    """The level of this world does not have the asked feature; the message names one that has."""


class StartFailed(SandboxError):
    """A world did not become ready; the message names the first part that failed and its last words."""
