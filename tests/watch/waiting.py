"""How tests on a running loop wait: for a condition, with a deadline that only a failure reaches."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 30.0


async def until(what: str, condition: Callable[[], Any], within: float = PATIENCE_SECONDS) -> float:
    """Wait for a condition; returns after how many seconds it held."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > within:
            raise AssertionError(f"not within {within} s: {what}")
        await asyncio.sleep(0.02)
    return time.monotonic() - began
