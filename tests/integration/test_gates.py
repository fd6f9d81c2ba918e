"""Gates on metadata and on signatures with the real W&B client and the real API server."""

import pytest
from tests.integration.site import Site, message

from lockgate_sandbox.api import ApiError

pytestmark = pytest.mark.integration
TAKES_SIX = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 6]}], "outputs": []}
TAKES_SEVEN = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 7]}], "outputs": []}
BETTER = {"name": "quality", "expression": "candidate.metadata.auc >= stable.metadata.auc - 0.005"}


def test_a_worse_version_is_refused_with_both_numbers_and_the_next_better_one_follows(site: Site):
    site.seed(metadata={"auc": 0.9, "notes": "x" * 1000})
    site.deploy(gates={"metadata": [BETTER]})
    site.wait_serving("v0")
    site.seed(metadata={"auc": 0.8})
    found = site.wait_condition("Resolved", "False", "GateRefused")
    assert "candidate.metadata.auc is 0.8, stable.metadata.auc is 0.9" in message(found, "Ready")
    site.wait_quiet()
    assert site.get("modeldeployments")["status"]["stable"]["version"] == "v0"
    site.operator.restart()
    site.wait_quiet()
    site.wait_condition("Resolved", "False", "GateRefused")
    site.seed(metadata={"auc": 0.897})
    site.wait_serving("v2")


def test_a_version_with_another_signature_is_refused_also_by_an_operator_that_knew_nothing_of_the_first(
    site: Site,
):
    site.seed(metadata={"signature": TAKES_SIX})
    site.deploy(gates={"signature": "Require"})
    site.wait_serving("v0")
    site.seed(metadata={"signature": TAKES_SEVEN})
    found = site.wait_condition("Resolved", "False", "GateRefused")
    assert "input x is [-1, 6] in stable, and the candidate takes [-1, 7]" in message(found, "Ready")
    site.operator.restart()
    site.wait_quiet()
    site.wait_condition("Resolved", "False", "GateRefused")
    assert site.get("modeldeployments")["status"]["stable"]["version"] == "v0"
    site.change(gates={"signature": "Warn"})
    found = site.wait_serving("v1")
    told = [event["note"] for event in site.all("events") if event["reason"] == "GateWarned"]
    assert told == ["gate signature: input x is [-1, 6] in stable, and the candidate takes [-1, 7]"]


def test_what_a_gate_may_not_say_is_refused_by_its_field(site: Site):
    for gate, says in (
        ({"name": "a", "expression": "true // never"}, "may hold no comment"),
        ({"name": "a", "expression": ""}, "at least 1 chars"),
        ({"name": "A", "expression": "true"}, "spec.gates.metadata[0].name"),
    ):
        with pytest.raises(ApiError) as refused:
            site.deploy(gates={"metadata": [gate]})
        assert says in str(refused.value)
    with pytest.raises(ApiError) as refused:
        site.deploy(gates={"signature": "Perhaps"})
    assert 'supported values: "Require", "Warn", "Ignore"' in str(refused.value)
    site.seed()
    site.deploy(gates={"metadata": [{"name": "a", "expression": "[1].all(x, x > 0)"}]})
    found = site.wait_condition("Stalled", "True", "InvalidSpec")
    assert "spec.gates.metadata[0].expression calls all" in message(found, "Ready")
