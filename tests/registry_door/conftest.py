"""One registry and one adapter for all tests of a module; trouble and counts begin anew in each."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lockgate.registries.wandb.registry import WandbRegistry
from lockgate_sandbox.registry.running import RunningRegistry, start_registry

PATIENCE = 20.0  # seconds; for tests that do not wait for it
MakeDoor = Callable[..., WandbRegistry]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and "server" in getattr(item, "fixturenames", ()):
            item.add_marker("registry")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with start_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(autouse=True)
def calm(request: pytest.FixtureRequest) -> Iterator[None]:
    """No trouble before and after a test that asks the registry; requests are counted from here."""
    if "server" not in request.fixturenames:
        yield
        return
    server: RunningRegistry = request.getfixturevalue("server")
    server.faults.clear()
    server.requests.clear()
    yield
    server.faults.clear()


@pytest.fixture(scope="module")
def key_file(server: RunningRegistry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "api-key"
    file.write_text(server.keys["viewer"] + "\n")
    return file


@pytest.fixture(scope="module")
def make_door(server: RunningRegistry, key_file: Path) -> Iterator[MakeDoor]:
    """Makes adapters. They share the client's one process: what one of them closes, others rebuild."""
    before, doors = dict(os.environ), list[WandbRegistry]()

    def make(*, timeout: float = PATIENCE, key_file: Path = key_file, url: str = server.url) -> WandbRegistry:
        doors.append(WandbRegistry(base_url=url, api_key_file=key_file, timeout=timeout))
        return doors[-1]

    yield make
    for door in doors:
        door.close()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def door(make_door: MakeDoor) -> WandbRegistry:
    """An adapter as patient as the operator's."""
    return make_door()
