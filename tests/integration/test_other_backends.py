"""Kinds of other controllers on the real API server: absent, in another version, there; what is asked then.

KServe's controller is played by hand as far as it is needed: it makes a Deployment of what it is given.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest
from tests.chart.guarding import kind_without_schema
from tests.integration.site import Site, operator_identity, verdict

from lockgate.domain.resources import INFERENCE_SERVICE
from lockgate_sandbox.api import ApiError, Json

pytestmark = pytest.mark.integration
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAME = f"{INFERENCE_SERVICE.plural}.{INFERENCE_SERVICE.group}"
# A kind that the cluster lacked is looked for each half minute.
FOUND_SECONDS = 90.0


@pytest.fixture
def offering(site: Site) -> Iterator[Callable[[str], None]]:
    """Has the cluster serve InferenceServices in this version, and none before; the operator offers them."""

    def serve(version: str) -> None:
        gone(site)
        crd = kind_without_schema(INFERENCE_SERVICE)
        crd["spec"]["versions"][0]["name"] = version
        site.client.post(CRDS, crd)

    gone(site)
    operator_identity(site.world, "backends.kserve.enabled=true")
    site.operator.restart(LOCKGATE_BACKENDS="kserve")
    yield serve
    site.operator.kill()
    operator_identity(site.world)
    gone(site)


def gone(site: Site) -> None:
    def is_gone() -> bool:
        try:
            site.client.delete(f"{CRDS}/{NAME}")
        except ApiError as error:
            if error.status == 404:
                return True
            raise
        return False

    site.wait("the kind is gone", is_gone, every=0.2)


def service(site: Site, name: str) -> Json:
    """An InferenceService; an empty one where there is none, be it of the kind."""
    try:
        return site.client.get(f"{INFERENCE_SERVICE.path(site.namespace)}/{name}")
    except ApiError as error:
        if error.status == 404:
            return {}
        raise


def play_kserve(site: Site, found: Json) -> None:
    """What KServe makes of an InferenceService: a Deployment with its labels, annotations and pods."""
    predictor, name = deepcopy(found["spec"]["predictor"]), f"{found['metadata']['name']}-predictor"
    marks = {
        each: {**found["metadata"].get(each, {}), **predictor.pop(each, {})}
        for each in ("labels", "annotations")
    }
    marks["labels"]["app"] = f"isvc.{name}"
    replicas = predictor.pop("minReplicas")
    predictor.pop("deploymentStrategy")
    owner = {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "name": found["metadata"]["name"],
        "uid": found["metadata"]["uid"],
        "controller": True,
    }
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, **marks, "ownerReferences": [owner]},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": marks["labels"]["app"]}},
            "template": {"metadata": marks, "spec": predictor},
        },
    }
    site.client.post(site.path("deployments"), body)


def test_a_kind_that_is_not_there_is_told_and_once_it_is_there_the_model_comes_up(
    site: Site, offering: Callable[[str], None]
):
    site.seed()
    site.deploy("churn")
    site.deploy("wren", backend={"kserve": {}})
    site.wait_condition("Ready", "False", "BackendNotReady", name="wren")
    site.wait_serving("v0", "churn")

    offering("v1alpha1")
    said = verdict(site.get("modeldeployments", "wren"), "Ready")
    assert said == ("False", "BackendNotReady"), "another version of it is another kind"

    offering("v1beta1")
    site.wait("it is asked for", lambda: service(site, "wren"), within=FOUND_SECONDS)
    found = service(site, "wren")
    assert found["metadata"]["ownerReferences"][0]["name"] == "wren"
    assert not [name for name in found["metadata"]["annotations"] if name.startswith("lockgate.dev/")]
    play_kserve(site, found)
    site.wait_serving("v0", "wren")
    assert site.get("modeldeployments", "wren")["status"]["stable"]["backend"] == "kserve"

    before = service(site, "wren")["metadata"]["resourceVersion"]
    site.operator.restart()
    site.wait_quiet()
    assert service(site, "wren")["metadata"]["resourceVersion"] == before, "nothing is written at a restart"
