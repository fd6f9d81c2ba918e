"""Plain HTTP beside the client, with limits that the client does not have: time, bytes, addresses.

Addresses come from the registry's answers, and bodies from whoever could upload them. Nothing
of an address or a body enters a message.
"""

import asyncio
import base64
import os
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from lockgate.addresses import may_keep_files
from lockgate.errors import ArtifactRejected, LockgateError, RegistryUnavailable, RegistryUntrusted
from lockgate.registries.wandb.translate import untrusted

_PIECE = 64 * 1024
_PROBE = b'{"query": "query LockgateProbe { __typename }"}'
_MOST_REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """`most` bytes of body, unpacked; `until` when (monotonic seconds).

    `plain` allows http, `near` addresses of this machine.
    """

    most: int
    until: float
    plain: bool = False
    near: bool = False


def request(
    what: str,
    url: str,
    limits: Limits,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Status and body of one GET, or of a POST when there is a body; raises a LockgateError.

    `what` reads like "read the manifest of X". A body beyond the limit is an ArtifactRejected.
    """
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_request(what, url, limits, body, dict(headers or {})))
    except LockgateError:
        raise
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
        raise RegistryUntrusted(untrusted(what)) from error
    except TimeoutError as error:
        raise RegistryUnavailable(f"could not {what}: the registry did not answer in time") from error
    except (aiohttp.ClientError, OSError, ValueError, zlib.error) as error:
        kind = type(error).__name__
        raise RegistryUnavailable(
            f"could not {what}: the registry's storage gave no usable answer ({kind})"
        ) from error
    finally:
        # Not asyncio.run: it would wait for a name look-up that hangs.
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def answers_others(base_url: str, key: str, limits: Limits) -> bool:
    """Whether the registry answers a plain question at once; raises a LockgateError when it is silent."""
    basic = base64.b64encode(f"api:{key}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
    status, body = request("reach the registry", f"{base_url}/graphql", limits, body=_PROBE, headers=headers)
    return status == 200 and body.lstrip().startswith(b"{")


async def _request(
    what: str, url: str, limits: Limits, body: bytes | None, headers: dict[str, str]
) -> tuple[int, bytes]:
    left = max(0.05, limits.until - time.monotonic())
    connector = aiohttp.TCPConnector(force_close=True)
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=left),
        auto_decompress=False,
        trust_env=True,
        headers={"Accept-Encoding": "identity"} | headers,
    )
    async with asyncio.timeout(left), session:
        address = URL(url, encoded=True)
        for _ in range(_MOST_REDIRECTS + 1):
            _check(what, address, limits)
            method = "GET" if body is None else "POST"
            trust = _trust() if address.scheme == "https" else True
            asking = session.request(method, address, data=body, allow_redirects=False, ssl=trust)
            async with asking as response:
                onward = response.headers.get("Location")
                if body is None and onward and response.status in (301, 302, 303, 307, 308):
                    address = address.join(URL(onward, encoded=True))
                    continue
                return response.status, await _read(what, response, limits)
    raise RegistryUnavailable(f"could not {what}: the registry's storage sends from one address to the next")


def _check(what: str, address: URL, limits: Limits) -> None:
    """Refuse to be sent where no registry keeps files."""
    if not may_keep_files(address.scheme, address.host or "", plain=limits.plain, near=limits.near):
        raise RegistryUnavailable(
            f"could not {what}: the registry names an address for it that may not be followed"
        )


async def _read(what: str, response: aiohttp.ClientResponse, limits: Limits) -> bytes:
    packed = response.headers.get("Content-Encoding", "identity").lower()
    if packed not in ("identity", "gzip"):
        raise RegistryUnavailable(f"could not {what}: it is packed in a way that is not known")
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed == "gzip" else None
    body = bytearray()
    async for piece in response.content.iter_chunked(_PIECE):
        # Never more at once than is left of the limit, however small it was packed.
        body += piece if unpack is None else unpack.decompress(piece, limits.most + 1 - len(body))
        if len(body) > limits.most:
            raise ArtifactRejected(f"could not {what}: it has more than {limits.most} bytes")
    return bytes(body)


def _trust() -> ssl.SSLContext:
    """What the client's own halves trust: one reads the first variable, the other the second."""
    context = ssl.create_default_context()
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle and os.path.isfile(bundle):  # noqa: PTH113
        context.load_verify_locations(bundle)
    return context
