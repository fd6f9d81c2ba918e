"""Has the step been held for as long as its author asked, or did a person let it go on?"""

from datetime import datetime, timedelta
from functools import partial

from lockgate.api.moments import format_time
from lockgate.api.strategy import Pause
from lockgate.domain.gate import YES, Evidence, Gate, GateVerdict, Holds
from lockgate.names import Reason


def held_by(pause: Pause | None) -> tuple[Gate, ...]:
    """The gates of a step with this pause; it counts from when the step was reached."""
    if pause is None:
        return ()
    return (approved,) if pause.duration is None else (partial(paused, pause.duration),)


def paused(duration: timedelta, evidence: Evidence, now: datetime) -> GateVerdict:
    """Holds when the step has lasted so long."""
    until = (evidence.reached_at or now) + duration
    if evidence.hurried or until <= now:
        return YES
    sentence = f"{evidence.candidate.version} is held in this step until {format_time(until)}"
    return GateVerdict(holds=Holds.NOT_YET, sentence=sentence, again_at=until)


def approved(evidence: Evidence, now: datetime) -> GateVerdict:
    """Holds when somebody has approved the release in this step."""
    if evidence.hurried or evidence.approved:
        return YES
    candidate = evidence.candidate
    asked = f"{candidate.version} waits for somebody to approve release {candidate.release}"
    return GateVerdict(holds=Holds.NOT_YET, sentence=asked, reason=Reason.WAITING_FOR_APPROVAL)
