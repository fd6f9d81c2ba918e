"""Workers: how a pass ends decides when the next one is, and no end of a pass ends a worker."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from tests.fakes.builders import T0
from tests.fakes.virtual_time import in_virtual_time

from lockgate.errors import (
    AliasNotFound,
    ClusterUnavailable,
    Conflict,
    InternalError,
    InvalidSpec,
    Unanswered,
)
from lockgate.kube.budget import Budget, Lane
from lockgate.reconciler import PassResult
from lockgate.telemetry.metrics import Metrics
from lockgate.work.queue import MOMENT_SECONDS, SOON_SECONDS, WorkQueue
from lockgate.work.workers import PLACES, RECHECK_SECONDS, Workers

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


def workers(
    queue: WorkQueue,
    reconcile: Callable[[tuple[str, str]], Awaitable[PassResult]],
    metrics: Metrics,
    count: int = 4,
) -> Workers:
    """Workers over this queue that make these passes."""
    return Workers(
        queue,
        reconcile,
        metrics,
        forget=queue.forgotten.append if isinstance(queue, Planned) else lambda key: None,
        count=count,
        resync_seconds=RESYNC,
        clock=lambda: T0,
    )


async def look(end: Callable[[], PassResult], passes: int = 1) -> tuple[Planned, Metrics]:
    """Let one worker make that many passes that end so."""
    queue, metrics = Planned(), Metrics(CollectorRegistry())
    done = asyncio.Semaphore(0)

    async def reconcile(key: tuple[str, str]) -> PassResult:
        assert key == KEY
        done.release()
        return end()

    running = asyncio.create_task(workers(queue, reconcile, metrics, count=1).run())
    for _ in range(passes):
        queue.wake(KEY)
        await asyncio.wait_for(done.acquire(), timeout=2)
        while queue.has_work:
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return queue, metrics


def ends_with(error: BaseException) -> Callable[[], PassResult]:
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


async def test_a_cancellation_from_within_ends_the_pass_and_not_the_worker():
    queue, metrics = await look(ends_with(asyncio.CancelledError()), passes=3)
    assert len(queue.delays) == 3
    outcome = {"outcome": "InternalError"}
    assert metrics.registry.get_sample_value("lockgate_reconcile_total", outcome) == 3


def test_a_defect_after_a_pass_is_counted_and_loses_no_key():
    async def scene() -> None:
        queue, passes = WorkQueue(), []
        looked = asyncio.Event()

        class FailsOnce(Metrics):
            def pass_ended(self, key: tuple[str, str], outcome: str, seconds: float) -> None:
                passes.append(key)
                if len(passes) == 1:
                    raise RuntimeError("a defect in what only counts")
                looked.set()

        async def reconcile(key: tuple[str, str]) -> PassResult:
            return PassResult()

        metrics = FailsOnce(CollectorRegistry())
        running = asyncio.create_task(workers(queue, reconcile, metrics, count=1).run())
        queue.wake(KEY)
        await asyncio.wait_for(looked.wait(), timeout=10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert passes == [KEY, KEY]
        restarts = metrics.registry.get_sample_value("lockgate_task_restarts_total", {"task": "pass"})
        assert restarts == 1

    in_virtual_time(scene())


def test_whose_pass_is_under_way_when_workers_end_is_looked_at_by_the_next_workers():
    async def scene() -> None:
        queue, began, metrics = WorkQueue(), asyncio.Event(), Metrics(CollectorRegistry())

        async def reconcile(key: tuple[str, str]) -> PassResult:
            began.set()
            await asyncio.sleep(100)
            return PassResult()

        queue.wake(KEY)
        for _ in range(2):
            running = asyncio.create_task(workers(queue, reconcile, metrics).run())
            await asyncio.wait_for(began.wait(), timeout=10)
            began.clear()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    in_virtual_time(scene())


@pytest.mark.parametrize("failure", [Unanswered("the registry is asked"), Conflict("it changed")], ids=repr)
def test_an_edit_stays_urgent_until_a_pass_has_dealt_with_it(failure):
    async def scene() -> None:
        queue, seen = WorkQueue(), []

        async def reconcile(key: tuple[str, str]) -> PassResult:
            seen.append(queue.errand(key).urgent)
            return PassResult(failure=failure if len(seen) == 1 else None)

        running = asyncio.create_task(workers(queue, reconcile, Metrics(CollectorRegistry())).run())
        queue.wake(KEY, urgent=True)
        for _ in range(3):
            await asyncio.sleep(0.1)
            queue.wake(KEY)
        await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert seen[:2] == [True, True]
        assert len(seen) > 3
        assert not any(seen[2:])

    in_virtual_time(scene())


def test_what_changed_amid_a_pass_is_looked_at_again_in_a_moment_and_after_a_second_time_a_little_later():
    async def scene() -> None:
        queue, began = WorkQueue(), []

        async def reconcile(key: tuple[str, str]) -> PassResult:
            began.append(asyncio.get_running_loop().time())
            return PassResult(failure=Conflict("it changed") if len(began) < 4 else None)

        running = asyncio.create_task(workers(queue, reconcile, Metrics(CollectorRegistry())).run())
        queue.wake(KEY)
        await asyncio.sleep(60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        first, second, third, fourth = began
        assert second - first == pytest.approx(MOMENT_SECONDS)
        assert third - second >= 1
        assert fourth - third >= 2

    in_virtual_time(scene())


def test_workers_outlive_a_defect_of_the_queue():
    class FailsOnce(WorkQueue):
        failed = False

        def _next(self, urgent_only: bool) -> tuple[str, str] | None:
            if len(self) and not self.failed:
                self.failed = True
                raise RuntimeError("a defect in the queue")
            return super()._next(urgent_only)

    async def scene() -> None:
        queue, looked, metrics = FailsOnce(), asyncio.Event(), Metrics(CollectorRegistry())

        async def reconcile(key: tuple[str, str]) -> PassResult:
            looked.set()
            return PassResult()

        running = asyncio.create_task(workers(queue, reconcile, metrics).run())
        queue.wake(KEY)
        await asyncio.wait_for(looked.wait(), timeout=10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        restarts = metrics.registry.get_sample_value("lockgate_task_restarts_total", {"task": "worker"})
        assert restarts == 1

    in_virtual_time(scene())


@pytest.mark.parametrize("steps", range(6))
def test_workers_end_when_they_are_told_to_however_busy_the_queue_is(steps):
    async def scene() -> None:
        queue, passes = WorkQueue(), 0

        async def reconcile(key: tuple[str, str]) -> PassResult:
            nonlocal passes
            passes += 1
            queue.wake(("ns", str(passes)))
            return PassResult()

        running = asyncio.create_task(workers(queue, reconcile, Metrics(CollectorRegistry())).run())
        queue.wake(KEY)
        while passes < 100:
            await asyncio.sleep(0)
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        for _ in range(1000):
            await asyncio.sleep(0)
        assert running.cancelled()

    in_virtual_time(scene())


def test_what_a_person_edits_amid_ten_thousand_is_looked_at_within_a_second():
    async def scene() -> None:
        queue, waits, edited = WorkQueue(), [], {}
        clock = asyncio.get_running_loop().time

        async def reconcile(key: tuple[str, str]) -> PassResult:
            if key in edited:
                waits.append(clock() - edited.pop(key))
            await asyncio.sleep(2)
            return PassResult()

        running = asyncio.create_task(workers(queue, reconcile, Metrics(CollectorRegistry()), count=16).run())
        for number in range(10_000):
            queue.wake(("fleet", str(number)))
        for number in range(50):
            await asyncio.sleep(1)
            key = ("fleet", str(9_999 - number))
            edited[key] = clock()
            queue.wake(key, urgent=True)
        while edited:
            await asyncio.sleep(1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(waits) == 50
        assert max(waits) < 1

    in_virtual_time(scene())


def test_what_was_edited_amid_a_pass_is_looked_at_at_once_and_a_conflict_after_that_in_a_moment():
    async def scene() -> None:
        queue, began = WorkQueue(), []

        async def reconcile(key: tuple[str, str]) -> PassResult:
            began.append((asyncio.get_running_loop().time(), queue.errand(key).urgent))
            if len(began) == 1:
                queue.wake(KEY, urgent=True)
            return PassResult(failure=Conflict("it changed") if len(began) < 3 else None)

        running = asyncio.create_task(workers(queue, reconcile, Metrics(CollectorRegistry())).run())
        queue.wake(KEY)
        await asyncio.sleep(10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        (first, _), (second, second_urgent), (third, third_urgent) = began
        assert second == first
        assert third - second == pytest.approx(MOMENT_SECONDS)
        assert second_urgent
        assert third_urgent

    in_virtual_time(scene())


def test_fifty_hostile_deployments_that_are_edited_in_a_loop_add_less_than_a_second_to_another_s_pass():
    async def scene() -> None:
        queue, budget, waits = WorkQueue(), Budget(rate=400), []
        clock, processor = asyncio.get_running_loop().time, asyncio.Lock()
        woken: dict[tuple[str, str], float] = {}

        async def reconcile(key: tuple[str, str]) -> PassResult:
            async with processor:  # there is one, and a pass takes so much of it
                await asyncio.sleep(0.003)
            await budget.enter(Lane.STATUS)
            await asyncio.sleep(0.05)
            budget.leave()
            if key in woken:
                waits.append(clock() - woken.pop(key))
            return PassResult()

        async def edit_in_a_loop() -> None:
            while True:
                for number in range(50):
                    queue.wake(("hostile", str(number)), urgent=True)
                await asyncio.sleep(0.01)

        running = asyncio.create_task(
            workers(queue, reconcile, Metrics(CollectorRegistry()), count=256).run()
        )
        editing = asyncio.create_task(edit_in_a_loop())
        for _ in range(20):
            await asyncio.sleep(1)
            woken[KEY] = clock()
            queue.wake(KEY)
        await asyncio.sleep(1)
        for task in (running, editing):
            task.cancel()
        await asyncio.gather(running, editing, return_exceptions=True)
        assert len(waits) == 20
        assert max(waits) < 1

    in_virtual_time(scene())


@pytest.mark.parametrize(
    ("makes_room", "begun"), [(False, PLACES), (True, 500)], ids=["looking", "waiting to tell"]
)
def test_few_look_at_once_and_as_many_as_may_be_wait_to_tell(makes_room, begun):
    async def scene() -> None:
        queue, keys, end = WorkQueue(), [], asyncio.Event()

        async def reconcile(key: tuple[str, str]) -> PassResult:
            keys.append(key)
            if makes_room:
                queue.errand(key).make_room()
            await end.wait()
            return PassResult()

        for number in range(1000):
            queue.wake(("ns", str(number)))
        running = asyncio.create_task(
            workers(queue, reconcile, Metrics(CollectorRegistry()), count=500).run()
        )
        await asyncio.sleep(1)
        assert len(keys) == begun
        end.set()
        await asyncio.sleep(1)
        assert len(set(keys)) == 1000
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    in_virtual_time(scene())


def test_passes_that_wait_for_nothing_leave_the_loop_to_others():
    async def scene() -> None:
        queue, passes, turns = WorkQueue(), 0, 0

        async def reconcile(key: tuple[str, str]) -> PassResult:
            nonlocal passes
            passes += 1
            return PassResult()

        for number in range(1000):
            queue.wake(("ns", str(number)))
        running = asyncio.create_task(
            workers(queue, reconcile, Metrics(CollectorRegistry()), count=256).run()
        )
        while passes < 1000:
            await asyncio.sleep(0)
            turns += 1
        assert turns >= 900
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    in_virtual_time(scene())


async def test_a_pass_may_ask_to_be_repeated_earlier():
    queue, _ = await look(lambda: PassResult(wake=T0 + timedelta(seconds=SOON)))
    assert queue.delays == [RESYNC, SOON]


@pytest.mark.parametrize("number", [1, 50, 2000])
def test_when_writes_are_taken_again_all_are_looked_at_within_half_a_minute_however_long_it_took(number):
    """Lists are answered all the while, so nothing but a write tells; and nobody is asked too often."""

    async def scene() -> None:
        queue, passes, done, refuses = WorkQueue(), 0, set(), True

        async def reconcile(key: tuple[str, str]) -> PassResult:
            nonlocal passes
            passes += 1
            if refuses:
                raise ClusterUnavailable("could not write: the API server answered 500")
            done.add(key)
            return PassResult()

        running = asyncio.create_task(workers(queue, reconcile, Metrics(CollectorRegistry()), count=16).run())
        for one in range(number):
            queue.wake(("fleet", str(one)))
        await asyncio.sleep(900)
        before = passes
        await asyncio.sleep(120)
        assert passes - before <= 120 * 20
        refuses = False
        await asyncio.sleep(30)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(done) == number

    in_virtual_time(scene())


def test_what_stays_refused_is_not_tried_in_a_loop_because_others_recover_again_and_again():
    async def scene() -> None:
        queue, tried, turn = WorkQueue(), 0, 0

        async def reconcile(key: tuple[str, str]) -> PassResult:
            nonlocal tried, turn
            tried += key == KEY
            turn += 1
            if key == KEY or turn % 2:
                raise ClusterUnavailable("could not write: the API server answered 500")
            return PassResult(wake=T0)

        running = asyncio.create_task(workers(queue, reconcile, Metrics(CollectorRegistry())).run())
        queue.wake(KEY)
        queue.wake(("growth", "flaps"))
        await asyncio.sleep(900)
        before = tried
        await asyncio.sleep(900)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert 0 < tried - before <= 900 / SOON_SECONDS * 4

    in_virtual_time(scene())
