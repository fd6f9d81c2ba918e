"""Does the traffic go as it was written, by what the gateway itself says and not by what was asked?"""

from datetime import datetime

from lockgate.domain.gate import YES, Evidence, GateVerdict, Holds


def routed(evidence: Evidence, now: datetime) -> GateVerdict:
    """Holds when the data plane has taken over the split of the step; without one there is nothing to ask."""
    if evidence.split is None:
        return YES
    route = evidence.observed.route
    if route is not None and route.written == route.served == evidence.split:
        return YES
    return GateVerdict(holds=Holds.NOT_YET, sentence="the gateway has not taken over the split yet")
