"""The registry's door on bad days: an outage is told as one, in time, and is over when it is over."""

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.benchmarks.traps import LOOK_UP_HANGS, TrapDoor
from tests.registry_door.asking import (
    ask,
    ask_one,
    assert_tells_no_secret,
    client_processes,
    found,
    ref,
    told,
)
from tests.registry_door.conftest import MakeDoor
from tests.waiting import wait_until

from lockgate.domain.ports import Lookup
from lockgate.domain.version import Reference, Version
from lockgate.errors import LockgateError, RegistryUnavailable
from lockgate.registries.wandb.asking import BATCH, Chunk
from lockgate.registries.wandb.registry import WandbRegistry
from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.running import RunningRegistry

# The client does not close what was cut under its hands; that is found whenever it is collected.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TIMEOUT = 1.0  # seconds
# Far less than any of these outages lasts, and far more than a busy machine adds.
MARGIN = 10.0
OUTAGES = {
    "throttled": Fault(kind=FaultKind.STATUS, status=429),
    "throttled for long": Fault(kind=FaultKind.STATUS, status=429, retry_after=120),
    "broken": Fault(kind=FaultKind.STATUS, status=500),
    "overloaded": Fault(kind=FaultKind.STATUS, status=503),
    "moved": Fault(kind=FaultKind.STATUS, status=404),
    "behind a log-in page": Fault(kind=FaultKind.HTML),
    "cut off": Fault(kind=FaultKind.RESET),
    "silent": Fault(kind=FaultKind.HANG),
    "slow": Fault(kind=FaultKind.LATENCY, seconds=30),
}
AT_THE_START = ("throttled", "broken", "behind a log-in page", "silent")
every_outage = pytest.mark.parametrize("fault", OUTAGES.values(), ids=OUTAGES)


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def hurried(make_door: MakeDoor, server: RunningRegistry) -> WandbRegistry:
    """An adapter that has found what it was asked for, and now and then will not."""
    door = make_door(timeout=TIMEOUT)
    server.seed_version(collection="outage", files={"m": b"0"}, aliases=["production"])
    wait_until(
        "warm", lambda: not isinstance(ask_one(door, server, "model/outage:production"), LockgateError)
    )
    return door


@every_outage
def test_an_outage_is_told_in_time_and_ends_with_its_cause(
    server: RunningRegistry, hurried: WandbRegistry, fault: Fault
) -> None:
    server.faults.add(fault)
    started = time.monotonic()
    answers = ask(hurried, server, "model/outage:production", "model/outage:absent", "absent/outage:v0")
    assert time.monotonic() - started < TIMEOUT + MARGIN
    assert {type(answer) for answer in answers.values()} == {RegistryUnavailable}
    server.faults.clear()
    wait_until(
        "found again",
        lambda: not isinstance(ask_one(hurried, server, "model/outage:production"), LockgateError),
    )


@pytest.mark.parametrize("fault", [OUTAGES[name] for name in AT_THE_START], ids=AT_THE_START)
def test_an_outage_at_the_start_is_told_in_time_too(
    server: RunningRegistry, make_door: MakeDoor, fault: Fault
) -> None:
    server.seed_version(collection="outage", files={"m": b"0"}, aliases=["production"])
    server.faults.add(fault)
    door = make_door(timeout=TIMEOUT)
    started = time.monotonic()
    answers = ask(door, server, "model/outage:production", "absent/outage:v0")
    assert time.monotonic() - started < TIMEOUT + MARGIN
    assert {type(answer) for answer in answers.values()} == {RegistryUnavailable}
    server.faults.clear()
    wait_until(
        "found at last",
        lambda: not isinstance(ask_one(door, server, "model/outage:production"), LockgateError),
    )


@pytest.mark.parametrize(
    "operation", ["Viewer", "GetDefaultEntity", "FetchOrgInfoFromEntity", "LockgateLookUp"]
)
@pytest.mark.parametrize("outage", ["broken", "behind a log-in page", "silent"])
def test_whichever_step_fails_nothing_is_taken_for_missing(
    server: RunningRegistry, make_door: MakeDoor, operation: str, outage: str
) -> None:
    server.seed_version(collection="outage", files={"m": b"0"}, aliases=["production"])
    server.faults.add(replace(OUTAGES[outage], operation=operation))
    answer = ask_one(make_door(timeout=TIMEOUT), server, "model/outage:production")
    # An answer to the single question that follows a refused one for many is a good answer.
    assert type(answer) in (RegistryUnavailable, Version), repr(answer)


