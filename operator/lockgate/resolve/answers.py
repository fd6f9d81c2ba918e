"""What is remembered of one reference: the last usable answer, and the outage since, if any.

Questions are numbered in the order in which they are asked (turns), so that it can be told
whether an answer is younger than a spec, or older than another answer. Pure.
"""

from dataclasses import dataclass

from lockgate.domain.ports import Lookup
from lockgate.errors import LockgateError, Transient

# Polls in a row that must fail before a good answer is reported as out of date.
OUTAGE_AFTER_POLLS = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """The latest usable answer for a reference, and what has failed since."""

    lookup: Lookup
    asked: int
    outage: Transient | None = None
    outage_asked: int = 0
    failed_polls: int = 0

    def told(self, after: int | None = None) -> Lookup | None:
        """What a pass is told; None when nothing is known that was asked after that turn."""
        if after is None or self.asked > after:
            lasting = self.outage is not None and self.failed_polls >= OUTAGE_AFTER_POLLS
            return self.outage if lasting else self.lookup
        return self.outage if self.outage_asked > after else None

    def is_older_than(self, turn: int) -> bool:
        """Whether a question of that turn was asked later than all that is known."""
        return max(self.asked, self.outage_asked) < turn


def merge(known: Answer | None, lookup: Lookup, *, turn: int, polled: bool) -> Answer:
    """What is known after one more answer: an outage never replaces a good answer at once."""
    if known is None or not isinstance(lookup, Transient) or isinstance(known.lookup, Transient):
        return Answer(lookup, asked=turn)
    return Answer(
        known.lookup,
        asked=known.asked,
        outage=lookup,
        outage_asked=turn,
        # Questions beside the polls may come in any number and prove no lasting outage.
        failed_polls=known.failed_polls + polled,
    )


def differs(old: Answer | None, new: Answer) -> bool:
    """Whether those who follow the reference are now told something else."""
    return old is None or comparable(old.told()) != comparable(new.told())


def comparable(told: object) -> object:
    """Errors are equal when their kinds and messages are."""
    return (type(told), told.message) if isinstance(told, LockgateError) else told
