"""The operator follows the registry, on the real API server."""

import pytest
from tests.integration.audit import told
from tests.integration.site import Site, verdict

pytestmark = pytest.mark.integration


def test_a_new_deployment_serves_and_a_moved_alias_is_followed(site: Site):
    site.seed(2)
    site.deploy()
    found = site.wait_serving("v1")
    assert verdict(found, "Verified") == ("True", "FilesVerified")
    assert site.get("services")["spec"]["selector"] == {"lockgate.dev/model-deployment": "churn"}
    site.wait_quiet()
    before = len(site.writes())
    site.seed()
    found = site.wait_serving("v2")
    assert found["status"]["previous"]["version"] == "v1"
    assert [entry["version"] for entry in found["status"]["history"]] == ["v2", "v1"]
    site.wait_quiet()
    written = site.writes()[before:]
    assert len(written) <= 4, told(written)

    def notes() -> list[str]:
        """Of rollouts alone: a registry that a busy machine keeps waiting is told of as well."""
        ours = [event for event in site.all("events") if event["regarding"]["kind"] == "ModelDeployment"]
        return sorted(event["note"] for event in ours if event["reason"].startswith("Roll"))

    # They are written beside the passes; the start of the first on a machine that takes long for it alone.
    last = [
        "v1 is rolled out and serves",
        "v2 is being rolled out over v1 (AliasMoved)",
        "v2 is rolled out and serves",
    ]
    site.wait("each transition is told", lambda: notes()[-3:] == last)
    assert notes() in (last, ["v1 is being rolled out (FirstRollout)", *last])


def test_a_pod_that_is_ready_but_not_for_long_enough_promotes_nothing(site: Site):
    site.seed()
    site.deploy(minReadySeconds=0)
    site.wait_serving("v0")
    site.change(minReadySeconds=600)
    site.seed()
    # Two old pods and a new one, for which the next one waits.
    site.wait("a pod of v1 is ready", lambda: site.get("deployments")["status"].get("readyReplicas") == 3)
    site.wait_quiet()
    status, counts = site.get("modeldeployments")["status"], site.get("deployments")["status"]
    assert (status["stable"]["version"], status["candidate"]["version"]) == ("v0", "v1")
    assert (counts["updatedReplicas"], counts.get("availableReplicas", 0)) == (1, 0)
    site.change(minReadySeconds=0)
    site.wait_serving("v1")
