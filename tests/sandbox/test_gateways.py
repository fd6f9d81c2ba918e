"""The sandbox's real gateways with real traffic: what they keep, and what one of them only says it keeps.

Two servers that tell their version, a route to them of the test's own host name, and a crowd that asks.
"""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from tests.waiting import wait_until

from lockgate_sandbox import objects
from lockgate_sandbox.api import ApiClient
from lockgate_sandbox.cluster_world import ClusterWorld
from lockgate_sandbox.crowds import Crowd, Target
from lockgate_sandbox.gateways import API, Gateway
from lockgate_sandbox.images import build_images
from lockgate_sandbox.objects import Json
from lockgate_sandbox.parts.crowd import Crowds
from lockgate_sandbox.pytest_plugin import part
from lockgate_sandbox.worlds import Level

pytestmark = pytest.mark.cluster
gateway_envoy = part("gateway_envoy", Level.CLUSTER)
gateway_traefik = part("gateway_traefik", Level.CLUSTER)
crowds = part("crowd", Level.CLUSTER)

NAMESPACE = "two-versions"
PORT = 8080
SWITCH_SECONDS = 5.0
Posts = Callable[[str], int]
Ask = Callable[[float], Crowd]
# Tells its version to whoever asks for a prediction, and how many did to whoever wants to know.
_SERVER = """
import http.server, itertools, json, os
posts = itertools.count(1)
last = 0
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", 1 << 16
    def answer(self, told):
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer({"posts": last})
    def do_POST(self):
        global last
        last = next(posts)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"model_version": os.environ["VERSION"]})
    def log_message(self, *args):
        pass
class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128
Server(("", 8080), Handler).serve_forever()
"""


@pytest.fixture(params=["gateway_envoy", "gateway_traefik"])
def gateway(request: pytest.FixtureRequest) -> Gateway:
    """Each of them in turn."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def posts(cluster: ClusterWorld, crowds: Crowds) -> Iterator[Posts]:
    """Two servers, v1 and v2; how many requests each has had so far."""
    image = build_images(["modelserver"])["modelserver"]
    made = [objects.namespace(NAMESPACE)]
    for version in ("v1", "v2"):
        command = ["python", "-c", _SERVER]
        told = [{"name": "VERSION", "value": version}]
        made += objects.server(version, NAMESPACE, image, PORT, "/", (), command=command, env=told)
    cluster.apply(*made)
    for version in ("v1", "v2"):
        cluster.kubectl("rollout", "status", f"deployment/{version}", f"-n={NAMESPACE}", "--timeout=60s")

    def counted(version: str) -> int:
        with ApiClient(cluster.kubeconfig) as client:
            path = f"/api/v1/namespaces/{NAMESPACE}/services/{version}:{PORT}/proxy/"
            return int(client.get(path)["posts"])

    yield counted
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


class Road:
    """From a crowd through a gateway to the two servers, by a route for a host of its own."""

    def __init__(self, world: ClusterWorld, gateway: Gateway, name: str) -> None:
        self.world = world
        self.gateway = gateway
        self.name = name
        self.host = f"{name}.example"

    def lead(self, v1: int, v2: int, mirror: int = 0) -> None:
        """Write the route, with this weight for each and so many percent mirrored to v2."""
        weights = {"v1": v1, "v2": v2}
        refs = [{"name": name, "port": PORT, "weight": weight} for name, weight in weights.items()]
        rule: Json = {"backendRefs": refs}
        if mirror:
            copied = {"backendRef": {"name": "v2", "port": PORT}, "percent": mirror}
            rule["filters"] = [{"type": "RequestMirror", "requestMirror": copied}]
        spec = {"parentRefs": [self.gateway.parent], "hostnames": [self.host], "rules": [rule]}
        self.world.apply(objects.named(API, "HTTPRoute", self.name, NAMESPACE, spec=spec))

    def reported(self) -> dict[str, str]:
        """What the gateway says of the route as it is now."""
        shown = self.world.kubectl("get", "httproute", self.name, f"-n={NAMESPACE}", "-o=json").stdout
        route = json.loads(shown)
        return {
            condition["type"]: condition["status"]
            for parent in route.get("status", {}).get("parents", ())
            if parent["controllerName"] == self.gateway.controller
            for condition in parent["conditions"]
            if condition["observedGeneration"] == route["metadata"]["generation"]
        }

    def is_accepted(self) -> bool:
        """Whether the gateway says that it does what the route asks for."""
        return self.reported() == {"Accepted": "True", "ResolvedRefs": "True"}

    def answer(self) -> tuple[int, bytes]:
        """What this machine is answered through the gateway."""
        headers = {"Host": self.host}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.gateway.url, b"{}", headers), timeout=5
            ) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def wait(self, status: int = 200) -> None:
        """Until the gateway says that all is well, and answers with this status."""
        wait_until(f"{self.name} is accepted", self.is_accepted, tell=lambda: str(self.reported()))
        wait_until(f"{self.name} answers {status}", lambda: self.answer()[0] == status)


@pytest.fixture
def road(cluster: ClusterWorld, posts: Posts, gateway: Gateway) -> Iterator[Road]:
    """A road of the test's own through the gateway."""
    name = f"road-{secrets.token_hex(3)}"
    yield Road(cluster, gateway, name)
    cluster.kubectl("delete", "httproute", name, f"-n={NAMESPACE}", "--ignore-not-found")


