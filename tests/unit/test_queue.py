"""The work queue: once, in turn, never two workers on one key, never lost."""

import asyncio

import pytest

from lockgate.watch.queue import WorkQueue

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


async def test_ages_of_waiting_and_working_keys_are_told():
    queue = WorkQueue()
    assert (queue.oldest_seconds(), queue.longest_pass_seconds()) == (0.0, 0.0)
    queue.wake(A)
    await asyncio.sleep(0.01)
    assert queue.oldest_seconds() > 0
    await taken(queue)
    await asyncio.sleep(0.01)
    assert queue.longest_pass_seconds() > 0
