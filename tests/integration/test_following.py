"""The operator follows the registry, on the real API server."""

import pytest
from tests.integration.site import Site, verdict

pytestmark = pytest.mark.integration


def test_a_new_deployment_serves_and_a_moved_alias_is_followed(site: Site):
    site.seed(2)
    site.deploy()
    found = site.wait_serving("v1")
    assert verdict(found, "Verified") == ("True", "FilesVerified")
    assert site.get("services")["spec"]["selector"] == {"lockgate.dev/model-deployment": "churn"}
    before = len(site.writes())
    site.seed()
    found = site.wait_serving("v2")
    assert found["status"]["previous"]["version"] == "v1"
    assert [entry["version"] for entry in found["status"]["history"]] == ["v2", "v1"]
    assert len(site.writes()) - before <= 4
    reasons = sorted(
        event["reason"] for event in site.all("events") if event["regarding"]["kind"] == "ModelDeployment"
    )
    assert reasons == ["Resolved", "RolledOut", "RolledOut", "RolloutStarted", "RolloutStarted"]
