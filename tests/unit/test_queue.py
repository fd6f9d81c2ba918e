"""The work queue: once, in turn, never two workers on one key, never lost."""

import asyncio

import pytest
from tests.fakes.virtual_time import in_virtual_time

from lockgate.work.queue import FLOOR_SECONDS, WorkQueue

A, B = ("ns", "a"), ("ns", "b")


async def taken(queue: WorkQueue) -> tuple[str, str]:
    return await asyncio.wait_for(queue.take(), timeout=2)


async def test_a_key_that_is_woken_often_is_taken_once():
    queue = WorkQueue()
    for _ in range(5):
        queue.wake(A)
    queue.wake(B)
    assert [await taken(queue), await taken(queue)] == [A, B]
    assert len(queue) == 0


async def test_a_wake_during_work_gives_one_more_pass_afterwards():
    queue = WorkQueue()
    queue.wake(A)
    await taken(queue)
    queue.wake(A)
    queue.wake(A)
    assert len(queue) == 0
    queue.done(A)
    assert await taken(queue) == A
    queue.done(A)
    assert len(queue) == 0


async def test_a_worker_that_waits_is_woken():
    queue = WorkQueue()
    waiting = asyncio.create_task(taken(queue))
    await asyncio.sleep(0)
    queue.wake(A)
    assert await waiting == A


async def test_a_due_timer_queues_its_key():
    queue = WorkQueue()
    queue.wake_after(A, 0.01)
    assert await taken(queue) == A


async def test_an_earlier_timer_replaces_a_later_one():
    queue = WorkQueue()
    queue.wake_after(A, 60)
    queue.wake_after(A, 0.01)
    assert await taken(queue) == A


async def test_a_forgotten_key_is_not_woken_by_its_timer():
    queue = WorkQueue()
    queue.wake_after(A, 0.01)
    queue.forget(A)
    queue.wake_after(B, 0.02)
    assert await taken(queue) == B


async def test_back_off_doubles_with_jitter_up_to_its_cap_and_the_server_wins():
    queue = WorkQueue()
    delays = [queue.back_off(A) for _ in range(14)]
    for number, delay in enumerate(delays):
        ceiling = min(300.0, 2.0**number)
        assert ceiling / 2 <= delay <= ceiling
    queue.succeeded(A)
    assert queue.back_off(A) <= 1.0
    assert queue.back_off(A, at_least=45.0) == pytest.approx(45.0)


@pytest.mark.parametrize("steps", range(4))
async def test_a_taker_that_is_cancelled_as_a_key_arrives_ends_and_loses_no_key(steps):
    queue = WorkQueue()
    queue.wake_after(B, 600)
    first = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.wake(A)
    for _ in range(steps):
        await asyncio.sleep(0)
    if first.cancel():
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(first, timeout=2)
        assert await taken(queue) == A
    else:
        assert first.result() == A


async def test_a_call_that_reached_a_cancelled_taker_goes_to_the_next():
    queue = WorkQueue()
    first, second = (asyncio.create_task(queue.take()) for _ in range(2))
    await asyncio.sleep(0)
    queue.wake(A)
    first.cancel()
    assert await asyncio.wait_for(second, timeout=2) == A


