"""What a failure of the client means, as our errors.

The client has no class for absence, wraps what happened in several layers, and hides throttling
behind a time-out; what was measured about it is gathered here (wandb 0.30 and 0.31).
"""

import re

from lockgate.errors import (
    AccessDenied,
    InternalError,
    LockgateError,
    RegistryClientFailed,
    RegistryUnavailable,
    RegistryUntrusted,
)

_REFUSED = re.compile(r"permission|denied|forbidden|not authorized|unauthorized|relogin", re.IGNORECASE)
_UNTRUSTED = re.compile(r"x509:|CERTIFICATE_VERIFY_FAILED")
_BROKEN = (ConnectionError, EOFError, SystemExit)
# What only a mistake in a program raises, and no answer of a registry.
_DEFECTS = (AttributeError, TypeError, NameError, ImportError)
_READ_RIGHTS = "let the key's owner read the registry and its files"


def translate(what: str, error: BaseException) -> LockgateError:
    """What a failure of the client means. An outage is never taken for absence, nor the reverse."""
    cause = _cause(error)
    kind = type(cause).__name__
    if kind == "MailboxClosedError" or isinstance(cause, _BROKEN):
        return RegistryClientFailed(f"could not {what}: the registry client's process died")
    # By its words alone: one half of the client gives it no class, the other wraps it twice.
    if _UNTRUSTED.search(str(cause)):
        return RegistryUntrusted(untrusted(what))
    if kind == "WandbApiFailedError":
        return _from_answer(what, cause)
    if kind in ("AuthenticationError", "UsageError"):
        return AccessDenied(f"could not {what}: the registry's API key cannot be used; check the Secret")
    if isinstance(cause, _DEFECTS):
        return InternalError.of(cause, f"the attempt to {what}")
    return RegistryUnavailable(f"could not {what}: the registry gave no usable answer ({kind})")


def untrusted(what: str) -> str:
    """The sentence for a registry whose certificate is signed by nobody that is trusted here."""
    return (
        f"could not {what}: nobody trusted here vouches for the registry; give its authority as "
        "the registry's caBundle in the chart, and see that its baseUrl names it rightly"
    )


def http_status(error: BaseException) -> int | None:
    """The HTTP status that the registry answered with: 0 for GraphQL errors, None for no answer."""
    response = getattr(_cause(error), "response", None)
    return None if response is None else int(response.http_status)


def _from_answer(what: str, cause: BaseException) -> LockgateError:
    match http_status(cause):
        case 401 | 403:
            return AccessDenied(
                f"could not {what}: the registry refuses the operator's API key; {_READ_RIGHTS}"
            )
        case None:
            return RegistryUnavailable(f"could not {what}: the registry did not answer in time")
        case 0 if _REFUSED.search(str(cause)):
            return AccessDenied(f"could not {what}: the operator's API key may not read it; {_READ_RIGHTS}")
        case 0:
            return RegistryUnavailable(f"could not {what}: the registry answered with an error")
        case 404:
            return RegistryUnavailable(
                f"could not {what}: no registry answers at its address; check the registry's baseUrl in "
                "the chart"
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
