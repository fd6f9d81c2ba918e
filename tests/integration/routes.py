"""A gateway for a site: the Gateway API, a stand-in for a controller, and an operator that may route."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.site import GATEWAYS, Site

from lockgate_sandbox.api import ApiClient, ApiError, Json
from lockgate_sandbox.gateway_actor import CONTROLLER, GATEWAY_CLASS, GatewayActor
from lockgate_sandbox.gateway_fates import Accepts, Fate
from lockgate_sandbox.running import RunningWorld

API = "/apis/gateway.networking.k8s.io/v1"


@contextmanager
def gateway_of(world: RunningWorld) -> Iterator[GatewayActor]:
    """A gateway with its controller, who accepts everything at once unless a test says otherwise."""
    with GatewayActor.on(world, delay=0.02) as actor, ApiClient(world.kubeconfig) as client:
        world.kubectl("create", "namespace", GATEWAYS, check=False)
        listeners = [
            {
                "name": "http",
                "port": 80,
                "protocol": "HTTP",
                "allowedRoutes": {"namespaces": {"from": "All"}},
            }
        ]
        spec = {"gatewayClassName": GATEWAY_CLASS, "listeners": listeners}
        kind = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}
        body = {**kind, "metadata": {"name": "public"}, "spec": spec}
        try:
            client.post(f"{API}/namespaces/{GATEWAYS}/gateways", body)
        except ApiError as error:
            if error.status != 409:
                raise
        yield actor


def settings_in(directory: Path) -> dict[str, str]:
    """The operator's settings with that gateway in them."""
    file = directory / "gateways.yaml"
    public = {
        "namespace": GATEWAYS,
        "gateway": "public",
        "section": "http",
        "hostname": "{name}.{namespace}.models.example.com",
        "controller": CONTROLLER,
        "features": {"mirror": True, "percentMirror": True},
    }
    file.write_text(json.dumps({"public": public}))
    return {"LOCKGATE_GATEWAYS_FILE": str(file)}


class Routed:
    """A site whose models are reached through the gateway."""

    def __init__(self, site: Site, actor: GatewayActor) -> None:
        self.site = site
        self.actor = actor

    def behave(self, fate: Fate | None = None, *, after: int = 0) -> None:
        """What the gateway does with routes from now on, those of so many generations aside."""

        def behaviour(found: Json) -> Fate:
            is_late = found["metadata"]["generation"] <= after
            return Accepts() if fate is None or is_late or "rules" not in found["spec"] else fate

        self.actor.behaviour = behaviour
        self.actor.reconsider()

    def deploy(self, steps: list[Json] | None = None, **spec: object) -> None:
        """A model with a canary, behind the gateway."""
        strategy = {"canary": {"steps": steps or [{"weight": 20}, {"weight": 50}]}}
        known = {"traffic": {"gateway": "public"}, "strategy": strategy, "replicas": 2}
        # What is kept warm would be there for as long as a test waits.
        self.site.deploy(**known | {"rollback": {"keepWarmFor": "1s"}} | spec)

    def route(self) -> Json:
        """The HTTPRoute; an empty one when there is none."""
        return self.site.get("httproutes")

    def weights(self) -> dict[str, int]:
        """The weights of the main rule as they are written."""
        rules = self.route().get("spec", {}).get("rules") or []
        return {each["name"]: each["weight"] for each in rules[-1]["backendRefs"]} if rules else {}

    def names(self, kind: str) -> set[str]:
        """Names of all objects of a kind."""
        return {found["metadata"]["name"] for found in self.site.all(kind)}

    def home(self, version: str) -> str:
        """The workload that runs a version."""
        for found in self.site.all("deployments"):
            if found["metadata"]["annotations"]["lockgate.dev/model-version"] == version:
                name: str = found["metadata"]["name"]
                return name
        return ""

    def wait_weights(self, **versions: int) -> None:
        """Wait until the route gives each version so much, and nobody else anything."""

        def holds() -> bool:
            homes = {self.home(version): weight for version, weight in versions.items()}
            own = {("churn-own" if name == "churn" else name): weight for name, weight in homes.items()}
            return {name: weight for name, weight in self.weights().items() if weight} == own

        self.site.wait(f"the route gives {versions}", holds)
