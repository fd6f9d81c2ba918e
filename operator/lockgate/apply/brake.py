"""Ends a fight over an object before it costs anybody pods.

What counts is each time that somebody else's change has to be written over: a field put right
again, an object that was removed, and also another rendering than the one that this process wrote
last, for that is another Lockgate. Going from one rendering of our own to the next is no fight,
nor is a write that the API server turns away.
A fight that goes on after a pause is paused for twice as long, up to an hour.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from lockgate.apply.objects import Thing
from lockgate.errors import Contested

# So often within this time an object is put right before it counts as contested.
REPAIRS = 5
REPAIRS_WITHIN_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 3600.0


@dataclass(slots=True)
class _Fight:
    repairs: deque[float] = field(default_factory=deque)
    pause: float = 0.0
    until: float = 0.0


class Brake:
    """Remembers, for each object by kind and key, what was written last and how often it was put right.

    `tell` hears of each pause, once: what is contested and for how many seconds it is left.
    """

    def __init__(self, monotonic: Callable[[], float], tell: Callable[[str, float], None]) -> None:
        self._monotonic = monotonic
        self._tell = tell
        self._fights: defaultdict[Thing, _Fight] = defaultdict(_Fight)
        self._written: dict[Thing, str] = {}

    def is_foreign(self, thing: Thing, found: str | None) -> bool:
        """Whether what was found (a render hash, or None) is not what this process wrote last."""
        return thing in self._written and self._written[thing] != found

    def is_last(self, thing: Thing, render_hash: str) -> bool:
        """Whether this rendering is what this process wrote last."""
        return self._written.get(thing) == render_hash

    def count(self, thing: Thing, what: str) -> None:
        """Somebody else's change is to be written over; raises Contested when that is too often."""
        now, fight = self._monotonic(), self._fights[thing]
        if now >= fight.until + 2 * fight.pause:
            fight.pause = 0.0  # peace since
        while fight.repairs and fight.repairs[0] <= now - REPAIRS_WITHIN_SECONDS:
            fight.repairs.popleft()
        if now >= fight.until and len(fight.repairs) < (1 if fight.pause else REPAIRS):
            fight.repairs.append(now)
            return
        if now >= fight.until:
            fight.pause = min(max(2 * fight.pause, REPAIRS_WITHIN_SECONDS), LONGEST_PAUSE_SECONDS)
            fight.until = now + fight.pause
            self._tell(what, fight.pause)
        raise Contested(
            f"{what} is put right again and again and is different still; "
            f"find who changes it with kubectl get --show-managed-fields{_advice(what)}",
            fight.until - now,
        )

    def take_back(self, thing: Thing) -> None:
        """What was counted last was not written: an API server that refuses is nobody to fight with."""
        if self._fights[thing].repairs:
            self._fights[thing].repairs.pop()

    def wrote(self, thing: Thing, render_hash: str) -> None:
        """This rendering is in the cluster by our hand."""
        self._written[thing] = render_hash

    def forget(self, thing: Thing) -> None:
        """The object's owner is gone."""
        self._fights.pop(thing, None)
        self._written.pop(thing, None)


def _advice(what: str) -> str:
    """The usual reason for a fight over this field, and its end."""
    is_scaled = what.startswith("spec.replicas ")
    return ", and let a HorizontalPodAutoscaler target the ModelDeployment" if is_scaled else ""
