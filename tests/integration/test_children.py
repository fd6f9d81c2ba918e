"""Children that go and children that are held, on the real API server."""

from typing import Any

import pytest
from tests.integration.site import Site, succeeds

from lockgate.names import ANNOTATION_VERSION
from lockgate_sandbox.pod_fates import NeverReady

pytestmark = pytest.mark.integration


def version_of(pod: dict[str, Any]) -> str:
    version: str = pod["metadata"]["annotations"][ANNOTATION_VERSION]
    return version


def test_a_deployment_that_is_being_deleted_is_waited_for_without_a_write(site: Site):
    site.seed()
    site.deploy(replicas=0)
    site.wait_serving("v0")
    held = {"metadata": {"finalizers": ["example.com/slow"]}}
    site.client.merge(site.path("deployments", "churn"), held)
    site.client.delete(site.path("deployments", "churn"))
    site.wait_condition("Ready", "False", "WaitingForDeletion")
    site.wait_quiet()
    gone = site.get("deployments")["metadata"]["uid"]
    site.client.merge(site.path("deployments", "churn"), {"metadata": {"finalizers": None}})
    site.wait(
        "it is made anew", lambda: (site.get("deployments") or {}).get("metadata", {}).get("uid") != gone
    )
    site.wait_serving("v0")


def test_a_suspended_rollout_is_paused_where_it_stands_and_goes_on_when_resumed(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.actor.behaviour = lambda pod: succeeds(pod) if version_of(pod) == "v0" else NeverReady()
    site.seed()
    site.wait("v1 has a pod", lambda: "v1" in map(version_of, site.all("pods")))
    site.change(suspend=True)
    site.wait_condition("Paused", "True", "Suspended")
    # A pass that the edit overtook may have begun v1 without telling of it; then the next one sees that.
    site.wait("the workload is paused", lambda: site.get("deployments")["spec"].get("paused"))
    site.actor.behaviour = succeeds
    site.actor.reconsider()
    site.wait_quiet()
    assert "v0" in map(version_of, site.all("pods")), "it is paused, although v1 could go on"
    site.change(suspend=False)
    site.wait_serving("v1")
    assert not site.get("deployments")["spec"].get("paused")


def test_a_field_that_is_no_longer_asked_for_leaves_the_cluster(site: Site):
    site.seed()
    site.deploy(replicas=0, resources={"limits": {"memory": "64Mi"}})
    site.wait_serving("v0")
    site.change(resources=None)

    def limit() -> str | None:
        pod = site.get("deployments")["spec"]["template"]["spec"]
        resources = pod["containers"][0].get("resources") or {}
        found: str | None = (resources.get("limits") or {}).get("memory")
        return found

    site.wait("the limit is gone", lambda: limit() is None)
