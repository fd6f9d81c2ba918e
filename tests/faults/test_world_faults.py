"""Bad days of the cluster and the registry that need the proxies, or were nobody's test before."""

import pytest
from tests.faults.behaviours import Answer, Delay, Match
from tests.faults.rig import FaultSite
from tests.faults.rollouts import roll, rolled, two_versions
from tests.integration.site import succeeds
from tests.waiting import wait_until

from lockgate_sandbox.api import Json
from lockgate_sandbox.pod_fates import NeverReady
from lockgate_sandbox.registry.faults import Fault, FaultKind

pytestmark = pytest.mark.integration

NODE = "/api/v1/nodes/faults"


def version_of(obj: Json) -> str:
    version: str = obj["spec"]["template"]["metadata"]["annotations"]["lockgate.dev/model-version"]
    return version


def test_a_slow_api_server_slows_a_rollout_and_breaks_nothing(site: FaultSite):
    two_versions(site)
    end = roll(site, "v1")
    roll(site, "v0")
    slow = site.api.fault(Match(verb="request"), Delay(1.5))
    assert roll(site, "v1", within=60) == end
    assert slow.met


def test_a_right_that_is_missing_for_one_stops_no_other(site: FaultSite):
    two_versions(site)
    site.deploy("second")
    site.wait_serving("v0", "second")
    refused = site.api.fault(Match(verb="write", resource="deployments", name="churn"), Answer(403))
    site.registry.move_alias("model", "churn", "production", "v1")
    site.wait_serving("v1", "second")
    site.wait_condition("Ready", "False", "Forbidden")
    assert refused.met < 20, "it asks in a loop"
    assert version_of(site.get("deployments")) == "v0"
    site.api.clear()
    rolled(site, "v1", within=60)


def test_an_alias_that_flaps_ends_on_its_last_version(site: FaultSite):
    two_versions(site)
    for number in range(20):
        site.registry.move_alias("model", "churn", "production", f"v{number % 2}")
        before = polls(site)
        site.wait("a poll", lambda before=before: polls(site) > before)
    site.wait_serving("v1")
    site.wait_quiet(polls=2)
    assert len(site.get("modeldeployments")["status"]["history"]) <= 10


def polls(site: FaultSite) -> int:
    return site.registry.requests.totals().requests


def test_a_version_that_is_deleted_while_it_serves_goes_on_serving(site: FaultSite):
    two_versions(site)
    before = site.get("deployments")["metadata"]["generation"]
    site.registry.remove_version("model", "churn", "v0")
    site.wait_condition("Resolved", "False", "AliasNotFound")
    site.wait_quiet(polls=2)
    assert site.get("deployments")["metadata"]["generation"] == before
    roll(site, "v1")


def test_a_pod_of_the_stable_version_that_dies_amid_a_rollout_is_replaced_by_one_of_its_own(site: FaultSite):
    two_versions(site)
    site.actor.behaviour = lambda pod: (
        succeeds(pod)
        if pod["metadata"]["annotations"]["lockgate.dev/model-version"] == "v0"
        else NeverReady()
    )
    site.registry.move_alias("model", "churn", "production", "v1")
    site.wait("v1 is on its way", lambda: site.get("modeldeployments")["status"].get("candidate"))

    def serving() -> list[str]:
        pods = [pod for pod in site.all("pods") if "deletionTimestamp" not in pod["metadata"]]
        v0 = [p for p in pods if p["metadata"]["annotations"]["lockgate.dev/model-version"] == "v0"]
        return [p["metadata"]["name"] for p in v0 if p.get("status", {}).get("phase") == "Running"]

    (first, *_) = wait_until("two pods of v0 serve", lambda: len(serving()) == 2 and serving(), 15)
    site.client.delete(site.path("pods", first))
    site.wait("v0 has two pods again", lambda: first not in serving() and len(serving()) == 2)
    assert site.get("modeldeployments")["status"]["candidate"]["version"] == "v1"
    site.actor.behaviour = succeeds
    site.actor.reconsider()
    rolled(site, "v1")


