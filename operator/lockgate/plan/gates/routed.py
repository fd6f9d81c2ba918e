"""Does the traffic go as it was written, by what the gateway itself says and not by what was asked?"""

from datetime import datetime

from lockgate.domain.gate import YES, Evidence, GateVerdict, Holds


def routed(evidence: Evidence, now: datetime) -> GateVerdict:
    """Holds when all ways of the step are taken over: the front, and the split by the data plane."""
    observed = evidence.observed
    if evidence.front != observed.front:
        return _not_yet("its pods do not answer at its own address yet")
    if evidence.split is None:
        return YES
    route = observed.route
    if route is not None and route.written == route.served == evidence.split:
        return YES
    refused = route.problem if route else None
    return _not_yet(f"the gateway has not taken over the split yet{f': {refused}' if refused else ''}")


def _not_yet(sentence: str) -> GateVerdict:
    return GateVerdict(holds=Holds.NOT_YET, sentence=sentence)
