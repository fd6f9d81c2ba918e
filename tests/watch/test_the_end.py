"""SIGTERM ends the process within five seconds, whatever it waits for."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.watch.scripted import ScriptedApiServer
from tests.watch.test_the_operator_under_faults import free_port, until_ready
from tests.watch.waiting import until

# Five seconds are promised; the rest is for a machine that has much else to do.
WITHIN_SECONDS = 5.0 + 10.0
ROOT = Path(__file__).parents[2]
HANGING_LOOP = """
import asyncio, time
from lockgate.app import App
async def run(self, stop):
    await asyncio.sleep(0.1)
    print("hangs", flush=True)
    time.sleep(3600)
App.run = run
"""
HANGING_REGISTRY = """
import threading, time
from lockgate.registries.wandb import registry
print("hangs", flush=True)
registry.WandbRegistry.close = lambda self: time.sleep(3600)
threading.Thread(target=time.sleep, args=(3600,)).start()
"""


@contextlib.asynccontextmanager
async def program(
    api: ScriptedApiServer, tmp_path: Path, before: str = "", **settings: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The real program, as Kubernetes starts it, and the port of its probes; `before` runs in it first."""
    port = free_port()
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nusers: [{name: u, user: {}}]\n"
        f"clusters: [{{name: k, cluster: {{server: '{api.url}'}}}}]\n"
        "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
    )
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "operator"),
        "KUBECONFIG": str(kubeconfig),
        "LOCKGATE_REGISTRY_BASE_URL": "http://127.0.0.1:1",
        "LOCKGATE_FETCH_IMAGE": "registry.example/lockgate:1",
        "LOCKGATE_HTTP_HOST": "127.0.0.1",
        "LOCKGATE_HTTP_PORT": str(free_port()),
        "LOCKGATE_PROBE_PORT": str(port),
        **settings,
    }
    code = f"{before}\nimport sys\nfrom lockgate.__main__ import main\nsys.exit(main(['run']))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process, port
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def end(process: asyncio.subprocess.Process) -> float:
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.wait(), WITHIN_SECONDS)
    return time.monotonic() - began


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApiServer]:
    server = await ScriptedApiServer().start()
    yield server
    await server.stop()


async def test_an_operator_at_work_ends_well(api: ScriptedApiServer, tmp_path: Path):
    async with program(api, tmp_path) as (process, port):
        await until_ready(port)
        await end(process)
        assert process.returncode == 0


async def test_an_operator_that_waits_for_its_api_server_ends(api: ScriptedApiServer, tmp_path: Path):
    async with program(api, tmp_path) as (process, port):
        await until_ready(port)
        await api.stop()
        await asyncio.sleep(1)
        await end(process)


async def test_an_operator_that_never_met_its_api_server_ends(api: ScriptedApiServer, tmp_path: Path):
    await api.stop()
    async with program(api, tmp_path) as (process, _):
        await asyncio.sleep(4)
        assert process.returncode is None
        await end(process)


async def test_an_operator_whose_streams_are_silent_ends(api: ScriptedApiServer, tmp_path: Path):
    async with program(api, tmp_path) as (process, port):
        await until_ready(port)
        api.silent.set()
        await asyncio.sleep(1)
        await end(process)
        api.silent.clear()


@pytest.mark.parametrize("name", ["LOCKGATE_HTTP_PORT", "LOCKGATE_PROBE_PORT"])
async def test_a_port_that_is_taken_ends_the_start_with_one_sentence(
    api: ScriptedApiServer, tmp_path: Path, name: str
):
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        taken = str(somebody.getsockname()[1])
        told_here = "import sys; sys.stderr = sys.stdout"
        async with program(api, tmp_path, told_here, **{name: taken}) as (process, _):
            told, _ = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 2
    assert told.decode().startswith(f"lockgate: {name} is {taken}, which cannot be had: ")
    assert told.count(b"\n") == 1


@pytest.mark.parametrize(
    ("hanging", "code"), [(HANGING_LOOP, 1), (HANGING_REGISTRY, 0)], ids=["the loop", "the registry"]
)
async def test_an_operator_in_which_something_hangs_ends(
    api: ScriptedApiServer, tmp_path: Path, hanging: str, code: int
):
    async with program(api, tmp_path, hanging) as (process, port):
        assert process.stdout is not None
        assert b"hangs" in await asyncio.wait_for(process.stdout.readline(), 30)
        if hanging is HANGING_REGISTRY:
            await until_ready(port)
        else:
            await until("it has begun", lambda: True)
        await end(process)
        assert process.returncode == code
