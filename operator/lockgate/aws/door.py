"""The one door to Amazon ECS: one signed POST, and an answer or a LockgateError.

The client is ours, because that of AWS cannot be installed beside the one of Kubernetes (decision 0061). What
a request means is not known here, nor is anything kept but keys that were lent. Few requests at a time
go to one target, so a target that is slow or throttles holds up no other. No key, header or address
enters a message.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from lockgate import __version__
from lockgate.aws.answers import error_of
from lockgate.aws.credentials import Credentials
from lockgate.aws.errors import BackendDenied, BackendUnavailable
from lockgate.aws.signing import signed
from lockgate.aws.targets import Target

AT_A_TIME: Final = 8
LARGEST_ANSWER: Final = 8 * 2**20
_PREFIX: Final = "AmazonEC2ContainerServiceV20141113"
Answer = Mapping[str, Any]


class EcsDoor:
    """Asks ECS; opens nothing before it is asked for the first time."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._credentials = Credentials(self._lend)
        self._places: dict[str, asyncio.Semaphore] = {}
        self._http: aiohttp.ClientSession | None = None

    async def ask(self, target: Target, operation: str, arguments: Mapping[str, Any]) -> Answer:
        """What ECS answers; raises the LockgateError that its error means."""
        body = json.dumps(arguments).encode()
        async with self._places.setdefault(target.name, asyncio.Semaphore(AT_A_TIME)):
            keys = await self._credentials.of(target, self._clock())
            url = target.endpoint or f"https://ecs.{target.region}.amazonaws.com"
            headers = {
                "host": urlsplit(url).netloc,
                "content-type": "application/x-amz-json-1.1",
                "x-amz-target": f"{_PREFIX}.{operation}",
            }
            made = signed(headers, body, keys=keys, service="ecs", region=target.region, now=self._clock())
            status, told, raw = await self._post(target, operation, url, body, made)
        if status == 200:
            return _document(target, operation, raw)
        error = error_of(target.name, operation, status, told, raw)
        if isinstance(error, BackendDenied):
            self._credentials.forget(target)
        raise error

    async def close(self) -> None:
        """Let go of every connection."""
        if self._http is not None:
            await self._http.close()

    async def _lend(self, target: Target, body: bytes) -> str:
        url = target.identity_endpoint or f"https://sts.{target.region}.amazonaws.com"
        headers = {"content-type": "application/x-www-form-urlencoded"}
        status, told, raw = await self._post(target, "AssumeRoleWithWebIdentity", url, body, headers)
        if status == 200:
            return raw.decode(errors="replace")
        raise error_of(target.name, "AssumeRoleWithWebIdentity", status, told, raw)

    async def _post(
        self, target: Target, operation: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=None)
            )
        sent = {**headers, "user-agent": f"lockgate/{__version__}"}
        try:
            async with (
                asyncio.timeout(target.timeout_seconds),
                self._http.post(f"{url}/", data=body, headers=sent, allow_redirects=False) as response,
            ):
                raw = await response.content.read(LARGEST_ANSWER + 1)
                while raw and len(raw) <= LARGEST_ANSWER and not response.content.at_eof():
                    raw += await response.content.read(LARGEST_ANSWER + 1 - len(raw))
                return response.status, MappingProxyType(dict(response.headers)), raw
        except TimeoutError:
            said = f"target {target.name} did not answer {operation} within {target.timeout_seconds:g} s"
            raise BackendUnavailable(said) from None
        except (aiohttp.ClientError, OSError) as error:
            # What the client's own errors say names the address.
            said = f"target {target.name} did not answer {operation} ({type(error).__name__})"
            raise BackendUnavailable(said) from None


def _document(target: Target, operation: str, raw: bytes) -> Answer:
    try:
        found = json.loads(raw) if len(raw) <= LARGEST_ANSWER else None
    # RecursionError: an answer may be nothing but brackets.
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BackendUnavailable(f"target {target.name} answered {operation} with what is no answer of ECS")
    return found
