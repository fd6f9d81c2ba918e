"""What a host's name alone tells of where it is. Pure."""

import contextlib
import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def may_keep_files(scheme: str, host: str, *, plain: bool, near: bool) -> bool:
    """Whether a registry may send its callers there for files; it can name any address.

    `plain` allows http, `near` addresses of this machine.
    """
    allowed = scheme == "https" or (scheme == "http" and plain)
    allowed = allowed and (near or not is_loopback(host))
    with contextlib.suppress(ValueError):
        literal = ipaddress.ip_address(host)
        allowed = allowed and not (literal.is_link_local or literal.is_unspecified)
    return allowed
