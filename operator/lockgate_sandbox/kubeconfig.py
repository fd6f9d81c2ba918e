"""How a client is told where the API server is and who it is itself.

Kubeconfigs are written as JSON, which every YAML reader takes, with all keys inside, so that
one file is enough and may be copied. This file makes no certificate and calls no server.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from lockgate_sandbox.pki import KeyPair
from lockgate_sandbox.worlds import write_atomically


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def write_kubeconfig(path: Path, server: str, authority: bytes, identity: KeyPair | str) -> Path:
    """Write a kubeconfig for `server` (a URL) whose caller is a client certificate or a bearer token."""
    match identity:
        case KeyPair(key, certificate):
            user = {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)}
        case token:
            user = {"token": token}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lockgate",
        "contexts": [{"name": "lockgate", "context": {"cluster": "lockgate", "user": "lockgate"}}],
        "clusters": [
            {
                "name": "lockgate",
                "cluster": {"server": server, "certificate-authority-data": _encoded(authority)},
            }
        ],
        "users": [{"name": "lockgate", "user": user}],
    }
    write_atomically(path, json.dumps(config, indent=1))
    return path
