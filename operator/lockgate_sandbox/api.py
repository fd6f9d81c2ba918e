"""The few calls the sandbox itself makes to an API server, over plain HTTP from the standard library.

It reads kubeconfigs of the sandbox's own making (certificate or token inside) and nothing else:
strange clusters with login plug-ins are asked through kubectl instead. No retries, no cache.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from lockgate_sandbox.errors import SandboxError

Json = dict[str, Any]


class ApiError(SandboxError):
    """The API server answered with an error; `status` is its HTTP status code."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"API server answered {status}: {message}")
        self.status = status


class ApiClient:
    """One caller's connection to one API server. Not to be shared between threads."""

    def __init__(self, kubeconfig: Path, timeout: float = 10.0) -> None:
        """Read the caller's identity; `timeout` in seconds holds for each single read of the socket."""
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        server = urlsplit(cluster["server"])
        self._host, self._port = server.hostname or "127.0.0.1", server.port or 443
        self._timeout = timeout
        self._token: str | None = user.get("token")
        self._tls = _tls_context(cluster, user)
        self._connection: http.client.HTTPSConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection; the next call opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def abort(self) -> None:
        """End a watch that another thread is reading; that thread then sees the end of the stream."""
        if self._connection is not None and self._connection.sock is not None:
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)

    def get(self, path: str, **query: str) -> Json:
        """Read one object or list."""
        return self.call("GET", path + (f"?{urlencode(query)}" if query else ""))

    def post(self, path: str, body: Json) -> Json:
        """Create an object."""
        return self.call("POST", path, body)

    def merge(self, path: str, body: Json) -> Json:
        """Change an object by a merge patch."""
        return self.call("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path: str, body: Json | None = None) -> Json:
        """Delete an object, with delete options as `body` where given."""
        return self.call("DELETE", path, body)

    def call(
        self, method: str, path: str, body: Json | None = None, content_type: str = "application/json"
    ) -> Json:
        """One request; ApiError for an error answer, OSError or HTTPException where there is none."""
        try:
            response = self._send(method, path, body, content_type)
            text = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if response.status >= 400:
            raise ApiError(response.status, _message(text))
        return _object(text)

    def watch(self, path: str, **query: str) -> Iterator[Json]:
        """Events of a watch until the server ends it, the client is closed or a read times out."""
        response = self._send("GET", f"{path}?{urlencode({**query, 'watch': 'true'})}", None, "")
        if response.status >= 400:
            text = response.read()
            raise ApiError(response.status, _message(text))
        while line := response.readline():
            yield json.loads(line)

    def _send(self, method: str, path: str, body: Json | None, content_type: str) -> http.client.HTTPResponse:
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._host, self._port, context=self._tls, timeout=self._timeout
            )
        headers = {"Accept": "application/json", "User-Agent": "lockgate-sandbox"}
        if body is not None:
            headers["Content-Type"] = content_type
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        payload = None if body is None else _encoded(body)
        self._connection.request(method, path, payload, headers)
        return self._connection.getresponse()


def wait_until_found(client: ApiClient, path: str, within: float) -> Json:
    """Read an object that is about to appear; SandboxError after `within` seconds without it."""
    deadline = time.monotonic() + within
    while True:
        try:
            return client.get(path)
        except (ApiError, OSError, http.client.HTTPException) as error:
            if time.monotonic() > deadline:
                raise SandboxError(f"{path} did not appear within {within:g} s ({error})") from error
        time.sleep(0.05)


def _tls_context(cluster: Json, user: Json) -> ssl.SSLContext:
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    if "client-certificate-data" in user:
        # The ssl module loads client keys from files only.
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]))
            pair.write(base64.b64decode(user["client-key-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
    return context


def _encoded(body: Json) -> bytes:
    """JSON as the operator writes it: a letter of four bytes takes four, not the twelve of its escapes."""
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Half a letter has no bytes of its own.
        return json.dumps(body).encode()


def _object(text: bytes) -> Json:
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {"text": text.decode(errors="replace")}
    return value if isinstance(value, dict) else {"value": value}


def _message(text: bytes) -> str:
    return str(_object(text).get("message", text.decode(errors="replace")[:300]))
