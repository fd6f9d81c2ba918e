"""Does what was measured of the candidate speak for it? Measuring and judging is done before.

What is told of it stands still while nothing is decided, so that an analysis that goes on for hours
writes no status; the figures are for metrics.
"""

from dataclasses import replace
from datetime import datetime

from lockgate.api.analysis import Analysis
from lockgate.api.status import Revision
from lockgate.domain.analysis import Judgement, Readings, Unread
from lockgate.domain.gate import YES, Evidence, GateVerdict, Holds
from lockgate.names import Reason
from lockgate.sentences import listed


def analysed(evidence: Evidence, now: datetime) -> GateVerdict:
    """Holds when what was measured speaks for it; also where no analysis is asked for."""
    return YES if evidence.analysis is None or evidence.hurried else evidence.analysis


def not_measured(candidate: Revision, analysis: Analysis, now: datetime) -> GateVerdict:
    """The verdict before the first measurement."""
    return GateVerdict(
        holds=Holds.NOT_YET,
        sentence=_being_measured(candidate, analysis),
        reason=Reason.ANALYSIS_RUNNING,
        again_at=now + analysis.interval,
    )


def told(candidate: Revision, analysis: Analysis, readings: Readings, found: Judgement) -> GateVerdict:
    """The verdict of what was measured, as it is told."""
    verdict = found.verdict
    unread = next((one for one in readings.metrics if isinstance(one, Unread)), None)
    match verdict.holds:
        case Holds.NO:
            return replace(verdict, reason=Reason.ANALYSIS_FAILED)
        case Holds.INCONCLUSIVE:
            silent = [each.metric.name for each in found.measured if each.holds is Holds.INCONCLUSIVE]
            sentence = f"what was measured of {candidate.version} says too little: metric {listed(silent)}"
            sentence = unread.sentence if unread and unread.lasting else sentence
            return replace(verdict, sentence=sentence, reason=Reason.ANALYSIS_INCONCLUSIVE)
        case Holds.NOT_YET:
            sentence = unread.sentence if unread else _being_measured(candidate, analysis)
            return replace(verdict, sentence=sentence, reason=Reason.ANALYSIS_RUNNING)
        case _:
            return verdict


def _being_measured(candidate: Revision, analysis: Analysis) -> str:
    return f"{candidate.version} is being measured: {listed(metric.name for metric in analysis.metrics)}"
