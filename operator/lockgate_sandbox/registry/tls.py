"""HTTPS for the registry: its certificate, and the authority that clients must trust to believe it.

A directory holds `ca.crt` (for clients), `server.crt` and `server.key`. What is missing is made anew,
by an authority of its own that nobody else trusts.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

CA = "ca.crt"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def ensure_certificates(directory: Path, hosts: Sequence[str] = ()) -> Path:
    """Make the certificates unless they are there, for loopback and `hosts`; returns the authority's file."""
    if not (directory / "server.crt").exists():
        # Imported here: a server that is given its certificates makes none.
        from lockgate_sandbox.pki import Authority

        directory.mkdir(parents=True, exist_ok=True)
        authority = Authority.create()
        names = dict.fromkeys((*_LOOPBACK, socket.gethostname(), *hosts))
        authority.server("registry", list(names)).write(directory, "server")
        (directory / CA).write_bytes(authority.pair.certificate)
    return directory / CA


def server_context(directory: Path) -> ssl.SSLContext:
    """What a listening socket needs; raises OSError when the files cannot be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(directory / "server.crt", directory / "server.key")
    return context
