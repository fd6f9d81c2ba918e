"""An operator whose ways to the API server and to the registry can be made to misbehave.

The world, the registry and the pods are those of the integration tests; between them and the
operator stand two proxies, and its clock and its process are in the hands of the test.
"""

import contextlib
import json
import os
import signal
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.proxy import Proxy, tls_of
from tests.integration.nest import ROOT, Nest
from tests.integration.site import Operator, Site

from lockgate_sandbox.kubeconfig import write_kubeconfig
from lockgate_sandbox.node_actor import NodeActor
from lockgate_sandbox.pki import Authority
from lockgate_sandbox.registry.running import RunningRegistry
from lockgate_sandbox.running import RunningWorld

CLOCK = Path(__file__).parent / "clock"
POLL_SECONDS = "0.3"


class FaultOperator(Operator):
    """The real program, behind the proxies, with a clock that can jump; its code may be a copy."""

    def __init__(
        self,
        kubeconfig: Path,
        registry_url: str,
        directory: Path,
        nest: Nest | None = None,
        code: Path = ROOT / "operator",
        **settings: str,
    ) -> None:
        self._clock = directory / "clock"
        super().__init__(
            kubeconfig,
            registry_url,
            directory,
            nest,
            **{
                "PYTHONPATH": f"{CLOCK}{os.pathsep}{code}",
                "LOCKGATE_TEST_CLOCK": str(self._clock),
                "LOCKGATE_POLL_INTERVAL_SECONDS": POLL_SECONDS,
                "LOCKGATE_REGISTRY_TIMEOUT_SECONDS": "2",
                "LOCKGATE_FETCH_DEADLINE_SECONDS": "60",
                # All at once, so that what was missed shows within seconds.
                "LOCKGATE_RUNTIME_EDIT_SHARE": "1",
            }
            | settings,
        )

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def configure(self, **settings: str) -> None:
        """Set variables of its environment; they hold from the next start on."""
        self._environment.update(settings)

    def jump(self, seconds: float) -> None:
        """Set its clock so far from the true time."""
        self._clock.write_text(str(seconds))

    def pause(self) -> None:
        """Stop the process where it is."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def revive(self) -> bool:
        """Start it if it is not there, or has ended by itself, which is told."""
        died = self._process is not None and self._process.poll() is not None
        if not self.runs:
            self._process = None
            self.start()
        return died

    def restart(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it and start it again."""
        self.kill(number)
        self.start()

    def ends_within(self, seconds: float) -> bool:
        """Send SIGTERM and tell whether the process is gone in time."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        self._process = None
        return True

    def probe(self, name: str) -> int:
        """The code that /readyz or /healthz answers; 0 when nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.probe_port}/{name}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return int(error.code)
        except OSError:
            return 0

    def page(self) -> str:
        """What /metrics says; OSError when it says nothing."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())


class FaultSite(Site):
    """A site whose operator is behind proxies: `api` and `registry_door`."""

    operator: FaultOperator

    def __init__(
        self,
        world: RunningWorld,
        namespace: str,
        registry: RunningRegistry,
        actor: NodeActor,
        operator: FaultOperator,
        api: Proxy,
        registry_door: Proxy,
    ) -> None:
        super().__init__(world, namespace, registry, actor, operator)
        self.api = api
        self.registry_door = registry_door

    def no_faults(self) -> None:
        """End every fault of both proxies, the registry and the clock."""
        self.api.clear()
        self.registry_door.clear()
        self.registry.faults.clear()


@contextlib.contextmanager
def api_proxy(world: RunningWorld, directory: Path, identity: Path) -> Iterator[tuple[Proxy, Path]]:
    """A proxy before the world's API server, and the kubeconfig of `identity` that leads through it."""
    authority = Authority.create()
    pair = authority.server("fault-proxy", ["127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as both:
        both.write(pair.certificate + pair.key)
        both.flush()
        tls.load_cert_chain(both.name)
    token = json.loads(identity.read_text())["users"][0]["user"]["token"]
    with Proxy(world.api_url, tls=tls, upstream_tls=tls_of(world.kubeconfig)) as proxy:
        path = directory / "through-the-proxy.kubeconfig"
        yield proxy, write_kubeconfig(path, proxy.url, authority.pair.certificate, token)


@contextlib.contextmanager
def fault_site(
    world: RunningWorld,
    identity: Path,
    namespace: str,
    registry: RunningRegistry,
    actor: NodeActor,
    directory: Path,
    **options: Any,
) -> Iterator[FaultSite]:
    """A namespace (or several, with commas in the operator's settings) whose operator is not started yet."""
    key = directory / "api-key"
    key.write_text(registry.keys["viewer"])
    settings = {
        "LOCKGATE_WATCH_NAMESPACES": namespace,
        "LOCKGATE_REGISTRY_API_KEY_FILE": str(key),
        "LOCKGATE_REGISTRY_ALLOW_HTTP": "true",
    }
    with api_proxy(world, directory, identity) as (api, kubeconfig), Proxy(registry.url) as door:
        operator = FaultOperator(kubeconfig, door.url, directory, **(settings | options))
        site = FaultSite(world, namespace, registry, actor, operator, api, door)
        try:
            yield site
        finally:
            site.no_faults()
            with contextlib.suppress(ProcessLookupError, AssertionError):
                operator.resume()
            operator.kill()
            site.client.close()
