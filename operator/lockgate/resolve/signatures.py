"""Could clients of the version that serves go on with this one, by the signatures that both declare?

Nothing is asked here, and what the author made of the answer is the rule's: refuse, warn, or do not look.
A first version has nobody's clients; all the same it must say what it takes where the rule requires that,
or no later one could be compared with it.
"""

from collections.abc import Callable

from lockgate.api.gates import GateRule
from lockgate.domain.signature import first_difference, signature_of
from lockgate.domain.version import Version
from lockgate.errors import GateRefused, LockgateError, Transient, Unanswered

_WAY_OUT = "pin a version that declares one, or let the gate warn until one serves"


def check_signature(rule: GateRule, candidate: Version, stable: Callable[[], Version | None]) -> str | None:
    """What is to be told of a version that may begin all the same; raises GateRefused for one that may not.

    `stable` is asked for the version that serves only where somebody has to know; None where none serves.
    """
    if rule is GateRule.IGNORE:
        return None
    told = _against(candidate, stable)
    if told is None or rule is GateRule.WARN:
        return told and f"gate signature: {told}"
    raise GateRefused(f"gate signature refuses {candidate.number}: {told}")


def _against(candidate: Version, stable: Callable[[], Version | None]) -> str | None:
    try:
        new = signature_of(candidate.signature)
    except ValueError as error:
        return f"what {candidate.number} takes and yields cannot be told, for {error}"
    try:
        serving = stable()
    except (Transient, Unanswered):
        raise
    except LockgateError as error:
        return f"what the version that serves takes cannot be told ({error.message}); {_WAY_OUT}"
    if serving is None:
        return None
    try:
        old = signature_of(serving.signature)
    except ValueError as error:
        return f"what {serving.number}, which serves, takes cannot be told, for {error}; {_WAY_OUT}"
    return first_difference(old, new)
