"""The watch's thread goes on after anything, and whoever asks is told when it has ended."""

import asyncio
from typing import Any

import kopf
import pytest
from tests.waiting import wait_until

from lockgate.watch.supervisor import WatchSupervisor


async def nothing_to_close() -> None:
    pass


def ends_in(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> WatchSupervisor:
    """A supervisor whose every entry ends at once."""

    async def end(**_: Any) -> None:
        raise error

    monkeypatch.setattr(kopf, "spawn_tasks", end)
    monkeypatch.setattr("lockgate.watch.supervisor._PAUSES_SECONDS", (0.01,))
    return WatchSupervisor(kopf.OperatorRegistry(), kopf.OperatorSettings(), (), nothing_to_close)


@pytest.mark.parametrize(
    "error",
    [asyncio.CancelledError(), SystemExit(1), MemoryError(), OSError()],
    ids=lambda e: type(e).__name__,
)
def test_whatever_ends_an_entry_the_watch_is_entered_again(monkeypatch, error):
    watch = ends_in(monkeypatch, error)
    watch.start()
    wait_until("it was entered again and again", lambda: watch.entries > 3 or not watch.is_alive())
    assert watch.is_alive()
    watch.stop()


def test_a_thread_that_has_ended_is_told(monkeypatch):
    watch = ends_in(monkeypatch, OSError())
    assert watch.is_alive(), "it has not begun"
    watch.start()
    watch.stop(30)
    assert not watch.is_alive()
