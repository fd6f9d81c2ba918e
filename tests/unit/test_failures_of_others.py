"""Who remembers what as failed, as the store knows it, and who is woken once nobody does."""

import pytest
from tests.fakes.builders import deployment_object

from lockgate.domain.resources import MODEL_DEPLOYMENT
from lockgate.watch.handlers import Intake
from lockgate.watch.store import Store

TRIED = {"digest": "wandb-md5:1", "runtime": "onnx@1"}
STALLED = {"type": "Stalled", "status": "True", "reason": "Quarantined"}


def kept_out():
    status = {"desired": TRIED, "conditions": [STALLED]}
    return deployment_object(name="kept-out") | {"status": status}


def with_failure(name):
    return deployment_object(name=name) | {"status": {"rollout": {"failed": [TRIED | {"recipe": "a"}]}}}


def test_who_is_kept_from_what_failed_elsewhere_wakes_once_nobody_remembers_it():
    store, woken = Store(), []
    intake = Intake(store, lambda key, urgent=False: woken.append(key), lambda key: None)
    ranker = with_failure("ranker")
    intake.take(MODEL_DEPLOYMENT, "ADDED", kept_out())
    intake.take(MODEL_DEPLOYMENT, "ADDED", ranker)
    assert store.failed_in(("wandb-md5:1", "onnx@1")) == (("growth", "ranker"),)
    woken.clear()
    ranker = {**ranker, "metadata": {**ranker["metadata"], "resourceVersion": "2"}, "status": {}}
    intake.take(MODEL_DEPLOYMENT, "MODIFIED", ranker)
    assert ("growth", "kept-out") in woken
    assert store.failed_in(("wandb-md5:1", "onnx@1")) == ()


def test_who_is_kept_from_what_failed_in_an_arm_wakes_when_a_pass_takes_that_away():
    woken = []
    store = Store(woken.append)
    arm = with_failure("churn-b")
    store.upsert(MODEL_DEPLOYMENT, kept_out())
    store.upsert(MODEL_DEPLOYMENT, arm)
    woken.clear()
    store.remove(MODEL_DEPLOYMENT, arm)
    assert woken == [("growth", "kept-out")]


@pytest.mark.parametrize(
    "status",
    [
        None,
        [],
        "x",
        {"rollout": {"failed": "x"}},
        {"rollout": {"failed": [1, {"digest": 2, "runtime": {}}]}},
        {"conditions": {"type": "Stalled"}, "desired": 1},
        {"conditions": ["Stalled", None]},
    ],
)
def test_a_status_that_cannot_be_read_tells_of_no_failure(status):
    store = Store()
    assert store.upsert(MODEL_DEPLOYMENT, deployment_object() | {"status": status})
    assert store.failed_in(("x", "y")) == ()
