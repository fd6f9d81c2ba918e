"""Answers of the Kubernetes API as our errors.

Every refusal is named by verb and object, so that the sentence says what to fix; bodies and
headers never enter a message.
"""

from lockgate.domain.resources import Object
from lockgate.errors import (
    ClusterUnavailable,
    Conflict,
    Forbidden,
    InternalError,
    InvalidSpec,
    LockgateError,
    NotOwned,
)


def from_status(what: str, code: int, status: Object, retry_after: float | None) -> LockgateError:
    """The error for a refused request; `what` reads like "apply Deployment growth/churn"."""
    said = str(status.get("message", ""))[:500]
    causes = (status.get("details") or {}).get("causes") or ()
    match code:
        case 409 if any(cause.get("reason") == "FieldManagerConflict" for cause in causes):
            return NotOwned(f"could not {what}: another manager owns fields of it; {said}")
        case 409:
            return Conflict(f"could not {what}: it changed meanwhile")
        case 401 | 403:
            return Forbidden(f"could not {what}: the operator's rights do not allow it; {said}")
        case 422 | 400:
            return InvalidSpec(f"could not {what}:", f"the API server refuses it; {said}")
        case 404:
            return Conflict(f"could not {what}: it is gone")
        case 429 | 500 | 502 | 503 | 504:
            return ClusterUnavailable(f"could not {what}: the API server answered {code}", retry_after)
        case _:
            return InternalError(f"could not {what}: the API server answered {code}")
