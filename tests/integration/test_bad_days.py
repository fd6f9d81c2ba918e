"""Bad input and bad days: what serves goes on serving, and the status says why in one sentence."""

import signal

import pytest
from tests.integration.site import Site, message, really_fetches, runtime, succeeds, verdict

from lockgate_sandbox.api import ApiError
from lockgate_sandbox.pod_fates import NeverReady
from lockgate_sandbox.registry.faults import Fault, FaultKind

pytestmark = pytest.mark.integration


def stays_served(site: Site, version: str = "v0") -> None:
    """The Deployment is untouched: the version, its size, its pods."""
    workload = site.get("deployments")
    notes = workload["spec"]["template"]["metadata"]["annotations"]
    assert notes["lockgate.dev/model-version"] == version
    assert workload["status"]["availableReplicas"] == 2
    assert site.get("modeldeployments")["status"]["stable"]["version"] == version


def test_unknown_registry(site: Site):
    site.deploy(model={"registry": "nowhere", "collection": "churn", "alias": "production"})
    found = site.wait_condition("Ready", "False", "RegistryNotFound")
    assert "registry nowhere" in message(found, "Ready")
    site.wait_quiet()


def test_unknown_collection(site: Site):
    site.seed()
    site.deploy(model={"registry": "model", "collection": "chrun", "alias": "production"})
    found = site.wait_condition("Ready", "False", "AliasNotFound")
    assert "collection chrun" in message(found, "Ready")


def test_unknown_alias_and_an_alias_that_vanishes_while_serving(site: Site):
    site.seed(alias=None)
    site.deploy()
    site.wait_condition("Ready", "False", "AliasNotFound")
    site.registry.move_alias("model", "churn", "production", "v0")
    site.wait_serving("v0")
    site.registry.remove_alias("model", "churn", "production")
    found = site.wait_condition("Resolved", "False", "AliasNotFound")
    assert verdict(found, "Ready")[0] == "True"
    stays_served(site)
    site.wait_quiet()


