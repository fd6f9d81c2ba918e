"""The one door to the services that gates ask: one POST, and yes, no, or why there is neither.

Where it goes the platform has written, and nothing that comes back changes that: no redirect, no cookie, no
proxy of the environment. The time for all of it is bounded, so is what is read. No address and no token
enters a message. Nothing is kept here, and nothing decided.
"""

import asyncio
import ssl

import aiohttp

from lockgate import __version__
from lockgate.tokens import read_token
from lockgate.webhooks.offered import Service
from lockgate.webhooks.question import LARGEST_ANSWER, Answer, Question, read_answer


class NoAnswer(Exception):
    """The service said neither yes nor no; says why."""


async def ask(service: Service, question: Question) -> Answer:
    """What the service says; raises NoAnswer."""
    headers, tls = _headers(service), _tls(service)
    try:
        async with asyncio.timeout(service.timeout_seconds):
            status, raw = await _post(service.address, question.body(), headers, tls)
    except TimeoutError:
        raise NoAnswer(f"it did not answer within {service.timeout_seconds:g} s") from None
    except (aiohttp.ClientSSLError, ssl.SSLError) as error:
        raise NoAnswer(f"no connection to it can be trusted ({type(error).__name__})") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # What the client's own errors say names the address.
        raise NoAnswer(f"it did not answer ({type(error).__name__})") from None
    try:
        return read_answer(status, raw)
    except ValueError as error:
        raise NoAnswer(str(error)) from None


async def _post(
    address: str, body: bytes, headers: dict[str, str], tls: ssl.SSLContext | bool
) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            # What is packed could be far more than what was read.
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as http,
        http.post(address, data=body, headers=headers, allow_redirects=False) as response,
    ):
        return response.status, await _read(response)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    found = b""
    async for part in response.content.iter_any():
        found += part
        if len(found) > LARGEST_ANSWER:
            break
    return found[: LARGEST_ANSWER + 1]


def _headers(service: Service) -> dict[str, str]:
    known = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"lockgate/{__version__}",
    }
    if service.token_file is None:
        return known
    try:
        token = read_token(service.token_file)
    except ValueError as error:
        raise NoAnswer(str(error)) from None
    if not token:
        raise NoAnswer("the token for it is none")
    return known | {"Authorization": f"Bearer {token}"}


def _tls(service: Service) -> ssl.SSLContext | bool:
    """By its own authority alone, where it has one; read each time, for authorities are renewed."""
    if service.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=service.ca_file)
    except (OSError, ValueError) as error:
        raise NoAnswer(f"the authority for it cannot be read ({type(error).__name__})") from None
