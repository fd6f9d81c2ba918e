"""What scripts do without end, each at its own pace, on a thread beside everything else."""

import asyncio
import contextlib
import json
import threading
from collections import Counter
from pathlib import Path

import aiohttp
from kubernetes import client, config
from tests.benchmarks.hostile import Resource

from lockgate.kube.credentials import Credentials


class Scripts:
    """The scripts of these resources; an answer is counted and otherwise ignored."""

    def __init__(self, kubeconfig: Path, resources: list[Resource]) -> None:
        configuration = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        self._credentials = Credentials(configuration)
        self._resources = [one for one in resources if one.kind.rate]
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: Counter[int] = Counter()

    def start(self) -> "Scripts":
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End, and wait for that."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(30)

    def _run(self) -> None:
        self._loop.run_until_complete(self._all())
        self._loop.close()

    async def _all(self) -> None:
        headers = self._credentials.headers() | {
            "User-Agent": "script",
            "Content-Type": "application/merge-patch+json",
        }
        connector = aiohttp.TCPConnector(ssl=self._credentials.ssl_context())
        async with aiohttp.ClientSession(
            self._credentials.server, connector=connector, headers=headers
        ) as http:
            running = [asyncio.create_task(self._one(http, one)) for one in self._resources]
            await self._end.wait()
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _one(self, http: aiohttp.ClientSession, one: Resource) -> None:
        loop, due = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        for method, path, body in one.kind.script(one):
            with contextlib.suppress(OSError, aiohttp.ClientError):
                async with http.request(method, path, data=json.dumps(body)) as answer:
                    await answer.read()
                    self.answers[answer.status] += 1
            # A server that is slower than the script is not asked for what was missed.
            due = max(due + 1 / one.kind.rate, loop.time())
            await asyncio.sleep(due - loop.time())
