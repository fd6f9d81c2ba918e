"""Workers: how a pass ends decides when the next one is, and no end of a pass ends a worker."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from tests.fakes.builders import T0

from lockgate.errors import AliasNotFound, ClusterUnavailable, InternalError, InvalidSpec
from lockgate.reconciler import PassResult
from lockgate.telemetry.metrics import Metrics
from lockgate.watch.queue import WorkQueue
from lockgate.watch.workers import RECHECK_SECONDS, Workers

KEY = ("growth", "churn")
RESYNC = 600.0
SOON = 5.0


class Planned(WorkQueue):
    """A queue that remembers when it was asked to look again, and never does of itself."""

    def __init__(self) -> None:
        super().__init__()
        self.delays: list[float] = []
        self.forgotten: list[tuple[str, str]] = []

    def wake_after(self, key: tuple[str, str], seconds: float) -> None:
        self.delays.append(seconds)


async def look(end: Callable[[], PassResult], passes: int = 1) -> tuple[Planned, Metrics]:
    """Let one worker make that many passes that end so."""
    queue, metrics = Planned(), Metrics(CollectorRegistry())
    done = asyncio.Semaphore(0)

    async def reconcile(key: tuple[str, str]) -> PassResult:
        assert key == KEY
        done.release()
        return end()

    workers = Workers(
        queue,
        reconcile,
        metrics,
        forget=queue.forgotten.append,
        count=1,
        resync_seconds=RESYNC,
        clock=lambda: T0,
    )
    running = asyncio.create_task(workers.run())
    for _ in range(passes):
        queue.wake(KEY)
        await asyncio.wait_for(done.acquire(), timeout=2)
        while queue.longest_pass_seconds():
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return queue, metrics


def ends_with(error: Exception) -> Callable[[], PassResult]:
    def end() -> PassResult:
        raise error

    return end


async def test_a_pass_that_went_well_is_repeated_after_the_resync_interval():
    queue, metrics = await look(lambda: PassResult())
    assert queue.delays == [RESYNC]
    assert metrics.registry.get_sample_value("lockgate_reconcile_total", {"outcome": "Succeeded"}) == 1


async def test_a_deployment_that_is_gone_is_forgotten_and_never_looked_at_again():
    queue, _ = await look(lambda: PassResult(gone=True))
    assert queue.delays == []
    assert queue.forgotten == [KEY]


async def test_what_a_human_must_mend_is_looked_at_slowly():
    queue, _ = await look(lambda: PassResult(failure=InvalidSpec("spec.replicas", "is odd")))
    assert queue.delays == [RESYNC]


async def test_what_is_not_there_yet_is_looked_at_at_a_fixed_interval():
    queue, _ = await look(lambda: PassResult(failure=AliasNotFound("no such alias")), passes=3)
    assert queue.delays == [RECHECK_SECONDS] * 3


async def test_what_will_pass_backs_off_and_a_hint_of_the_server_wins():
    queue, _ = await look(ends_with(ClusterUnavailable("it did not answer")), passes=4)
    assert all(2**number / 2 <= delay <= 2**number for number, delay in enumerate(queue.delays))
    queue, _ = await look(ends_with(ClusterUnavailable("it is busy", 42.0)))
    assert queue.delays == [42.0]


@pytest.mark.parametrize("error", [KeyError("a defect"), InternalError("a defect")], ids=["foreign", "ours"])
async def test_a_defect_ends_the_pass_and_not_the_worker(error):
    queue, metrics = await look(ends_with(error), passes=2)
    assert len(queue.delays) == 2
    outcome = {"outcome": "InternalError"}
    assert metrics.registry.get_sample_value("lockgate_reconcile_total", outcome) == 2


async def test_a_pass_may_ask_to_be_repeated_earlier():
    queue, _ = await look(lambda: PassResult(wake=T0 + timedelta(seconds=SOON)))
    assert queue.delays == [RESYNC, SOON]
