"""Answers of the Kubernetes API as our errors.

Every refusal is named by verb and object, so that the sentence says what to fix; bodies and
headers never enter a message. Whatever the body is, there is an error for it.
"""

from typing import Any

from lockgate.domain.resources import Object
from lockgate.errors import (
    AlreadyExists,
    ClusterUnavailable,
    Conflict,
    Forbidden,
    InternalError,
    LockgateError,
    NotOwned,
    Refused,
)
from lockgate.sentences import cause


def from_status(what: str, code: int, status: Object, retry_after: float | None) -> LockgateError:
    """The error for a refused request; `what` reads like "apply Deployment growth/churn"."""
    said = cause(status.get("message") or "it gives no reason")
    details = _mapping(status.get("details"))
    match code:
        case 409 if "FieldManagerConflict" in _all(details, "reason"):
            return NotOwned(f"could not {what}: another manager owns fields of it; {said}")
        case 409 if status.get("reason") == "AlreadyExists":
            return AlreadyExists(f"could not {what}: an object of that name exists")
        case 409:
            return Conflict(f"could not {what}: it changed meanwhile")
        case 401 | 403:
            # Rights, a quota, pod security, an admission webhook: its own words tell which.
            return Forbidden(f"could not {what}: the API server forbids it; {said}")
        case 422 if "metadata.uid" in _all(details, "field"):
            return Conflict(f"could not {what}: it was made anew meanwhile")
        case 422 | 400:
            return Refused(f"could not {what}: the API server refuses it; {said}")
        case 404 if details.get("name"):
            return Conflict(f"could not {what}: it is gone")
        case 404:
            # Only an object has a name to miss: what has none is the kind itself.
            return ClusterUnavailable(
                f"could not {what}: the API server does not know that kind; are the CRDs installed?",
                retry_after,
            )
        case 429 | 500 | 502 | 503 | 504:
            return ClusterUnavailable(f"could not {what}: the API server answered {code}", retry_after)
        case _:
            return InternalError(f"could not {what}: the API server answered {code}")


def _all(details: Object, name: str) -> list[Any]:
    causes = details.get("causes")
    return [_mapping(known).get(name) for known in causes] if isinstance(causes, list) else []


def _mapping(value: Any) -> Object:
    return value if isinstance(value, dict) else {}
