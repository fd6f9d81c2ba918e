"""When a rollout may begin, and what becomes of one that fails or is overtaken, as its author chose it.

Values only. Field for field the schemas under crds/; what follows from them is said in plan/.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

LEAST_PATIENCE: Final = timedelta(minutes=20)
"""How long a candidate of any size may stand still; longer than one fetch may take unless told otherwise."""


class OnFailure(StrEnum):
    """What becomes of a candidate that fails."""

    ROLLBACK = "Rollback"
    FREEZE = "Freeze"


class Supersede(StrEnum):
    """What becomes of a candidate when a newer version is asked for."""

    RESTART = "Restart"
    QUEUE = "Queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """How long an alias must stay, and what was rolled out be left alone, before a rollout begins."""

    debounce: timedelta = timedelta()
    soak: timedelta = timedelta()
