"""Two registry servers in one program: they share the client's process, and nothing else."""

import gc
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.registry_door.asking import ask_one, client_processes, found, told
from tests.waiting import wait_until

from lockgate.errors import RegistryNotFound, RegistryUnavailable
from lockgate.registries.wandb.registry import WandbRegistry
from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.running import RunningRegistry, start_registry

CHURN = "model/churn:production"
PATIENCE = 20.0


class Site:
    """One server with a version of its own, and the adapter that asks it."""

    def __init__(self, server: RunningRegistry, room: Path, **options: object) -> None:
        self.server = server
        self.seeded = server.seed_version(files={"m": str(room).encode()}, aliases=["production"])
        key = room / "api-key"
        key.write_text(server.keys["viewer"])
        given = {"timeout": PATIENCE} | options
        self.door = WandbRegistry(base_url=server.url, api_key_file=key, **given)  # type: ignore[arg-type]

    def answers(self) -> bool:
        """Ask for the version, which must be this server's; false while there is no answer."""
        answer = ask_one(self.door, self.server, CHURN)
        if isinstance(answer, RegistryUnavailable):
            return False
        version = found(answer)
        assert version.claim == f"wandb-md5:{self.seeded.digest}"
        assert self.door.inspect(version).files == 1
        return True


def kill(pid: int) -> None:
    """Kill the client's process, and wait for it in the client's stead, which never does."""
    os.kill(pid, signal.SIGKILL)
    for started in gc.get_objects():
        if isinstance(started, subprocess.Popen) and started.pid == pid:
            started.wait(PATIENCE)


@pytest.fixture
def environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def two(tmp_path: Path, environment: None) -> Iterator[tuple[Site, Site]]:
    for name in "ab":
        (tmp_path / name).mkdir()
    with start_registry(tmp_path / "a") as a, start_registry(tmp_path / "b", organization="Quay") as b:
        sites = Site(a, tmp_path / "a"), Site(b, tmp_path / "b")
        yield sites
        for site in sites:
            site.door.close()


pytestmark = pytest.mark.registry


def test_each_is_asked_with_its_own_key_and_tells_its_own_bytes(two: tuple[Site, Site]) -> None:
    for site in (*two, *two):
        assert site.answers()
    assert len({site.seeded.digest for site in two}) == 2
    for site in two:
        assert {record.user for record in site.server.requests.records()} == {"viewer"}
        assert not [record for record in site.server.requests.records() if record.status >= 400]
    assert len(client_processes()) == 1


def test_a_client_that_dies_is_built_anew_once_for_both(two: tuple[Site, Site]) -> None:
    assert all(site.answers() for site in two)
    (before,) = client_processes()
    kill(before)
    for site in two:
        wait_until("it answers again", site.answers)
    (after,) = client_processes()
    assert after != before
    # Whoever finds its own client dead must not end the other's new one.
    assert all(site.answers() for site in (*two, *two))
    assert client_processes() == [after]


def test_a_server_that_hangs_holds_up_nobody_who_asks_the_other(two: tuple[Site, Site]) -> None:
    silent, good = two
    assert good.answers()
    # Before its first answer: building a client asks its server, too.
    silent.server.faults.add(Fault(kind=FaultKind.HANG, count=1000))
    asking = threading.Thread(target=lambda: ask_one(silent.door, silent.server, CHURN), daemon=True)
    asking.start()
    wait_until("it is asked", lambda: any(armed["met"] for armed in silent.server.faults.show()))
    for _ in range(3):
        assert good.answers()
    assert asking.is_alive()
    silent.server.faults.clear()
    asking.join(2 * PATIENCE)
    wait_until("it answers as well", silent.answers)


def test_what_is_wrong_with_one_costs_the_other_no_client(two: tuple[Site, Site], tmp_path: Path) -> None:
    good, other = two
    lost = Site(other.server, tmp_path / "b", organization="Nowhere")
    assert good.answers()
    (process,) = client_processes()
    for _ in range(3):
        told(ask_one(lost.door, other.server, CHURN), RegistryNotFound)
        assert good.answers()
    assert client_processes() == [process]
    lost.door.close()
    wait_until("the others go on", good.answers)


def test_a_client_that_is_built_while_another_goes_is_ended_with_its_own_registry(
    two: tuple[Site, Site],
) -> None:
    going, slow = two
    assert going.answers()
    slow.server.faults.add(Fault(kind=FaultKind.HANG, count=1000))
    asking = threading.Thread(target=lambda: ask_one(slow.door, slow.server, CHURN), daemon=True)
    asking.start()
    wait_until("it is built", lambda: any(armed["met"] for armed in slow.server.faults.show()))
    going.door.close()
    slow.server.faults.clear()
    asking.join(2 * PATIENCE)
    wait_until("it answers", slow.answers)
    slow.door.close()
    wait_until("nothing is left", lambda: not client_processes())


def test_a_registry_that_goes_while_its_client_is_built_leaves_nothing_behind(two: tuple[Site, Site]) -> None:
    slow, _ = two
    connection = slow.door._connection
    slow.server.faults.add(Fault(kind=FaultKind.HANG, count=1000))
    asking = threading.Thread(target=lambda: connection.call("warm up", lambda api: None), daemon=True)
    asking.start()
    wait_until("it is built", lambda: any(armed["met"] for armed in slow.server.faults.show()))
    going = threading.Thread(target=connection.drop, daemon=True)
    going.start()
    slow.server.faults.clear()
    for thread in (asking, going):
        thread.join(2 * PATIENCE)
        assert not thread.is_alive()
    assert not client_processes()


# Connections that a loop of ours leaves behind when it ends.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("environment")
def test_each_server_may_have_an_authority_of_its_own(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    with (
        start_registry(tmp_path / "a", tls=True) as a,
        start_registry(tmp_path / "b", tls=True) as b,
    ):
        sites = [
            Site(server, tmp_path / name, ca_bundle=server.authority) for name, server in (("a", a), ("b", b))
        ]
        assert all(site.answers() for site in (*sites, *sites))
        for site in sites:
            site.door.close()
        gc.collect()  # here, where they are expected
