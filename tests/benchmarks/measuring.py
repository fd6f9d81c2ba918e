"""What the audit log tells, what a process costs, how probes answer; and many requests at once."""

import asyncio
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import aiohttp
from kubernetes import client, config

from lockgate.kube.credentials import Credentials
from lockgate_sandbox.supervise.lifetime import children_of

AT_ONCE = 16
_TICKS = os.sysconf("SC_CLK_TCK")


class AuditTail:
    """Reads on in an audit log, also past its rotation, and counts finished requests of one client."""

    def __init__(self, log: Path, namespace: str, agent: str) -> None:
        self._path = log
        self._wanted = (f'"namespace":"{namespace}"', f'"userAgent":"{agent}')
        self._log: TextIO = log.open()
        self._log.seek(0, os.SEEK_END)
        self.counts: Counter[str] = Counter()
        self.last: dict[str, float] = {}
        # By name and kind: when each request came in, and when it was answered.
        self.served: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def clear(self) -> None:
        """Forget what was counted so far."""
        self.read()
        self.counts.clear()
        self.last.clear()
        self.served.clear()

    def read(self) -> "AuditTail":
        """Count what was added since the last time."""
        while True:
            for line in self._log:
                if all(part in line for part in self._wanted):
                    self._count(json.loads(line))
            if self._path.stat().st_ino == os.fstat(self._log.fileno()).st_ino:
                return self
            self._log.close()
            self._log = self._path.open()

    def _count(self, entry: dict[str, Any]) -> None:
        if entry["stage"] != "ResponseComplete" or entry["verb"] in ("list", "watch"):
            return
        place = entry["objectRef"]
        sub = f"/{place['subresource']}" if "subresource" in place else ""
        what = f"{entry['verb']} {place['resource']}{sub}"
        self.counts[what] += 1
        came, done = (
            datetime.fromisoformat(entry[at]).timestamp()
            for at in ("requestReceivedTimestamp", "stageTimestamp")
        )
        self.last[what] = done
        self.served.setdefault((place.get("name", ""), what), []).append((came, done))

    @property
    def writes(self) -> int:
        """Everything but reads and Events."""
        return sum(
            n for what, n in self.counts.items() if not what.startswith("get") and "events" not in what
        )


class Probes:
    """Asks both probes all the time, in a thread; remembers what was red."""

    def __init__(self, port: int, every: float = 0.5) -> None:
        self._port = port
        self._every = every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.was_ready = False
        self.asked = 0
        self.slowest = 0.0
        self.red: list[str] = []

    def start(self) -> "Probes":
        """Begin; red before the first green /readyz does not count."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End."""
        self._end.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._end.wait(self._every):
            for path in ("healthz", "readyz"):
                began = time.monotonic()
                said = self._ask(path)
                seconds = time.monotonic() - began
                if self._end.is_set():
                    return
                self.was_ready |= path == "readyz" and not said
                if self.was_ready:
                    self.asked += 1
                    self.slowest = max(self.slowest, seconds)
                    if said:
                        self.red.append(f"{path} after {seconds:.1f} s: {said}")

    def _ask(self, path: str) -> str:
        try:
            # As long as the chart's probes wait.
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{path}", timeout=5):
                return ""
        except urllib.error.HTTPError as error:
            return error.read().decode(errors="replace") or str(error.code)
        except OSError as error:
            return type(error).__name__


class Crowd:
    """Many requests at once over a few connections; as little as a client can be."""

    def __init__(self, kubeconfig: Path, agent: str) -> None:
        configuration = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        self._credentials = Credentials(configuration)
        self._agent = agent

    def send(self, requests: Iterable[tuple[str, str, Any]], progress: Callable[[int], None]) -> None:
        """Send (method, path, body) in order, so many at once; raises for the first refusal."""
        asyncio.run(self.each([[request] for request in requests], progress))

    async def each(
        self, errands: Iterable[list[tuple[str, str, Any]]], progress: Callable[[int], None]
    ) -> None:
        """The same for requests that must follow one another."""
        left, done = iter(errands), 0
        connector = aiohttp.TCPConnector(ssl=self._credentials.ssl_context(), limit=AT_ONCE)
        headers = self._credentials.headers() | {"User-Agent": self._agent}
        async with aiohttp.ClientSession(
            self._credentials.server, connector=connector, headers=headers
        ) as http:

            async def work() -> None:
                nonlocal done
                for errand in left:
                    for method, path, body in errand:
                        await _request(http, method, path, body)
                    done += 1
                    progress(done)

            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(work())


async def _request(http: aiohttp.ClientSession, method: str, path: str, body: Any) -> None:
    patch = isinstance(body, list)
    kind = "application/json" if method == "POST" else "application/apply-patch+yaml"
    headers = {"Content-Type": "application/json-patch+json" if patch else kind}
    async with http.request(method, path, data=json.dumps(body), headers=headers) as response:
        text = await response.text()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {text[:300]}")


def cpu_milliseconds(pid: int) -> float:
    """What a process and its children have used so far."""
    total = 0
    for each in (pid, *children_of(pid)):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total * 1000 / _TICKS


def resident_mib(pid: int) -> float:
    """The memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def passes(port: int) -> float:
    """How many passes the operator has made; 0 while it does not answer."""
    try:
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20)
    except OSError:
        return 0
    with page:
        lines = page.read().decode().splitlines()
    return sum(
        float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("lockgate_reconcile_total{")
    )


def percentile(values: list[float], share: float) -> float:
    """The smallest value that is at least as large as this share of all."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
