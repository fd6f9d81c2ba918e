"""The registry's door and the look-ups before it, together: what a fleet costs, and what hangs."""

import asyncio
import time
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.registry_door.asking import ask, ask_one, client_processes, found, ref, told
from tests.registry_door.conftest import MakeDoor
from tests.waiting import wait_until

from lockgate.errors import InternalError, LockgateError, RegistryUnavailable, Unanswered
from lockgate.registries.wandb.connection import WandbConnection
from lockgate.registries.wandb.registry import WandbRegistry
from lockgate.resolve.followers import Followers
from lockgate.resolve.lookups import Lookups
from lockgate.telemetry.metrics import Metrics
from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.running import RunningRegistry


async def test_a_move_that_a_thousand_follow_costs_four_requests(
    server: RunningRegistry, door: WandbRegistry
) -> None:
    server.seed_version(collection="fleet", files={"m.onnx": b"0"}, aliases=["production"])
    server.seed_version(collection="fleet", files={"m.onnx": b"1"})
    followers, woken = Followers(), set[tuple[str, str]]()
    lookups = Lookups(door, Metrics(CollectorRegistry()), followers, woken.add)
    keys = [(f"team-{number % 20}", f"churn-{number}") for number in range(1000)]
    for key in keys:
        followers.follow(key, ref("model/fleet:production"))
    await lookups.warm(20)
    await lookups.prime(20)
    server.move_alias("model", "fleet", "production", "v1")
    server.requests.clear()
    woken.clear()
    await lookups.poll()
    # All are woken, once the manifest is there.
    inspected = set[tuple[str, str]]()
    async with asyncio.timeout(20):
        while inspected != set(keys):
            for key in tuple(woken):
                woken.discard(key)
                try:
                    version = lookups.look_up(ref("model/fleet:production"), key)
                    assert lookups.inspect(version, key).files == 1
                    inspected.add(key)
                except Unanswered:
                    continue
            await asyncio.sleep(0.005)
    assert server.requests.totals().requests <= 4


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_manifests_that_hang_refuse_no_later_one(server: RunningRegistry, make_door: MakeDoor) -> None:
    door = make_door(timeout=0.5)
    for name in ("hangs", "good"):
        server.seed_version(collection=name, files={"m": name.encode()}, aliases=["production"])
    versions = {}

    def ask_both() -> bool:
        versions.update({n: ask_one(door, server, f"model/{n}:production") for n in ("hangs", "good")})
        return not any(isinstance(answer, LockgateError) for answer in versions.values())

    wait_until("found", ask_both)
    # They hang on while the next one is read.
    server.faults.add(Fault(kind=FaultKind.HANG, operation="manifest", count=20))
    for _ in range(20):
        with pytest.raises(RegistryUnavailable):
            door.inspect(found(versions["hangs"]))

    def reads() -> bool:
        try:
            return door.inspect(found(versions["good"])).files == 1
        except RegistryUnavailable:
            return False

    wait_until("read", reads)


class WithoutPrivateCalls:
    """A client of another day: only what is public is left of it."""

    def __init__(self, api: Any) -> None:
        self.artifact = api.artifact


def test_a_client_without_the_private_calls_is_asked_by_its_public_ones(
    server: RunningRegistry, make_door: MakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.seed_version(collection="public", files={"m": b"0"}, aliases=["production"])
    whole = WandbConnection._client
    monkeypatch.setattr(WandbConnection, "_client", lambda self: WithoutPrivateCalls(whole(self)))
    door = make_door()
    answers = ask(door, server, "model/public:production", "model/public:absent", "absent/x:y")
    version = found(answers[ref("model/public:production")])
    assert version.uri == f"wandb://{server.organization.entity}/wandb-registry-model/public:v0"
    assert {type(answer).__name__ for answer in answers.values()} == {
        "Version",
        "AliasNotFound",
        "RegistryNotFound",
    }


def test_a_mistake_of_ours_is_told_as_one(
    server: RunningRegistry, make_door: MakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.seed_version(collection="mistake", files={"m": b"0"}, aliases=["production"])
    door = make_door()
    version = found(ask_one(door, server, "model/mistake:production"))

    def mistaken(*_: Any) -> None:
        raise AttributeError("digest_algorithm")

    monkeypatch.setattr("lockgate.registries.wandb.registry.manifests.address_of", mistaken)
    with pytest.raises(InternalError):
        door.inspect(version)
    monkeypatch.setattr("lockgate.registries.wandb.registry.read_batch", mistaken)
    told(ask_one(door, server, "model/mistake:production"), InternalError)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_throttling_does_not_cost_the_client_its_process(
    server: RunningRegistry, make_door: MakeDoor
) -> None:
    door = make_door(timeout=1.0)
    server.seed_version(collection="throttled", files={"m": b"0"}, aliases=["production"])
    wait_until(
        "warm", lambda: not isinstance(ask_one(door, server, "model/throttled:production"), LockgateError)
    )
    (process,) = client_processes()
    server.faults.add(Fault(kind=FaultKind.STATUS, status=429, retry_after=60))
    for _ in range(3):
        told(ask_one(door, server, "model/throttled:production"), RegistryUnavailable)
    wait_until("probed", lambda: server.requests.records(operation="LockgateProbe"))
    wait_until("probing ended", lambda: not door._silence.is_probing)
    assert client_processes() == [process]


def test_the_end_comes_within_two_seconds_though_the_registry_hangs(
    server: RunningRegistry, make_door: MakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.seed_version(collection="end", files={"m": b"0"}, aliases=["production"])
    door = make_door()
    found(ask_one(door, server, "model/end:production"))
    monkeypatch.setattr(WandbConnection, "drop", lambda self: time.sleep(15))
    started = time.monotonic()
    door.close()
    assert time.monotonic() - started < 10
    wait_until("gone", lambda: not client_processes())
