"""Who may replace a dead client: whoever finds it dead first, and nobody its successor."""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.registry_door.asking import client_processes
from tests.waiting import wait_until

from lockgate.errors import AccessDenied, RegistryClientFailed
from lockgate.registries.wandb.connection import WandbConnection
from lockgate_sandbox.registry.running import RunningRegistry


@pytest.fixture
def connection(server: RunningRegistry, key_file: Path) -> WandbConnection:
    return WandbConnection(base_url=server.url, api_key_file=key_file, timeout=10)


def test_the_one_who_finds_a_client_dead_last_takes_the_new_one(connection: WandbConnection) -> None:
    replaced, seen = threading.Event(), dict[str, list[Any]](early=[], late=[])

    def early(api: Any) -> None:
        seen["early"].append(api)
        if len(seen["early"]) == 1:
            raise ConnectionResetError
        replaced.set()

    def late(api: Any) -> None:
        seen["late"].append(api)
        if len(seen["late"]) == 1:
            assert replaced.wait(10)
            raise ConnectionResetError

    connection.call("warm up", lambda api: None)
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(connection.call, "ask", action) for action in (late, early)]
        for one in both:
            one.result(timeout=20)
    connection.drop()
    assert seen["early"][0] is seen["late"][0]
    assert seen["early"][1] is seen["late"][1]
    assert seen["early"][0] is not seen["early"][1]


def test_a_client_that_dies_twice_is_given_up(connection: WandbConnection) -> None:
    asked = []

    def dies(api: Any) -> None:
        asked.append(api)
        raise BrokenPipeError

    with pytest.raises(RegistryClientFailed, match="could not ask: the registry client's process died"):
        connection.call("ask", dies)
    connection.drop()
    assert len(asked) == 2


def test_a_client_whose_process_is_killed_while_it_is_let_go_ends_nothing_of_ours(
    connection: WandbConnection,
) -> None:
    connection.call("warm up", lambda api: None)
    (process,) = client_processes()
    os.kill(process, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        dropped = threads.submit(connection.drop)
        # It was told to end, which it does not: the client waits for that.
        wait_until("let go", lambda: "WANDB_SERVICE" not in os.environ)
        with pytest.raises(TimeoutError):
            dropped.result(timeout=0.2)
        os.kill(process, signal.SIGKILL)
        assert dropped.result(timeout=10) is None
    connection.call("ask again", lambda api: None)
    assert client_processes() != [process]
    connection.drop()


def test_a_client_that_wants_to_end_the_program_is_built_anew(connection: WandbConnection) -> None:
    asked = []

    def exits(api: Any) -> str:
        asked.append(api)
        if len(asked) == 1:
            sys.exit(-9)
        return "answered"

    assert connection.call("ask", exits) == "answered"
    connection.drop()


def test_a_client_that_never_began_is_dropped_without_loading_it(
    connection: WandbConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None makes an import of it fail.
    monkeypatch.setitem(sys.modules, "wandb", None)
    connection.drop()
    unreadable = WandbConnection(base_url="http://127.0.0.1:9", api_key_file=Path("/nowhere"), timeout=1)
    with pytest.raises(AccessDenied, match="/nowhere"):
        unreadable.call("ask", lambda api: None)
    unreadable.drop()
