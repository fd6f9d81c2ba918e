"""The operator's parts, each of which runs for ever: who keeps them running, and who ends them."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

_log = structlog.get_logger(__name__)
RESTART_SECONDS = 1.0


async def keep(name: str, run: Callable[[], Awaitable[None]], restarted: Callable[[str], None]) -> None:
    """Run a part for ever: one that ends, by a defect, is begun anew and counted."""
    while True:
        try:
            await run()
        except Exception:
            _log.exception("a part failed and is begun anew", part=name)
        restarted(name)
        await asyncio.sleep(RESTART_SECONDS)


async def attempt(name: str, doing: Awaitable[None]) -> None:
    """Do what helps and is not needed: a defect in it keeps nothing else from beginning."""
    try:
        await doing
    except Exception:
        _log.exception("this failed, and the rest goes on", what=name)


async def end(within: float, **ends: Awaitable[object]) -> None:
    """End all of them at once, in so many seconds, whatever becomes of each."""
    ending = {asyncio.ensure_future(each): name for name, each in ends.items()}
    # Not asyncio.wait_for, which waits without end for what does not let itself be cancelled.
    done, left = await asyncio.wait(ending, timeout=within)
    for each in done:
        if not each.cancelled() and (error := each.exception()) is not None:
            _log.warning("a part ended badly", part=ending[each], error=repr(error)[:300])
    for each in left:
        each.cancel()
        _log.warning("a part did not end in time and is left behind", part=ending[each])
