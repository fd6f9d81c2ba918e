"""What does an error of AWS mean for us? By its code and status. Pure.

Codes are of `botocore`'s model of the service and of the errors that all of AWS has in common. AWS says
in its own words who asked and with which role: those are told only where an argument is at fault.
"""

import json
from collections.abc import Mapping
from typing import Final

from lockgate.aws.errors import BackendDenied, BackendUnavailable
from lockgate.errors import (
    BackendNotReady,
    Conflict,
    LockgateError,
    Refused,
)
from lockgate.sentences import cause

_THROTTLED: Final = frozenset(
    {"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown"}
)
_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "BlockedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IDPRejectedClaim",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidIdentityToken",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
# What was seen is so no more, and the next pass sees it anew.
_BEHIND: Final = frozenset(
    {
        "ConflictException",
        "ServiceDeploymentNotFoundException",
        "ServiceNotActiveException",
        "ServiceNotFoundException",
        "UpdateInProgressException",
    }
)
_LONGEST_HINT: Final = 300.0


def error_of(
    target: str, operation: str, status: int, headers: Mapping[str, str], raw: bytes
) -> LockgateError:
    """The error of an answer that is none."""
    code, said = _read(raw)
    if code in _THROTTLED or status == 429:
        hint = _seconds(headers.get("Retry-After", ""))
        return BackendUnavailable(f"target {target} asks for patience ({operation} was throttled)", hint)
    if code in _DENIED or status in (401, 403):
        return BackendDenied(
            f"AWS does not let the operator call {operation} at target {target}; have its role or its "
            "credentials looked at"
        )
    if code == "ClusterNotFoundException":
        return BackendNotReady(f"the cluster of target {target} is not there")
    if code in _BEHIND:
        return Conflict(f"target {target} changed while it was looked at ({code}); it is looked at again")
    if status >= 500 or code == "ServerException" or not code:
        return BackendUnavailable(f"target {target} failed to answer {operation} (status {status})")
    return Refused(f"ECS refuses {operation} at target {target}: {cause(said or code)}")


def _read(raw: bytes) -> tuple[str, str]:
    """The code and the words, both empty where the answer has none."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    code = str(found.get("__type") or found.get("code") or "").rpartition("#")[2]
    return code[:200], str(found.get("message") or found.get("Message") or "")


def _seconds(text: str) -> float | None:
    return min(float(text), _LONGEST_HINT) if text.isascii() and text.isdigit() else None
