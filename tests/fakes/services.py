"""Services that gates ask, as a test says: a function in their place, and real servers behind TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from lockgate.webhooks.door import NoAnswer
from lockgate.webhooks.offered import Service
from lockgate.webhooks.question import Answer, Named, Question
from lockgate_sandbox.pki import Authority

YES, NO = Answer(allowed=True, reason="it is fair"), Answer(allowed=False, reason="it favours the tall")
FAIRNESS = Service(name="fairness", address="https://fairness.example.com/ask", namespaces=("growth",))
OTHERS = Service(name="others", address="https://others.example.com/ask", namespaces=("elsewhere",))
QUESTION = Question(
    gate="fairness",
    namespace="growth",
    name="churn",
    candidate=Named(source="default", uri="wandb://o/p/c:v2", version="v2", claim="wandb-md5:02"),
    stable=Named(source="eu", uri="wandb://o/p/c:v1", version="v1", claim=None),
)


class FakeService:
    """Stands in for the door: keeps what was asked, and says `says` as soon as `may_answer` is set."""

    def __init__(self) -> None:
        self.says: Answer | str | Exception = YES
        self.asked: list[Question] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def ask(self, service: Service, question: Question) -> Answer:
        self.asked.append(question)
        await self.may_answer.wait()
        if isinstance(self.says, Answer):
            return self.says
        raise self.says if isinstance(self.says, Exception) else NoAnswer(self.says)


Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def service_behind_tls(
    directory: Path, handle: Handle, *, trusted: bool = True, host: str = "127.0.0.1", **fields: object
) -> AsyncIterator[Service]:
    """A server on loopback that treats each connection so; with `trusted` False it is a stranger."""
    authority, stranger = Authority.create(), Authority.create()
    (directory / "ca.crt").write_bytes(authority.pair.certificate)
    (authority if trusted else stranger).server("fairness", [host]).write(directory, "server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(directory / "server.crt", directory / "server.key")

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return  # whoever asked has left
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    given = {"namespaces": ("growth",), "timeout_seconds": 5.0, "ca_file": directory / "ca.crt"}
    try:
        yield Service(
            name="fairness",
            address=f"https://127.0.0.1:{port}/ask",
            **(given | fields),  # type: ignore[arg-type]
        )
    finally:
        server.close()


async def read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """The first line, the headers and the body of what a client sent."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return head[0], headers, await reader.readexactly(int(headers["content-length"]))


def answers(status: str, body: bytes, *headers: str) -> Handle:
    """Always the same answer, and then nothing more."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()
        await reader.read()

    return handle
