"""What the probes say, which is the truth.

Alive means that a restart would help nothing: the loop answers, the watch's thread runs and hears
what the API server says, passes end while keys wait. Ready means that every kind has been seen
and is watched. Neither depends on the registry, nor on how much there is to do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Longer than any pass may take (workers.PASS_SECONDS), with room for a busy machine.
STUCK_SECONDS = 300.0
DEAF_SECONDS = 300.0
# The API server counts as answering if it has answered a list of ours within this time.
ANSWERS_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What the probes ask; callables, so that nothing is computed before somebody asks."""

    watch_alive: Callable[[], bool]
    blind_seconds: Callable[[], float]
    answered_seconds: Callable[[], float]
    stuck_seconds: Callable[[], float]
    is_seen: Callable[[], bool]
    deaf_kinds: Callable[[], Sequence[str]]

    def deadly(self) -> list[str]:
        """What only a restart can mend; empty when all is well."""
        found = []
        if not self.watch_alive():
            found.append("the watch has ended")
        if self.blind_seconds() > DEAF_SECONDS and self.answered_seconds() < ANSWERS_SECONDS:
            found.append(
                f"the watch has heard nothing for {self.blind_seconds():.0f} s, and lists are answered"
            )
        if self.stuck_seconds() > STUCK_SECONDS:
            found.append(f"ModelDeployments wait, and no pass has ended for {self.stuck_seconds():.0f} s")
        return found

    def blinding(self) -> str:
        """Why the cluster is not seen; empty when it is."""
        if not self.is_seen():
            return "the cluster has not been listed yet"
        deaf = self.deaf_kinds()
        return f"not watched: {', '.join(deaf)}" if deaf else ""
