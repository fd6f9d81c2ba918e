"""Does what was measured of the candidate speak for it? Measuring and judging is done before (`observe`)."""

from datetime import datetime

from lockgate.domain.gate import YES, Evidence, GateVerdict


def analysed(evidence: Evidence, now: datetime) -> GateVerdict:
    """The verdict of the analysis; yes where none is asked for, or where a person wants none."""
    return YES if evidence.analysis is None or evidence.hurried else evidence.analysis
