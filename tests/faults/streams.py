"""A watch on its way through the proxy, line by line, and what a fault does to it.

A watch that is open already meets a fault as soon as it is armed, even if nothing is said in it.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import get_args

import aiohttp
from aiohttp import web
from tests.faults.behaviours import (
    LASTING,
    Call,
    CutStream,
    Drop,
    EndStream,
    Fault,
    Faults,
    Mute,
    OnStream,
    SayInStream,
    Swap,
)

_ENDING = (EndStream, CutStream, SayInStream)
_LOOK_SECONDS = 0.2
_KINDS: tuple[type, ...] = get_args(OnStream)


class Stream:
    """One open watch."""

    def __init__(
        self,
        call: Call,
        faults: Faults,
        out: web.StreamResponse,
        abort: Callable[[], None],
        is_read: Callable[[], bool],
    ) -> None:
        self._call = call
        self._faults = faults
        self._out = out
        self._abort = abort
        self._is_read = is_read
        self._lasting: Fault | None = None
        self._said = 0
        self._kept: bytes | None = None
        self.poked = asyncio.Event()

    async def forward(self, upstream: aiohttp.ClientResponse, rewrite: Callable[[bytes], bytes]) -> None:
        """Pass line after line on until either side ends it or a fault does."""
        reading: asyncio.Future[bytes] | None = None
        try:
            while await self._goes_on():
                reading = reading or asyncio.ensure_future(upstream.content.readline())
                poked = asyncio.ensure_future(self.poked.wait())
                await asyncio.wait((reading, poked), return_when=asyncio.FIRST_COMPLETED)
                poked.cancel()
                self.poked.clear()
                if not reading.done():
                    continue
                line, reading = reading.result(), None
                if not line:
                    await self._outlast()
                    return
                await self._pass_on(rewrite(line))
        finally:
            if reading is not None:
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError, TimeoutError):
                    await reading

    async def _outlast(self) -> None:
        # A connection that is dead does not say its end either.
        while self._lasting is not None and isinstance(self._lasting.behaviour, Mute) and self._is_read():
            await asyncio.sleep(_LOOK_SECONDS)

    async def _goes_on(self) -> bool:
        fault = self._faults.take(self._call, _ENDING)
        match fault and fault.behaviour:
            case None:
                return True
            case EndStream(code):
                status = {"kind": "Status", "status": "Failure", "code": code, "message": "of a test"}
                await self._out.write(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
                return False
            case CutStream(in_mid_line):
                if in_mid_line:
                    await self._out.write(b'{"type":"MODIFIED","object":{"metadata":{"na')
                self._abort()
                return False
            case SayInStream(line):
                await self._out.write(line + b"\n")
                return True
        return True

    async def _pass_on(self, line: bytes) -> None:
        if self._lasting is None or self._lasting.cleared.is_set():
            self._lasting = self._lasting_fault()
        match self._lasting and self._lasting.behaviour:
            case Mute():
                return
            case Drop(every, types):
                if json.loads(line).get("type") in types:
                    self._said += 1
                    if self._said % every == 0:
                        return
                await self._out.write(line)
            case Swap():
                if self._kept is None:
                    self._kept = line
                else:
                    await self._out.write(line + self._kept)
                    self._kept = None
            case _:
                kept, self._kept = self._kept or b"", None
                await self._out.write(kept + line)

    def _lasting_fault(self) -> Fault | None:
        if self._lasting is not None and isinstance(self._lasting.behaviour, Mute):
            return self._lasting  # what has fallen silent stays silent
        return self._faults.take(self._call, LASTING)
