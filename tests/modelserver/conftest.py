"""A model server as a real process, on a model that was really trained."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from lockgate_sandbox import modelserver
from lockgate_sandbox.training import Which, train

_PACKAGE = Path(modelserver.__file__).parent
_DEADLINE = 20.0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("modelserver")


class Server:
    """A running `python -m modelserver`, started the way its image starts it: standing alone."""

    def __init__(self, model_dir: Path, home: Path, *args: str, version: str = "v1") -> None:
        self.home = home
        self._connections: list[http.client.HTTPConnection] = []
        home.mkdir(exist_ok=True)
        if not (home / "modelserver").exists():
            (home / "modelserver").symlink_to(_PACKAGE)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "modelserver", "--host", "127.0.0.1", "--port", "0", *args],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(home),
                "HOME": str(home),
                "MODEL_PATH": str(model_dir),
                "MODEL_NAME": "churn",
                "MODEL_VERSION": version,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> Self:
        """Wait for the line that tells the port; fail with the server's own words otherwise."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate(timeout=_DEADLINE)[1])
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def next_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_DEADLINE)
        self._connections.append(connection)
        return connection

    def get(self, path: str) -> tuple[int, Any]:
        return self._ask("GET", path, None, {})

    def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._ask("POST", path, content, headers or {})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, Any]:
        connection = self.connect()
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content.decode() if path == "/metrics" else json.loads(content)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self.process.kill()
        self.process.communicate()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> tuple[int, str]:
        """Exit code and the rest of stderr."""
        _, err = self.process.communicate(timeout=_DEADLINE)
        return self.process.returncode, err


StartServer = Callable[..., Server]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[Which, Path]:
    """Both trained versions, each in a directory of its own."""
    root = tmp_path_factory.mktemp("models")
    versions: tuple[Which, ...] = ("v1", "v2")
    return {which: train(which, root / which).path.parent for which in versions}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers and ends those that are still there."""
    started: list[Server] = []

    def start(model_dir: Path, *args: str, version: str = "v1") -> Server:
        server = Server(model_dir, tmp_path / "package", *args, version=version)
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture(scope="module")
def server(models: dict[Which, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server of version 1 for all tests that only ask."""
    server = Server(models["v1"], tmp_path_factory.mktemp("package"), "--max-body-bytes=20000").ready()
    yield server
    server.close()