@pytest.fixture
def ask(crowds: Crowds, road: Road) -> Iterator[Ask]:
    """Has a crowd use the road, until the test is over."""
    begun: list[Crowd] = []

    def begin(rate: float) -> Crowd:
        begun.append(crowds.start(road.name, Target(road.gateway.inner_url, road.host, rate=rate)))
        return begun[-1]

    yield begin
    for crowd in begun:
        crowd.stop()


def test_weights_are_kept_to_a_hundredth(road: Road, ask: Ask) -> None:
    road.lead(v1=90, v2=10)
    road.wait()
    crowd = ask(400)
    shares = crowd.shares(1000)
    assert shares["v1"] == pytest.approx(0.90, abs=0.01)
    assert shares["v2"] == pytest.approx(0.10, abs=0.01)
    count = crowd.count_after(0)
    assert (count.failed, count.last_failure) == (0, "")


def test_a_changed_weight_is_in_effect_soon_and_costs_no_request(road: Road, ask: Ask) -> None:
    road.lead(v1=100, v2=0)
    road.wait()
    crowd = ask(100)
    assert crowd.shares(50) == {"v1": 1.0}
    road.lead(v1=0, v2=100)

    def switched() -> bool:
        count = crowd.count()
        return count is not None and set(count.last_second.versions) == {"v2"}

    wait_until("all answers of a second are by v2", switched, within=SWITCH_SECONDS)
    assert crowd.shares(50) == {"v2": 1.0}
    count = crowd.count_after(0)
    assert (count.failed, count.last_failure) == (0, "")


@pytest.mark.parametrize("gateway", ["gateway_envoy"], indirect=True)
def test_envoy_mirrors_the_percentage_that_was_asked_for(road: Road, ask: Ask, posts: Posts) -> None:
    road.lead(v1=100, v2=0, mirror=50)
    road.wait()
    crowd = ask(200)
    served, mirrored = posts("v1"), posts("v2")
    assert crowd.shares(600) == {"v1": 1.0}
    served, mirrored = posts("v1") - served, posts("v2") - mirrored
    assert served >= 600
    assert mirrored / served == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("gateway", ["gateway_traefik"], indirect=True)
def test_traefik_reports_a_mirror_as_accepted_and_fails_every_request(
    road: Road, ask: Ask, posts: Posts
) -> None:
    road.lead(v1=100, v2=0)
    road.wait()
    road.lead(v1=100, v2=0, mirror=50)
    road.wait(status=500)
    assert road.is_accepted()
    mirrored = posts("v2")
    crowd = ask(100)
    count = crowd.count_after(50)
    assert (count.failed, count.versions) == (count.requests, {})
    assert count.last_failure == "HTTP 500"
    assert posts("v2") == mirrored
