"""The stand-in over HTTP, as clients of AWS speak to it, and an address by which a test moves its world.

It lends keys for any web identity, and takes any signature that is one: whose it is, is not asked. Time
passes only when `/admin` says so.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from lockgate_sandbox.fake_ecs.account import Account
from lockgate_sandbox.fake_ecs.shapes import PROTOCOL_TARGET, FakeFault, NotAws
from lockgate_sandbox.fake_ecs.tasks import Fate

_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=\S+/\d{8}/[a-z0-9-]+/ecs/aws4_request, "
    r"SignedHeaders=\S+, Signature=[0-9a-f]{64}"
)
_LENT = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIALENT</AccessKeyId>
<SecretAccessKey>lent-secret</SecretAccessKey><SessionToken>lent-token</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


class Server(ThreadingHTTPServer):
    """Serves one account; one request at a time moves it."""

    def __init__(self, account: Account, host: str, port: int) -> None:
        super().__init__((host, port), _Handler)
        self.account, self.lock = account, threading.Lock()

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._answer(200, {"ok": self.path == "/healthz"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            if self.path == "/admin":
                self._answer(200, _administer(self.server.account, json.loads(body)))
            elif self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
                self._lend(parse_qs(body.decode()))
            else:
                self._ecs(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called above
        """Nobody reads it."""

    def _ecs(self, body: bytes) -> None:
        prefix, _, operation = self.headers.get("X-Amz-Target", "").partition(".")
        try:
            if prefix != PROTOCOL_TARGET:
                raise FakeFault("ClientException", "no such target")
            if not _SIGNATURE.fullmatch(self.headers.get("Authorization", "")):
                raise FakeFault("UnrecognizedClientException", "the request is not signed")
            self._answer(200, self.server.account.answer(operation, json.loads(body)))
        except FakeFault as fault:
            status = 500 if fault.code == "ServerException" else 400
            self._answer(status, {"__type": fault.code, "message": fault.message})
        except NotAws as defect:
            self._answer(599, {"message": str(defect)})

    def _lend(self, form: dict[str, list[str]]) -> None:
        is_whole = all(form.get(name) for name in ("RoleArn", "RoleSessionName", "WebIdentityToken"))
        if form.get("Action") != ["AssumeRoleWithWebIdentity"] or not is_whole:
            self._answer(400, {"__type": "InvalidIdentityToken", "message": "no web identity"})
            return
        self._send(200, _LENT.encode())

    def _answer(self, status: int, document: Any) -> None:
        self._send(status, json.dumps(document).encode())

    def _send(self, status: int, raw: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _administer(account: Account, asked: dict[str, Any]) -> dict[str, Any]:
    account.fates |= {version: Fate(fate) for version, fate in asked.get("fates", {}).items()}
    if asked.get("heal"):
        account.refusals.clear()
    for operation, code in asked.get("refuse", {}).items():
        account.refuse(operation, code)
    if alarm := asked.get("setOff"):
        account.set_off(alarm)
    account.advance(float(asked.get("advance", 0)))
    return {"now": account.now, "requests": [operation for operation, _ in account.requests]}
