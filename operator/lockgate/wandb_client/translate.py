"""What a failure of the client means, as our errors.

The client has no class for absence, wraps what happened in several layers, and hides throttling
behind a time-out; what was measured about it is gathered here (wandb 0.31).
"""

import re

from lockgate.errors import AccessDenied, LockgateError, RegistryClientFailed, RegistryUnavailable

_REFUSED = re.compile(r"permission|denied|forbidden|not authorized|unauthorized|relogin", re.IGNORECASE)
_BROKEN = (ConnectionError, EOFError)


def translate(what: str, error: BaseException) -> LockgateError:
    """What a failure of the client means. An outage is never taken for absence, nor the reverse."""
    cause = _cause(error)
    kind = type(cause).__name__
    if kind == "MailboxClosedError" or isinstance(cause, _BROKEN):
        return RegistryClientFailed(f"could not {what}: the registry client's process died")
    if kind == "WandbApiFailedError":
        return _from_answer(what, cause)
    if kind in ("AuthenticationError", "UsageError"):
        return AccessDenied(f"could not {what}: the registry's API key cannot be used; check the Secret")
    return RegistryUnavailable(f"could not {what}: the registry gave no usable answer ({kind})")


def http_status(error: BaseException) -> int | None:
    """The HTTP status that the registry answered with: 0 for GraphQL errors, None for no answer."""
    response = getattr(_cause(error), "response", None)
    return None if response is None else int(response.http_status)


def _from_answer(what: str, cause: BaseException) -> LockgateError:
    match http_status(cause):
        case 401 | 403:
            return AccessDenied(
                f"could not {what}: the registry refuses the operator's API key; give it the role of a viewer"
            )
        case None:
            return RegistryUnavailable(f"could not {what}: the registry did not answer in time")
        case 0 if _REFUSED.search(str(cause)):
            return AccessDenied(
                f"could not {what}: the operator's API key may not read it; give it the role of a viewer"
            )
        case 0:
            return RegistryUnavailable(f"could not {what}: the registry answered with an error")
        case 404:
            return RegistryUnavailable(
                f"could not {what}: no registry answers at its address; check registry.baseUrl in the chart"
            )
        case status:
            return RegistryUnavailable(f"could not {what}: the registry answered {status}")


def is_absence(error: BaseException) -> str | None:
    """What the client says was not found, if that is what the failure means."""
    cause = _cause(error)
    return str(cause) if type(cause) is ValueError else None


def is_unfinished(error: BaseException) -> bool:
    """Whether the version's upload has not ended: the client asserts that it has."""
    return type(_cause(error)) is AssertionError


def _cause(error: BaseException) -> BaseException:
    """The client wraps what happened: CommError in `exc`, AuthenticationError in `__cause__`."""
    inner = getattr(error, "exc", None)
    if isinstance(inner, BaseException):
        return _cause(inner)
    if type(error).__name__ == "AuthenticationError" and error.__cause__ is not None:
        return _cause(error.__cause__)
    return error
