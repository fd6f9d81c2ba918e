"""Has the step been held for as long as its author asked, or did a person let it go on?"""

from datetime import datetime
from functools import partial

from lockgate.api.moments import format_time
from lockgate.api.strategy import Pause
from lockgate.domain.gate import YES, Evidence, Gate, GateVerdict, Holds
from lockgate.names import Reason


def paused(pause: Pause | None) -> Gate:
    """The gate of a step with this pause; it counts from when the step was reached."""
    return partial(_paused, pause)


def _paused(pause: Pause | None, evidence: Evidence, now: datetime) -> GateVerdict:
    if pause is None or evidence.hurried:
        return YES
    candidate = evidence.candidate
    if pause.duration is None:
        if evidence.approved:
            return YES
        asked = f"{candidate.version} waits for somebody to approve release {candidate.release}"
        return GateVerdict(holds=Holds.NOT_YET, sentence=asked, reason=Reason.WAITING_FOR_APPROVAL)
    until = (evidence.reached_at or now) + pause.duration
    if until <= now:
        return YES
    sentence = f"{candidate.version} is held in this step until {format_time(until)}"
    return GateVerdict(holds=Holds.NOT_YET, sentence=sentence, again_at=until)