async def test_a_taker_that_was_cancelled_is_called_no_more():
    queue = WorkQueue()
    first, second = (asyncio.create_task(queue.take()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    queue.wake(A)
    assert await asyncio.wait_for(second, timeout=2) == A


async def test_what_a_person_waits_for_goes_before_all_else():
    queue = WorkQueue()
    queue.wake(A)
    queue.wake(B, urgent=True)
    assert [await taken(queue), await taken(queue)] == [B, A]
    assert (queue.errand(A).urgent, queue.errand(B).urgent) == (False, True)


async def test_a_queued_key_that_a_person_asks_for_moves_forward_and_stays_one():
    queue = WorkQueue()
    queue.wake(A)
    queue.wake(B)
    queue.wake(B, urgent=True)
    queue.wake(B)
    assert len(queue) == 2
    assert [await taken(queue), await taken(queue)] == [B, A]
    assert len(queue) == 0


async def test_a_key_that_a_person_asks_for_during_work_hurries_and_is_urgent_afterwards():
    queue = WorkQueue()
    queue.wake(A)
    await taken(queue)
    errand = queue.errand(A)
    queue.wake(A, urgent=True)
    queue.wake(A)
    assert errand.urgent
    queue.wake(B)
    queue.done(A)
    assert await taken(queue) == A
    assert queue.errand(A).urgent


async def test_what_an_urgent_pass_could_not_finish_is_urgent_still_when_it_goes_on():
    queue = WorkQueue()
    queue.wake(A, urgent=True)
    await taken(queue)
    queue.unfinished(A)
    queue.done(A)
    queue.wake(B)
    queue.wake(A)
    assert await taken(queue) == A
    queue.done(A)
    queue.wake(A)
    assert await taken(queue) == B, "once, and no longer"


async def test_namespaces_take_turns_however_many_keys_one_of_them_has():
    queue = WorkQueue()
    for number in range(100):
        queue.wake(("many", str(number)))
    queue.wake(("few", "a"))
    queue.wake(("few", "b"))
    assert [(await taken(queue))[0] for _ in range(6)] == ["many", "few", "many", "few", "many", "many"]


async def test_a_reserved_worker_takes_nothing_but_what_people_wait_for():
    queue = WorkQueue()
    reserved = asyncio.create_task(queue.take(urgent_only=True))
    await asyncio.sleep(0)
    queue.wake(A)
    assert await taken(queue) == A
    assert not reserved.done()
    queue.wake(B, urgent=True)
    assert await asyncio.wait_for(reserved, timeout=2) == B


async def test_no_wake_is_lost_when_workers_take_each_others_keys():
    queue = WorkQueue()
    ordinary = [asyncio.create_task(queue.take()) for _ in range(2)]
    reserved = asyncio.create_task(queue.take(urgent_only=True))
    await asyncio.sleep(0)
    queue.wake(A)
    queue.wake(B, urgent=True)
    await asyncio.wait_for(asyncio.wait([*ordinary, reserved], return_when=asyncio.FIRST_COMPLETED), 2)
    for _ in range(10):
        await asyncio.sleep(0)
    found = [task.result() for task in (*ordinary, reserved) if task.done()]
    assert sorted(found) == [A, B]
    for task in (*ordinary, reserved):
        task.cancel()


async def test_one_wake_calls_one_of_many_idle_workers():
    queue = WorkQueue()
    calls = 0

    class Counting(WorkQueue):
        def _next(self, urgent_only: bool) -> tuple[str, str] | None:
            nonlocal calls
            calls += 1
            return super()._next(urgent_only)

    queue = Counting()
    workers = [asyncio.create_task(queue.take()) for _ in range(50)]
    await asyncio.sleep(0)
    calls = 0
    queue.wake(A)
    for _ in range(10):
        await asyncio.sleep(0)
    assert calls == 1
    for worker in workers:
        worker.cancel()


def test_what_a_pass_asks_for_itself_comes_after_the_floor_and_an_event_at_once():
    async def scene() -> None:
        queue, clock = WorkQueue(), asyncio.get_running_loop().time
        queue.wake(A)
        for number in range(1, 4):
            assert await queue.take() == A
            queue.wake_after(A, 0.0)
            queue.done(A)
            assert await queue.take() == A
            assert clock() == pytest.approx(number * FLOOR_SECONDS)
            queue.wake(A)
            queue.done(A)

    in_virtual_time(scene())


def test_timers_that_were_set_and_dropped_for_ever_need_no_more_room():
    async def scene() -> None:
        queue = WorkQueue()
        for _ in range(20_000):
            queue.wake_after(A, 600)
            queue.wake(A)
            queue.done(await queue.take())
        assert len(queue._timers._heap) < 2_000

    in_virtual_time(scene())


def test_how_long_keys_wait_and_whether_there_is_work_is_told():
    async def scene() -> None:
        queue = WorkQueue()
        assert (queue.oldest_seconds(), queue.has_work) == (0.0, False)
        queue.wake(A)
        await asyncio.sleep(5)
        queue.wake(B)
        queue.wake(A, urgent=True)
        assert queue.oldest_seconds() == pytest.approx(5)
        taken = await queue.take()
        await asyncio.sleep(7)
        assert queue.oldest_seconds() == pytest.approx(7)
        queue.done(await queue.take())
        assert (queue.oldest_seconds(), queue.has_work) == (0.0, True)
        queue.done(taken)
        assert not queue.has_work

    in_virtual_time(scene())


def test_work_is_stuck_when_keys_wait_and_no_pass_ends_and_never_before_it_began():
    async def scene() -> None:
        queue = WorkQueue()
        queue.wake(A)
        await asyncio.sleep(1000)
        assert queue.stuck_seconds() == 0.0
        await queue.take()
        await asyncio.sleep(1000)
        assert queue.stuck_seconds() == 0.0
        queue.wake(B)
        await asyncio.sleep(30)
        assert queue.stuck_seconds() == pytest.approx(30)
        queue.done(A)
        assert queue.stuck_seconds() == 0.0
        await asyncio.sleep(3)
        assert queue.stuck_seconds() == pytest.approx(3)

    in_virtual_time(scene())


def test_a_long_queue_that_moves_is_not_stuck():
    async def scene() -> None:
        queue = WorkQueue()
        for number in range(1000):
            queue.wake(("ns", str(number)))
        for _ in range(1000):
            key = await queue.take()
            await asyncio.sleep(1)
            assert queue.stuck_seconds() <= 1
            queue.done(key)

    in_virtual_time(scene())


async def test_what_has_failed_for_long_is_tried_at_once_when_its_obstacle_has_gone():
    queue = WorkQueue()
    for _ in range(12):
        queue.back_off(A)
    queue.wake_after(B, 60)
    queue.wake_failed()
    assert await taken(queue) == A
    assert len(queue) == 0, "who has not failed waits on"


def test_an_obstacle_that_comes_and_goes_makes_nobody_run_hot():
    async def scene() -> int:
        queue, passes = WorkQueue(), 0
        queue.back_off(A)
        for _ in range(600):
            queue.wake_failed()
            await asyncio.sleep(0.1)
            while len(queue):
                queue.done(await queue.take())
                queue.back_off(A)
                passes += 1
        return passes

    assert in_virtual_time(scene()) <= 2 * 60 / 5 + 1


def test_many_that_fail_together_are_not_tried_more_often_than_an_api_server_in_trouble_can_bear():
    seconds = 200

    async def scene() -> int:
        queue, tries = WorkQueue(), 0
        for number in range(1000):
            queue.wake(("ns", str(number)))
        for tenth in range(10 * 2 * seconds):
            await asyncio.sleep(0.1)
            while len(queue):
                key = await queue.take()
                queue.back_off(key, at_most=queue.patience())
                queue.done(key)
                tries += tenth >= 10 * seconds  # the first ones come sooner
        return tries

    assert in_virtual_time(scene()) <= 20 * seconds


async def test_the_first_of_many_that_succeeds_after_long_wakes_the_others():
    queue = WorkQueue()
    for key in (A, B):
        for _ in range(12):
            queue.back_off(key)
    queue.wake(A)
    assert await taken(queue) == A
    queue.succeeded(A)
    queue.done(A)
    assert await taken(queue) == B


async def test_one_that_failed_once_and_succeeds_wakes_nobody():
    queue = WorkQueue()
    for _ in range(12):
        queue.back_off(B)
    queue.back_off(A)
    queue.succeeded(A)
    await asyncio.sleep(0)
    assert len(queue) == 0


def test_that_thousands_recover_together_costs_each_of_them_no_look_at_all_the_others():
    async def scene() -> int:
        queue, set_ = WorkQueue(), 0
        keys = [("ns", str(number)) for number in range(2000)]
        for key in keys:
            for _ in range(12):
                queue.back_off(key)
        timers = queue._timers.set

        def count(key: tuple[str, str], due: float) -> None:
            nonlocal set_
            set_ += 1
            timers(key, due)

        queue._timers.set = count
        queue.wake(keys[0])
        for _ in keys:
            key = await queue.take()
            queue.succeeded(key)
            queue.done(key)
        return set_

    assert in_virtual_time(scene()) <= 2 * 2000