def test_a_candidate_without_a_place_to_run_waits_and_takes_nothing_from_what_serves(site: FaultSite):
    two_versions(site)
    site.client.merge(NODE, {"spec": {"unschedulable": True}})
    try:
        site.registry.move_alias("model", "churn", "production", "v1")
        site.wait("v1 is on its way", lambda: site.get("modeldeployments")["status"].get("candidate"))
        site.wait("a pod waits", lambda: any(p["status"]["phase"] == "Pending" for p in site.all("pods")))
        site.wait_quiet(polls=2)
        assert site.get("deployments")["status"]["availableReplicas"] == 2
    finally:
        site.client.merge(NODE, {"spec": {"unschedulable": None}})
    rolled(site, "v1", within=60)


def test_a_registry_that_limits_its_callers_is_asked_less_and_changes_nothing(site: FaultSite):
    two_versions(site)
    site.registry.faults.add(Fault(kind=FaultKind.STATUS, status=429, retry_after=1))
    site.wait_condition("Resolved", "Unknown", "RegistryUnavailable")
    site.wait_quiet(polls=2)
    assert version_of(site.get("deployments")) == "v0"
    site.registry.faults.clear()
    roll(site, "v1")


def test_a_registry_whose_door_is_shut_changes_nothing_and_is_found_again(site: FaultSite):
    two_versions(site)
    site.registry_door.close_door()
    site.registry.move_alias("model", "churn", "production", "v1")
    site.wait_condition("Resolved", "Unknown", "RegistryUnavailable")
    site.wait_quiet(polls=2)
    assert version_of(site.get("deployments")) == "v0"
    site.registry_door.open_door()
    rolled(site, "v1")


def test_one_that_is_deleted_and_made_anew_adopts_nothing_of_the_old_one(site: FaultSite):
    two_versions(site)
    old = site.get("deployments")["metadata"]["uid"]
    site.operator.pause()
    site.client.delete(site.path("modeldeployments", "churn"))
    site.deploy()
    site.operator.resume()
    found = site.wait_serving("v0", within=120)
    workload = site.get("deployments")
    assert workload["metadata"]["uid"] != old
    assert workload["metadata"]["ownerReferences"][0]["uid"] == found["metadata"]["uid"]


def test_a_child_that_takes_long_to_go_is_waited_for_in_peace(site: FaultSite):
    two_versions(site)
    site.client.merge(site.path("deployments", "churn"), {"metadata": {"finalizers": ["example.dev/slow"]}})
    old = site.get("deployments")["metadata"]["uid"]
    site.client.delete(site.path("deployments", "churn"), {"propagationPolicy": "Background"})
    before = len(site.writes())
    site.registry.move_alias("model", "churn", "production", "v1")
    site.wait_condition("Ready", "False", "WaitingForDeletion")
    site.wait_quiet(polls=4)
    assert len(site.writes()) - before < 10, "it writes what is being deleted"
    site.client.merge(site.path("deployments", "churn"), {"metadata": {"finalizers": None}})
    site.wait_serving("v1")
    assert site.get("deployments")["metadata"]["uid"] != old


def test_a_new_follower_does_not_swallow_the_move_for_the_others(site: FaultSite):
    two_versions(site)
    for number in range(6):
        version = ("v1", "v0")[number % 2]
        site.registry.move_alias("model", "churn", "production", version)
        # Made just now, it asks at once and so learns of the move before the next poll does.
        site.deploy(f"more-{number}")
        site.wait_serving(version)
        site.wait_serving(version, f"more-{number}")


def test_a_namespace_that_may_not_be_seen_stops_no_other(stopped_site: FaultSite):
    site = stopped_site
    site.operator.configure(LOCKGATE_WATCH_NAMESPACES=f"{site.namespace},forbidden")
    refused = site.api.fault(Match(namespace="forbidden"), Answer(403))
    site.operator.start()
    two_versions(site)
    assert refused.met
    site.client.delete(site.path("services", "churn"))
    site.wait("the service is back", lambda: site.get("services"))
    roll(site, "v1")
