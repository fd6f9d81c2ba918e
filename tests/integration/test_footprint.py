"""What the operator asks of others: writes, rights, look-ups. Counted, not believed."""

import json
import os
import re
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.integration.audit import of_the_operator, told
from tests.integration.routes import Routed, gateway_of, settings_in
from tests.integration.site import POLL_SECONDS, Operator, Site

from lockgate.resolve.poller import JITTER
from lockgate_sandbox.api import Json
from lockgate_sandbox.registry.requestlog import RequestRecord
from lockgate_sandbox.running import RunningWorld

pytestmark = pytest.mark.integration

# So often a stretch of rest may be spoilt by a list.
STRETCHES = 5
REST_SECONDS = float(os.environ.get("LOCKGATE_REST_SECONDS", "5"))
"""How long rest is watched; `make test` has no time for minutes."""
REST_POLLS = round(REST_SECONDS / POLL_SECONDS)


def polls(site: Site, number: int) -> list[RequestRecord]:
    """The next polls as the registry saw them: no other request, and none before its interval."""
    log = site.registry.requests
    log.clear()
    begun = time.monotonic()
    site.wait(f"{number} polls", lambda: len(log.records()) >= number, within=30 + 2 * number * POLL_SECONDS)
    seconds = time.monotonic() - begun
    seen = log.records()
    assert {tuple(record.operations) for record in seen} == {("LockgateLookUp",)}
    assert seconds >= (number - 1) * POLL_SECONDS * (1 - JITTER)
    return seen


def test_a_plain_rollout_of_two_replicas_costs_four_writes(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.wait_quiet()
    before = len(site.writes())
    site.seed()
    site.wait_serving("v1")
    site.wait_quiet()
    after = site.writes()[before:]
    written = [(e["verb"], e["objectRef"]["resource"], e["objectRef"].get("subresource", "")) for e in after]
    assert written == [
        ("create", "controllerrevisions", ""),
        ("patch", "deployments", ""),
        ("patch", "modeldeployments", "status"),
        ("patch", "modeldeployments", "status"),
    ], told(after)


def test_at_rest_nothing_is_asked_of_the_api_server_and_one_look_up_a_poll_of_the_registry(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    for _ in range(STRETCHES):
        site.wait_rest()
        before = len(site.asked())
        polled = polls(site, REST_POLLS)
        more = site.asked()[before:]
        assert [record.lookups for record in polled] == [1] * len(polled)
        assert all(entry["verb"] == "list" for entry in more), told(more)
        if not more:
            return
        # A machine with much else to do lets the API server say nothing on a stream until its end, and
        # then a list must tell whether there was nothing to say. It does not do so each time.
    raise AssertionError(
        f"lists in each of {STRETCHES} stretches:\n{told(more)}\n{site.operator.log[-3000:]}"
    )


def test_fifty_deployments_on_five_aliases_cost_five_look_ups_a_poll(site: Site):
    site.seed()
    for number in range(5):
        site.registry.move_alias("model", "churn", f"alias-{number}", "v0")
    for number in range(50):
        model = {"registry": "model", "collection": "churn", "alias": f"alias-{number % 5}"}
        site.deploy(f"churn-{number}", model=model, replicas=0)

    def all_serve() -> bool:
        found = site.all("modeldeployments")
        return sum((d.get("status") or {}).get("phase") == "Serving" for d in found) == 50

    site.wait("fifty serve", all_serve, within=60)
    site.wait_quiet()
    polled = polls(site, 6)
    assert [record.lookups for record in polled] == [5] * len(polled)


def test_every_right_that_the_chart_grants_is_used_and_no_other_is_asked_for(
    site: Site, lockgate_world: RunningWorld, tmp_path: Path
):
    with gateway_of(lockgate_world) as actor:
        site.operator.restart(**settings_in(tmp_path))
        use_every_right(site, Routed(site, actor))


def use_every_right(site: Site, routed: Routed) -> None:
    # Refusals count from here on: a restarting API server refuses everybody for a moment.
    begun = datetime.now(UTC).isoformat()
    site.seed()
    site.deploy(revisionHistoryLimit=0)
    site.wait_serving("v0")
    for version in ("v1", "v2"):
        site.seed()
        site.wait_serving(version)
    # What nobody can go back to is struck from the ledger.
    site.wait("two releases are kept", lambda: len(site.all("controllerrevisions")) == 2)
    site.client.delete(site.path("services", "churn"))
    site.wait("the service is back", lambda: site.get("services"))
    site.wait_serving("v2")
    # What is in the way is read once, to say whose it is.
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "c"}]}}
    selector = {"selector": {"matchLabels": {"a": "b"}}, "replicas": 0, "template": pod}
    ports = {"selector": {"a": "b"}, "ports": [{"port": 80}]}
    for name, kind, spec in (("held", "deployments", selector), ("taken", "services", ports)):
        site.client.post(site.path(kind), {"metadata": {"name": name}, "spec": spec})
        site.deploy(name)
        site.wait_condition("Stalled", "True", "NotOwned", name=name)
    # What a candidate leaves behind is deleted, and so is the route of whoever wants none any more.
    site.client.delete(site.path("modeldeployments", "churn"))
    site.wait("it is collected", lambda: not site.get("deployments") and not site.get("services"), within=120)
    routed.deploy()
    site.wait_serving("v2")
    site.seed()
    site.wait_serving("v3")
    site.wait("the old one is gone", lambda: len(routed.names("deployments") - {"held", "taken"}) == 1)
    # A variant is a ModelDeployment that is written, and deleted once nobody asks for it.
    site.change(variants=[{"name": "b", "alias": "production", "weight": 10, "replicas": 1}])
    site.wait_serving("v3", "churn-b")
    site.wait("it has its part", lambda: "churn-b" in routed.weights())
    site.change(variants=[])
    site.wait("it is gone", lambda: "churn-b" not in routed.names("modeldeployments"))
    site.change(traffic=None)
    site.wait("the route is gone", lambda: not routed.route())
    # Whose it is that is in the way is read here, too.
    parents = {"parentRefs": [{"name": "of-somebody-else"}]}
    kind = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}
    site.client.post(site.path("httproutes"), {**kind, "metadata": {"name": "churn"}, "spec": parents})
    site.change(traffic={"gateway": "public"})
    site.wait_condition("Stalled", "True", "NotOwned")
    granted = set()
    rules = json.loads(site.world.kubectl("get", "clusterrole", "-o", "json").stdout)["items"]
    for role in rules:
        if role["metadata"].get("labels", {}).get("app.kubernetes.io/name") == "lockgate":
            for rule in role["rules"]:
                granted |= {
                    (group, resource, verb)
                    for group in rule["apiGroups"]
                    for resource in rule["resources"]
                    for verb in rule["verbs"]
                }
    assert granted, "the chart's role was not found"

    def used() -> set[tuple[str, str, str]]:
        found = set()
        for entry in of_the_operator(site.world):
            place = entry.get("objectRef")
            if place is None:
                continue  # discovery, which every identity may do
            what = (place.get("apiGroup", ""), _resource(place))
            found.add((*what, entry["verb"]))
            if entry["responseStatus"]["code"] == 201 and entry["verb"] == "patch":
                # An apply that creates is authorised as a creation too.
                found.add((*what, "create"))
        return found

    # Events are written beside the passes, and a stream is in the log when it has ended.
    site.wait("every right is used", lambda: used() >= granted)
    assert used() == granted
    refused = [
        entry
        for entry in of_the_operator(site.world)
        if entry["responseStatus"]["code"] == 403 and entry["requestReceivedTimestamp"] > begun
    ]
    assert not refused, told(refused)


