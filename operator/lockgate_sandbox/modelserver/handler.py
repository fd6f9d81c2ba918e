"""One HTTP request: find what its path means, answer in one write, in JSON also when it is wrong."""

from __future__ import annotations

import json
import re
import sys
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar, NoReturn

from . import answers, metrics
from .errors import RequestError
from .service import Service

_MODEL_PATH = re.compile(
    r"/v2/models/(?P<name>[^/]+)(/versions/(?P<version>[^/]+))?(/(?P<verb>ready|infer))?"
)
_IDLE_SECONDS = 60.0
_SERVER = {"name": "lockgate-modelserver", "version": "1", "extensions": []}


class Handler(BaseHTTPRequestHandler):
    """Answers the paths of the protocol, and /metrics."""

    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = _IDLE_SECONDS
    # Head and body leave in one piece: in two, Nagle and delayed ACK cost 40 ms a request.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def __init__(self, service: Service, *connection: Any) -> None:
        """Answers the requests of one connection, and returns when that is over."""
        self._service = service
        super().__init__(*connection)

    def do_GET(self) -> None:
        """Health, metadata and metrics."""
        with self._service.request():
            self._send(*self._outcome(self._get))

    def do_POST(self) -> None:
        """Inference."""
        with self._service.request():
            began = time.perf_counter()
            status, body = self._outcome(self._post)
            # Counted before it leaves, so that whoever has the answer finds it in /metrics.
            self._service.metrics.observe(status, time.perf_counter() - began)
            self._send(status, body)
            if self._service.tells_answers and status == HTTPStatus.OK:
                answers.tell(self.headers.get(answers.REQUEST_ID), body)

    def _outcome(self, work: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
        try:
            return work()
        except RequestError as error:
            return error.status, {"error": str(error)}
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return 500, {"error": "the server failed on this request; its log says why"}

    def _get(self) -> tuple[int, Any]:
        path = self.path.partition("?")[0].rstrip("/")
        ready = not self._service.draining
        match path:
            case "/v2":
                return 200, _SERVER
            case "/v2/health/live":
                return 200, {"live": True}
            case "/v2/health/ready":
                return 200 if ready else 503, {"ready": ready}
            case "/metrics":
                return 200, self._service.metrics.page()
        match self._verb(path):
            case None:
                return 200, self._service.model.metadata()
            case "ready":
                return 200 if ready else 503, {"name": self._service.model.name, "ready": ready}
            case _:
                raise RequestError(405, "send inference requests with POST")

    def _post(self) -> tuple[int, Any]:
        # Read first: a body left on the connection would be taken for the next request.
        body = self._body()
        if self._verb(self.path.partition("?")[0]) != "infer":
            raise RequestError(404, f"nothing takes a POST at {self.path}")
        if "Inference-Header-Content-Length" in self.headers:
            raise RequestError(400, "binary tensors are not supported; send data as JSON")
        try:
            request = json.loads(body, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise RequestError(400, f"the request is not JSON: {error}") from error
        return 200, self._service.model.infer(request)

    def _verb(self, path: str) -> str | None:
        """What is asked of our model; RequestError (404) when the path means anything else."""
        found = _MODEL_PATH.fullmatch(path)
        model = self._service.model
        if found is None:
            raise RequestError(404, f"there is nothing at {path}")
        if found["name"] != model.name or found["version"] not in (None, model.version):
            raise RequestError(404, f"this server has only model {model.name} in version {model.version}")
        return found["verb"]

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        try:
            if not length.isdecimal():
                raise RequestError(411, "give the length of the body in Content-Length")
            if int(length) > self._service.max_body_bytes:
                limit = self._service.max_body_bytes
                raise RequestError(413, f"the body has {length} bytes, above the limit of {limit}")
        except RequestError:
            self.close_connection = True
            raise
        try:
            body = self.rfile.read(int(length))
        except OSError:
            body = b""
        if len(body) < int(length):
            self.close_connection = True
            raise RequestError(400, "the body ended before its Content-Length")
        return body

    def _send(self, status: int, body: Any) -> None:
        text = isinstance(body, str)
        content = (body if text else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", metrics.CONTENT_TYPE if text else "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self._service.draining or self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def handle_expect_100(self) -> bool:
        """Let a client send its body: at once, for it waits."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the standard library found wrong (method, request line) in JSON as well."""
        self.close_connection = True
        self._send(code, {"error": message or explain or HTTPStatus(code).phrase})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing of single requests; /metrics counts them."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
