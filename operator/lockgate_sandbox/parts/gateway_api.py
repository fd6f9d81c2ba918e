"""The Gateway API: the kinds of its standard channel, and nobody who acts on them.

Who does is a gateway, or on a control plane the gateway actor.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockgate_sandbox.binaries import files_of
from lockgate_sandbox.binaries.pins import GATEWAY_API
from lockgate_sandbox.part import Handle, Prepared
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.worlds import Level

_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class GatewayApi(Handle):
    """`url` is where the API server offers these kinds."""


class _Part:
    name = "gateway_api"
    needs = ()
    levels = frozenset({Level.CONTROL_PLANE, Level.CLUSTER})
    handle = GatewayApi

    def prepare(self, level: Level) -> Prepared:
        """The CRDs, as the module carries them."""
        return Prepared(files={GATEWAY_API.name: files_of(GATEWAY_API)})

    def install(self, world: RunningWorld, prepared: Prepared) -> GatewayApi:
        """With the admission policy that comes with them."""
        crds = str(prepared.files[GATEWAY_API.name])
        world.kubectl("apply", "--server-side", "-f", crds)
        wait = ("wait", "--for=condition=Established", "crd", "--all", f"--timeout={_SECONDS}s")
        world.kubectl(*wait, timeout=_SECONDS + 10)
        return GatewayApi(world=world, url=f"{world.api_url}/apis/gateway.networking.k8s.io/v1")


PART = _Part()
