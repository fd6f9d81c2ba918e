"""What the operator asks of others: writes, rights, look-ups. Counted, not believed."""

import json
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.integration.site import POLL_SECONDS, Operator, Site

from lockgate.resolve.poller import JITTER
from lockgate_sandbox.api import Json
from lockgate_sandbox.registry.requestlog import RequestRecord

pytestmark = pytest.mark.integration

OPERATOR = "system:serviceaccount:lockgate-system:lockgate"


def audit(site: Site) -> list[Json]:
    """Every finished request of the operator's identity."""
    assert site.world.audit_log is not None
    with site.world.audit_log.open() as log:
        entries = [json.loads(line) for line in log]
    return [e for e in entries if e["user"]["username"] == OPERATOR and e["stage"] == "ResponseComplete"]


def polls(site: Site, number: int) -> list[RequestRecord]:
    """The next polls as the registry saw them: no other request, and none before its interval."""
    log = site.registry.requests
    log.clear()
    begun = time.monotonic()
    site.wait(f"{number} polls", lambda: len(log.records()) >= number)
    seconds = time.monotonic() - begun
    seen = log.records()
    assert {tuple(record.operations) for record in seen} == {("LockgateLookUp",)}
    assert seconds >= (number - 1) * POLL_SECONDS * (1 - JITTER)
    return seen


def test_a_plain_rollout_of_two_replicas_costs_three_writes(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    before = len(site.writes())
    site.seed()
    site.wait_serving("v1")
    written = [
        (e["verb"], e["objectRef"]["resource"], e["objectRef"].get("subresource", ""))
        for e in site.writes()[before:]
    ]
    assert written == [
        ("patch", "deployments", ""),
        ("patch", "modeldeployments", "status"),
        ("patch", "modeldeployments", "status"),
    ]


def test_at_rest_nothing_is_asked_of_the_api_server_and_one_look_up_a_poll_of_the_registry(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    requests = len([e for e in audit(site) if e["verb"] != "watch"])
    polled = polls(site, 10)
    assert len([e for e in audit(site) if e["verb"] != "watch"]) == requests
    assert [record.lookups for record in polled] == [1] * len(polled)


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
    polled = polls(site, 6)
    assert [record.lookups for record in polled] == [5] * len(polled)


def test_every_right_that_the_chart_grants_is_used_and_no_other_is_asked_for(site: Site):
    # Refusals count from here on: a restarting API server refuses everybody for a moment.
    begun = datetime.now(UTC).isoformat()
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.client.delete(site.path("services", "churn"))
    site.wait("the service is back", lambda: site.get("services"))
    site.wait_serving("v0")
    granted = set()
    rules = json.loads(site.world.kubectl("get", "clusterrole", "-o", "json").stdout)["items"]
    for role in rules:
        if role["metadata"]["labels"].get("app.kubernetes.io/name") == "lockgate":
            for rule in role["rules"]:
                granted |= {
                    (group, resource, verb)
                    for group in rule["apiGroups"]
                    for resource in rule["resources"]
                    for verb in rule["verbs"]
                }
    assert granted, "the chart's role was not found"
    used, refused = set(), []
    for entry in audit(site):
        place = entry.get("objectRef")
        if place is None:
            continue  # discovery, which every identity may do
        resource = "/".join(filter(None, (place["resource"], place.get("subresource"))))
        used.add((place.get("apiGroup", ""), resource, entry["verb"]))
        code = entry["responseStatus"]["code"]
        if code == 201 and entry["verb"] == "patch":
            # An apply that creates is authorised as a creation too.
            used.add((place.get("apiGroup", ""), resource, "create"))
        if code == 403 and entry["requestReceivedTimestamp"] > begun:
            refused.append((resource, entry["verb"]))
    assert refused == []
    assert used == granted


def test_probes_and_metrics_tell_the_truth(site: Site, operator_kubeconfig: Path, tmp_path: Path):
    site.seed()
    site.deploy()
    site.wait_serving("v0")

    def page(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{site.operator.port}{path}", timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    assert page("/healthz") == "ok"
    assert page("/readyz") == "ok"
    metrics = page("/metrics")
    labels = (
        f'alias="production",collection="model/churn",name="churn",namespace="{site.namespace}",version="v0"'
    )
    assert f"lockgate_modeldeployment_serving_info{{{labels}}} 1.0" in metrics
    site.client.delete(site.path("modeldeployments", "churn"))
    site.wait("its series are gone", lambda: site.namespace not in page("/metrics"))


def test_an_operator_that_cannot_see_the_cluster_is_not_ready(site: Site, tmp_path: Path):
    stranger = site.world.kubeconfig_for("nobody")
    blind = Operator(stranger, site.registry.url, tmp_path, LOCKGATE_WATCH_NAMESPACES=site.namespace)
    blind.start()
    try:

        def status(path: str) -> int:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{blind.port}{path}", timeout=5) as answer:
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
