"""Two resources of one name in two namespaces never meet."""

from pathlib import Path

import pytest
from tests.integration.site import Operator, Site, verdict

from lockgate_sandbox.api import wait_until_found

pytestmark = pytest.mark.integration


def test_two_resources_with_one_name_in_two_namespaces(site: Site, operator_kubeconfig: Path, tmp_path: Path):
    other = f"{site.namespace}-b"
    site.client.post("/api/v1/namespaces", {"metadata": {"name": other}})
    wait_until_found(site.client, f"/api/v1/namespaces/{other}/serviceaccounts/default", within=15)
    site.operator.kill()
    both = Operator(
        operator_kubeconfig,
        site.registry.url,
        tmp_path,
        LOCKGATE_WATCH_NAMESPACES=f"{site.namespace},{other}",
        LOCKGATE_REGISTRY_API_KEY_FILE=str(tmp_path / "api-key"),
    )
    both.start()
    try:
        site.seed(2)
        site.registry.move_alias("model", "churn", "staging", "v0")
        site.deploy()
        elsewhere = Site(site.world, other, site.registry, site.actor, both)
        elsewhere.deploy(model={"registry": "model", "collection": "churn", "alias": "staging"})
        site.wait_serving("v1")
        elsewhere.wait_serving("v0")
        site.client.delete(site.path("modeldeployments", "churn"))
        site.wait_collected()
        found = elsewhere.wait_serving("v0")
        assert verdict(found, "Available")[0] == "True"
        elsewhere.client.close()
    finally:
        both.kill()
        site.client.delete(f"/api/v1/namespaces/{other}")