@pytest.mark.parametrize("operation", ["*", "LockgateManifest", "download"])
@pytest.mark.parametrize("outage", ["broken", "behind a log-in page", "cut off", "silent"])
def test_a_manifest_that_cannot_be_read_is_an_outage(
    server: RunningRegistry, hurried: WandbRegistry, operation: str, outage: str
) -> None:
    # Never the same files twice: the client remembers a manifest that it has read.
    name = f"unread-{operation.replace('*', 'any')}-{outage.replace(' ', '-')}"
    server.seed_version(collection=name, files={"m": name.encode()}, aliases=["production"])
    version = found(ask_one(hurried, server, f"model/{name}:production"))
    server.faults.add(replace(OUTAGES[outage], operation=operation))
    started = time.monotonic()
    with pytest.raises(RegistryUnavailable) as raised:
        hurried.inspect(version)
    assert time.monotonic() - started < TIMEOUT + MARGIN
    assert_tells_no_secret(raised.value, server)
    del raised


def test_nobody_at_the_address_is_an_outage(server: RunningRegistry, make_door: MakeDoor) -> None:
    door = make_door(timeout=TIMEOUT, url="http://127.0.0.1:9")
    started = time.monotonic()
    told(ask_one(door, server, "model/outage:production"), RegistryUnavailable)
    assert time.monotonic() - started < TIMEOUT + MARGIN


def test_a_batch_refused_by_a_proxy_does_not_flood_the_registry_with_single_questions(
    server: RunningRegistry, hurried: WandbRegistry
) -> None:
    server.faults.add(Fault(kind=FaultKind.STATUS, status=400))
    server.requests.clear()
    answers = ask(hurried, server, *[f"model/outage:{n}" for n in range(25)])
    assert {type(answer) for answer in answers.values()} == {RegistryUnavailable}
    assert server.requests.totals().requests < 10, [r.operations for r in server.requests.records()]


def test_what_there_was_no_time_to_ask_for_is_not_told_as_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    door, go = WandbRegistry(base_url="http://127.0.0.1:1", timeout=0.3), threading.Event()

    def hangs(chunk: Chunk, until: float) -> dict[Reference, Lookup]:
        go.wait(30)
        raise RegistryUnavailable("the registry did not answer")

    monkeypatch.setattr(door, "batch", hangs)
    references = [ref(f"model/late-{number}:production") for number in range(6 * BATCH)]
    answers = door.look_up(references)
    go.set()
    assert list(answers) == references[: len(answers)]
    assert 0 < len(answers) < len(references), "what was not begun has no answer, and is asked for first"


def test_a_client_that_stands_still_is_replaced_after_a_while(
    server: RunningRegistry, hurried: WandbRegistry
) -> None:
    (stopped,) = client_processes()
    os.kill(stopped, signal.SIGSTOP)
    try:
        for _ in range(3):
            told(ask_one(hurried, server, "model/outage:production"), RegistryUnavailable)
        wait_until("replaced", lambda: stopped not in client_processes())
        wait_until(
            "found again",
            lambda: not isinstance(ask_one(hurried, server, "model/outage:production"), LockgateError),
        )
    finally:
        if stopped in client_processes():
            os.kill(stopped, signal.SIGCONT)


def test_a_collection_that_hangs_silences_the_others_for_a_few_look_ups_alone(server, make_door):
    names = [f"beside-{number}" for number in range(10)]
    for name in (*names, LOOK_UP_HANGS):
        server.seed_version(collection=name, files={"model.onnx": name.encode()}, aliases=["production"])
    with TrapDoor(server.url) as trap:
        door = make_door(timeout=3 * TIMEOUT, url=trap.url)
        door.warm()

        def others_are_heard() -> bool:
            answers = ask(door, server, *(f"model/{name}:production" for name in (LOOK_UP_HANGS, *names)))
            told(answers.pop(ref(f"model/{LOOK_UP_HANGS}:production")), RegistryUnavailable)
            return all(isinstance(answer, Version) for answer in answers.values())

        wait_until("the others are heard", others_are_heard, within=60)
        began = time.monotonic()
        assert others_are_heard()
        assert time.monotonic() - began < MARGIN