def _resource(place: Json) -> str:
    return "/".join(filter(None, (place["resource"], place.get("subresource"))))


def test_probes_and_metrics_tell_the_truth(site: Site, operator_kubeconfig: Path, tmp_path: Path):
    site.seed()
    site.deploy()
    site.wait_serving("v0")

    def page(port: int, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    def metrics() -> str:
        return page(site.operator.port, "/metrics")

    assert page(site.operator.probe_port, "/healthz") == "ok"
    assert page(site.operator.probe_port, "/readyz") == "ok"
    series = (
        f'lockgate_modeldeployment_release_info{{namespace="{site.namespace}",name="churn",track="stable"'
    )
    site.wait("what serves is among the metrics", lambda: re.search(f'{series}.*version="v0"', metrics()))
    site.client.delete(site.path("modeldeployments", "churn"))
    site.wait("its series are gone", lambda: 'name="churn"' not in metrics())


def test_an_operator_that_cannot_see_the_cluster_is_not_ready(site: Site, tmp_path: Path):
    stranger = site.world.kubeconfig_for("nobody")
    blind = Operator(stranger, site.registry.url, tmp_path, LOCKGATE_WATCH_NAMESPACES=site.namespace)
    blind.start()
    try:

        def status(path: str) -> int:
            try:
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{blind.probe_port}{path}", timeout=5
                ) as answer:
                    code: int = answer.status
                    return code
            except urllib.error.HTTPError as error:
                return error.code
            except OSError:
                return 0

        site.wait("it answers", lambda: status("/readyz") == 503)
        assert status("/healthz") == 200
    finally:
        blind.kill()
