"""Runs what blocks in threads of its own, and brings the answer back to the event loop.

The threads are daemons: a call that hangs holds up neither the loop nor the end of the process.
How many there may be is the caller's business.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def in_background(call: Callable[[], T], *, name: str) -> asyncio.Future[T]:
    """Begin `call` at once; the future carries what it answers or raises."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def hand_over(answer: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(answer)  # type: ignore[arg-type]

    def run() -> None:
        answer, failed = None, None
        try:
            answer = call()
        except BaseException as error:
            failed = error
        try:
            loop.call_soon_threadsafe(hand_over, answer, failed)
        except RuntimeError:
            # The loop has ended meanwhile: nobody waits any more.
            return

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
