"""How the tool ends when it cannot do what was asked: one sentence that names the fix, and a code.

Codes: 0 done or accepted, 1 refused or wrongly asked, 2 nobody answered in time. Nothing is printed here.
"""

from enum import IntEnum

from lockgate.sentences import sentence


class Exit(IntEnum):
    """The exit codes of the tool."""

    DONE = 0
    REFUSED = 1
    UNANSWERED = 2
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class CliError(Exception):
    """What a person is told in place of an answer; bounded and printable."""

    code = Exit.REFUSED

    def __init__(self, message: str) -> None:
        self.message = sentence(message)
        super().__init__(self.message)


class NotThere(CliError):
    """There is no object of that name."""


class NotAllowed(CliError):
    """A right is missing."""


class Outdated(CliError):
    """What was to be changed was changed by somebody else meanwhile."""


class Unanswered(CliError):
    """The API server or the operator did not answer, or not in time."""

    code = Exit.UNANSWERED
