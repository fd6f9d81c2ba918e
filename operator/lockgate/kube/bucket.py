"""A token bucket: how many requests may start a second, and how many at once."""

import asyncio


class TokenBucket:
    """Lets `rate` requests a second pass, `burst` of them at once; waiters go in turn."""

    def __init__(self, *, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._filled_at: float | None = None
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Wait until a request may start."""
        async with self._turn:
            loop = asyncio.get_running_loop()
            self._fill(loop.time())
            if self._tokens < 1:
                await asyncio.sleep((1 - self._tokens) / self._rate)
                self._fill(loop.time())
            self._tokens -= 1

    def _fill(self, now: float) -> None:
        if self._filled_at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