def test_access_denied(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.registry.faults.add(Fault(kind=FaultKind.DENY, user="viewer", registry="model"))
    found = site.wait_condition("Resolved", "False", "AccessDenied")
    assert verdict(found, "Ready")[0] == "True"
    assert "let the key's owner read" in message(found, "Resolved")
    stays_served(site)
    site.wait_quiet()
    site.registry.faults.clear()
    site.wait_condition("Resolved", "True", "Resolved")


def test_registry_down_at_start_and_later(site: Site):
    site.registry.faults.add(Fault(kind=FaultKind.RESET))
    site.seed()
    site.deploy()
    site.wait_condition("Resolved", "Unknown", "RegistryUnavailable")
    site.registry.faults.clear()
    site.wait_serving("v0")
    site.registry.faults.add(Fault(kind=FaultKind.STATUS, status=503))
    found = site.wait_condition("Resolved", "Unknown", "RegistryUnavailable")
    assert verdict(found, "Ready")[0] == "True"
    stays_served(site)
    site.wait_quiet()
    site.registry.faults.clear()
    site.wait_condition("Resolved", "True", "Resolved")


def test_registry_slow(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.registry.faults.add(Fault(kind=FaultKind.LATENCY, seconds=30))
    site.wait_condition("Resolved", "Unknown", "RegistryUnavailable")
    stays_served(site)
    site.change(replicas=3)
    site.wait("drift and size need no registry", lambda: site.get("deployments")["spec"]["replicas"] == 3)
    site.registry.faults.clear()
    site.wait_condition("Resolved", "True", "Resolved")


def test_registry_answers_html(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.registry.faults.add(Fault(kind=FaultKind.HTML))
    site.wait_condition("Resolved", "Unknown", "RegistryUnavailable")
    stays_served(site)
    site.wait_quiet()


def test_artifact_still_pending(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.seed(alias=None)
    site.registry.mark_pending("model", "churn", "v1")
    site.registry.move_alias("model", "churn", "production", "v1")
    found = site.wait_condition("Resolved", "False", "ArtifactPending")
    assert "still being uploaded" in message(found, "Resolved")
    stays_served(site)


def test_artifact_empty(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.seed(files={})
    site.wait_condition("Stalled", "True", "ArtifactRejected")
    stays_served(site)
    site.wait_quiet()


def test_artifact_with_reference_files(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.seed(references={"model.onnx": "s3://bucket/model.onnx"}, files={})
    found = site.wait_condition("Stalled", "True", "ArtifactRejected")
    assert "model.onnx" in message(found, "Stalled")
    stays_served(site)


def test_corrupt_bytes_of_the_same_size(site: Site):
    site.actor.behaviour = really_fetches(site.registry)
    site.seed()
    site.deploy()
    found = site.wait_serving("v0")
    assert found["status"]["stable"]["files"] == 1
    site.registry.faults.add(Fault(kind=FaultKind.CORRUPT, file="model.onnx"))
    site.seed()
    found = site.wait_condition("Stalled", "True", "RolloutAborted")
    assert "holds other bytes than the registry's manifest promises" in message(found, "Ready")
    site.wait("v0 is whole again", lambda: site.get("deployments")["status"].get("availableReplicas") == 2)
    stays_served(site)
    site.wait_quiet()


def test_unknown_runtime(site: Site):
    site.seed()
    site.deploy(runtime={"name": f"late-{site.namespace}"})
    found = site.wait_condition("Ready", "False", "RuntimeNotFound")
    assert f"late-{site.namespace}" in message(found, "Ready")
    site.client.post("/apis/lockgate.dev/v1alpha1/modelruntimes", runtime(f"late-{site.namespace}"))
    site.wait_serving("v0")


def test_runtime_that_does_not_accept_the_format(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.seed(files={"model.pkl": b"pickled"})
    found = site.wait_condition("Stalled", "True", "FormatNotAccepted")
    assert "pickle" in message(found, "Stalled")
    assert "onnx" in message(found, "Stalled")
    stays_served(site)


@pytest.mark.parametrize(
    ("name", "spec", "said"),
    [
        pytest.param("churn", {"replicas": -1}, "spec.replicas", id="negative replicas"),
        pytest.param("churn", {"replicas": "two"}, "spec.replicas", id="replicas as text"),
        pytest.param(
            "churn",
            {"model": {"registry": "model", "collection": "churn", "alias": "v3"}},
            "spec.pin.version",
            id="version as alias",
        ),
        pytest.param(
            "churn",
            {"model": {"registry": "wandb-registry-model", "collection": "churn", "alias": "a"}},
            "without the prefix",
            id="prefix",
        ),
        pytest.param(
            "churn", {"strategy": {"rolling": {"maxSurge": 0}}}, "must not both be 0", id="no way to roll"
        ),
        pytest.param("churn", {"strategy": {"rolling": {"maxSurge": -1}}}, "negative", id="negative surge"),
        pytest.param("churn", {"pin": {"version": "v1"}}, "spec.pin.reason", id="pin without reason"),
        pytest.param("churn", {"progressDeadline": "soon"}, "spec.progressDeadline", id="deadline"),
        pytest.param("churn", {"resources": {"limits": {"memory": "lots"}}}, "memory", id="quantity"),
        pytest.param("9lives", {}, "starting with a letter", id="name"),
    ],
)
def test_a_resource_that_the_schema_refuses_names_field_and_fix(site: Site, name, spec, said):
    with pytest.raises(ApiError, match=said) as refused:
        site.deploy(name, **spec)
    assert refused.value.status == 422


def test_a_foreign_deployment_in_the_way(site: Site):
    foreign = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "churn"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "mine"}},
            "template": {
                "metadata": {"labels": {"app": "mine"}},
                "spec": {"containers": [{"name": "mine", "image": "mine"}]},
            },
        },
    }
    site.client.post(site.path("deployments"), foreign)
    site.seed()
    site.deploy()
    found = site.wait_condition("Stalled", "True", "NotOwned")
    assert "delete or rename it" in message(found, "Ready")
    workload = site.get("deployments")
    assert workload["spec"]["selector"] == {"matchLabels": {"app": "mine"}}
    assert not any(entry["manager"] == "lockgate" for entry in workload["metadata"]["managedFields"])
    assert site.get("services") == {}


def test_a_child_edited_by_hand(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.client.merge(site.path("deployments", "churn"), {"spec": {"replicas": 5}})
    site.wait("the size is put right", lambda: site.get("deployments")["spec"]["replicas"] == 2)
    site.client.merge(
        site.path("deployments", "churn"), {"metadata": {"labels": {"lockgate.dev/model-deployment": None}}}
    )
    site.wait(
        "the label is put back",
        lambda: "lockgate.dev/model-deployment" in site.get("deployments")["metadata"]["labels"],
    )
    site.client.merge(site.path("services", "churn"), {"metadata": {"annotations": {"team": "growth"}}})
    site.wait_serving("v0")
    assert site.get("services")["metadata"]["annotations"]["team"] == "growth"
    site.wait_quiet()


def test_a_child_deleted_by_hand(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    for kind in ("services", "deployments"):
        uid = site.get(kind)["metadata"]["uid"]
        site.client.delete(site.path(kind, "churn"))
        site.wait(
            f"{kind} are back",
            lambda kind=kind, uid=uid: site.get(kind).get("metadata", {}).get("uid", uid) != uid,
        )
    site.wait_serving("v0")


def test_the_resource_deleted_in_mid_rollout(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.actor.behaviour = lambda pod: NeverReady()
    site.seed()
    site.wait("v1 is on its way", lambda: site.get("modeldeployments")["status"].get("candidate"))
    site.registry.faults.add(Fault(kind=FaultKind.RESET))
    site.client.delete(site.path("modeldeployments", "churn"))
    site.wait_collected()
    site.actor.behaviour = succeeds
    site.registry.faults.clear()
    site.deploy()
    site.wait_serving("v1")


def test_the_namespace_deleted_while_the_operator_is_absent(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.operator.kill()
    site.client.delete(f"/api/v1/namespaces/{site.namespace}")

    def gone() -> bool:
        try:
            site.client.get(f"/api/v1/namespaces/{site.namespace}")
        except ApiError as error:
            return error.status == 404
        return False

    site.wait("the namespace is gone", gone)


def test_a_candidate_that_never_becomes_ready(site: Site):
    site.seed()
    site.deploy(progressDeadline="3s")
    site.wait_serving("v0")
    site.actor.behaviour = lambda pod: (
        succeeds(pod)
        if pod["metadata"]["annotations"]["lockgate.dev/model-version"] == "v0"
        else NeverReady()
    )
    site.seed()
    site.wait_condition("Stalled", "True", "RolloutAborted")
    site.wait("v0 is whole again", lambda: site.get("deployments")["status"].get("updatedReplicas") == 2)
    stays_served(site)
    site.wait_quiet()


def test_the_operator_ends_at_once_when_told_to_and_goes_on_where_it_was(site: Site):
    site.seed()
    site.deploy()
    site.wait_serving("v0")
    site.operator.kill(signal.SIGTERM)
    site.seed()
    site.operator.start()
    site.wait_serving("v1")
