"""Entries of the ledger are objects like all others to those who did not write them."""

import pytest
from tests.integration.site import COLLECTED_SECONDS, GROUP, Site, runtime

pytestmark = pytest.mark.integration


# What Go escapes in JSON, and what Python does.
ODD = "<a&b> \u2028 \u00e4 \U0001f600 \u007f \t /"


def serve(site: Site) -> str:
    """The name of the only entry once v0 serves."""
    site.seed()
    own = runtime(f"odd-{site.namespace}")
    own["spec"]["env"] = [{"name": "ODD", "value": ODD}]
    site.client.post(f"{GROUP}/modelruntimes", own)
    site.deploy(runtime={"name": own["metadata"]["name"]})
    site.wait_serving("v0")
    (entry,) = site.all("controllerrevisions")
    name: str = entry["metadata"]["name"]
    return name


def test_an_entry_takes_a_label_of_somebody_else(site: Site):
    name = serve(site)
    labelled = site.world.kubectl(
        "label", "controllerrevision", name, "team=growth", "-n", site.namespace, check=False
    )
    assert labelled.returncode == 0, labelled.stderr


def test_a_deployment_that_is_deleted_without_its_children_goes(site: Site):
    serve(site)
    site.world.kubectl(
        "delete", "modeldeployment", "churn", "--cascade=orphan", "--wait=false", "-n", site.namespace
    )
    site.wait("it is gone", lambda: not site.get("modeldeployments"), within=COLLECTED_SECONDS)
