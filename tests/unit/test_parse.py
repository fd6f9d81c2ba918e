"""Whatever an object holds: its spec is read or one field is named, and its status is always read."""

import json
import re

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from tests.contract.test_schema import ROOT, at
from tests.fakes.builders import T0, deployment_object, runtime_object
from tests.fakes.json_values import anything_in_json, disturbed, odd_texts
from tests.fakes.kstatus import check_kstatus

from lockgate.api.lifecycle import LEAST_PATIENCE
from lockgate.api.parse import parse_followed, parse_model_deployment, parse_model_runtime
from lockgate.api.status import RolloutState
from lockgate.api.status_codec import parse_status, to_dict
from lockgate.api.strategy import STRATEGIES, Canary, name_of
from lockgate.errors import InternalError, InvalidSpec, Refused
from lockgate.report.compute import refused_status

STATUS = yaml.safe_load((ROOT / "tests" / "contract" / "status.yaml").read_text())
STATUS_SCHEMA = jsonschema.Draft202012Validator(at("modeldeployments", "status"))
FULL = deployment_object(
    resources={"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi", "nvidia.com/gpu": 1}},
    pin={"version": "v1", "reason": "incident 7", "until": "2026-01-05T09:00:00Z"},
    suspend=False,
    onAliasMissing="Hold",
    progressDeadline="10m",
    minReadySeconds=30,
    revisionHistoryLimit=10,
)
RUNTIME = runtime_object(
    command=["serve"],
    env=[{"name": "A", "value": "b"}],
    terminationGracePeriodSeconds=30,
    metrics={"path": "/metrics", "port": 8081, "requests": "sum(x)"},
)


def outcome(parse, raw):
    """What was read, or the InvalidSpec; anything else escapes."""
    try:
        return parse(raw)
    except InvalidSpec as error:
        return error


@given(disturbed(FULL["spec"]))
def test_a_spec_is_read_or_the_field_in_the_way_is_named(spec):
    read = outcome(parse_model_deployment, {**FULL, "spec": spec})
    if isinstance(read, InvalidSpec):
        assert read.path.startswith("spec")
        return
    assert isinstance(read.replicas, int)
    assert read.replicas >= 0
    assert read.min_ready_seconds < (read.progress_deadline or LEAST_PATIENCE).total_seconds() <= 24 * 3600
    assert read.alias.isprintable()


@given(disturbed(RUNTIME["spec"]))
def test_a_runtime_is_read_or_is_named_with_the_field_in_the_way(spec):
    read = outcome(parse_model_runtime, {**RUNTIME, "spec": spec})
    if isinstance(read, InvalidSpec):
        assert "ModelRuntime onnx" in read.message
        return
    assert 1 <= read.port <= 65535


@settings(max_examples=400)
@given(disturbed(STATUS, times=3))
def test_a_status_is_always_read_and_what_was_read_can_be_written(raw):
    written = to_dict(parse_status(raw))
    STATUS_SCHEMA.validate(written)
    assert to_dict(parse_status(json.loads(json.dumps(written)))) == written


@given(disturbed(STATUS, times=3), odd_texts)
def test_whatever_stands_in_the_way_a_status_that_tells_of_it_can_be_written(raw, said):
    previous = parse_status(raw)
    for error in (InvalidSpec("spec.x", said), InternalError(said), Refused(said)):
        status = to_dict(refused_status(previous, generation=8, error=error, now=T0))
        STATUS_SCHEMA.validate(status)
        check_kstatus({"metadata": {"generation": 8}, "status": status})
        assert refused_status(parse_status(status), generation=8, error=error, now=T0) == parse_status(status)


@given(anything_in_json)
def test_who_counts_is_told_a_collection_an_alias_and_a_strategy_whatever_the_spec_says(spec):
    followed = parse_followed({"spec": spec})
    assert all(text.isprintable() for text in (followed.collection, followed.alias))
    assert followed.strategy in STRATEGIES


def test_who_counts_is_told_the_strategy_that_was_chosen():
    for name, kind in STRATEGIES.items():
        assert parse_followed({"spec": {"strategy": {name: {}}}}).strategy == name
        assert name_of(kind(steps=()) if kind is Canary else kind()) == name


@pytest.mark.parametrize(
    ("spec", "path", "fix"),
    [
        ({"progressDeadline": "9999999999999999999h"}, "spec.progressDeadline", "30s, 10m or 1h30m"),
        ({"progressDeadline": "99999999h"}, "spec.progressDeadline", "at most 24h"),
        ({"progressDeadline": "0s"}, "spec.progressDeadline", "is zero"),
        ({"progressDeadline": 10}, "spec.progressDeadline", "write a duration"),
        ({"minReadySeconds": 3601}, "spec.minReadySeconds", "from 0 to 3600"),
        ({"minReadySeconds": 60, "progressDeadline": "1m"}, "spec.minReadySeconds", "raise progressDeadline"),
        ({"onAliasMissing": "Keep"}, "spec.onAliasMissing", "knows Hold and Fail"),
        ({"replicas": "2"}, "spec.replicas", "whole number from 0 to 1000"),
        ({"replicas": True}, "spec.replicas", "whole number"),
        ({"suspend": "yes"}, "spec.suspend", "true or false"),
        ({"resources": {"requests": {"cpu": True}}}, "spec.resources.requests.cpu", "500m"),
        ({"resources": {"limits": {"cpu": "9e999999Ei"}}}, "spec.resources.limits.cpu", "500m"),
        ({"resources": {"limits": {"x" * 200: "1"}}}, "spec.resources.limits", "at most 128"),
        ({"strategy": {"linear": {}}}, "spec.strategy", "write one of rolling, canary"),
        (
            {"strategy": {"rolling": {"maxSurge": 0, "maxUnavailable": "0%"}}},
            "spec.strategy.rolling",
            "neither",
        ),
        (
            {"pin": {"version": "v1", "reason": "x", "until": "0001-01-01T00:00:00+23:59"}},
            "spec.pin.until",
            "zone",
        ),
        ({"runtime": 3}, "spec.runtime", "fields of its own"),
    ],
)
def test_a_field_that_cannot_be_used_is_named_with_the_fix(spec, path, fix):
    with pytest.raises(InvalidSpec) as refused:
        parse_model_deployment(deployment_object(**spec))
    assert refused.value.path == path
    assert fix in refused.value.message


def test_a_runtime_of_another_release_is_named():
    with pytest.raises(InvalidSpec, match=r"spec\.protocol of ModelRuntime onnx is 'Grpc'; this release"):
        parse_model_runtime(runtime_object(protocol="Grpc"))


def test_a_pin_may_end_with_the_calendar_and_a_reason_may_have_lines():
    pin = {"version": "v1", "reason": "bad\nday\n", "until": "9999-12-31T23:59:59Z"}
    read = parse_model_deployment(deployment_object(pin=pin)).pin
    assert read is not None
    assert read.reason == "bad day"
    assert read.until is not None
    assert read.until.year == 9999


@pytest.mark.parametrize(
    "moment",
    [
        "9999-12-31T23:59:59-23:59",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:59",
        "0001-01-01T00:00:00Z",
        "2026-01-05T09:00:00",
    ],
)
def test_what_a_status_says_to_have_been_when_nobody_was_there_is_as_good_as_not_said(moment):
    odd = json.loads(re.sub(r'"\d{4}-\d\d-\d\dT[^"]*"', json.dumps(moment), json.dumps(STATUS)))
    read = parse_status(odd)
    STATUS_SCHEMA.validate(to_dict(read))
    assert (read.rollout, read.history, read.conditions) == (RolloutState(), (), ())
    assert read.desired == parse_status(STATUS).desired


def test_an_entry_of_the_past_that_makes_no_sense_takes_no_other_with_it():
    odd = {**STATUS, "history": [{"version": 7}, *STATUS["history"], 3]}
    assert parse_status(odd).history == parse_status(STATUS).history


def test_a_failure_that_makes_no_sense_leaves_the_rollout_what_it_is():
    odd = {**STATUS, "rollout": {**STATUS["rollout"], "failed": "yes", "step": -2}}
    rollout = parse_status(odd).rollout
    assert rollout.candidate == parse_status(STATUS).rollout.candidate
    assert rollout.step == 0


def test_no_more_failures_are_remembered_than_the_schema_takes():
    failed = [{"version": f"v{number}", "uri": f"wandb://o/p/c:v{number}"} for number in range(40)]
    read = parse_status({"rollout": {"failed": failed}})
    assert len(read.rollout.failed) == 10
    STATUS_SCHEMA.validate(to_dict(read))


@pytest.mark.parametrize(
    ("owner", "serves_as"),
    [
        ({"kind": "ModelDeployment", "name": "chu"}, "churn-b"),
        ({"kind": "ModelDeployment", "name": "churn"}, "churn"),
        ({"kind": "ModelDeployment", "name": "$(touch /tmp/x)"}, "churn-b"),
        ({"kind": "ModelDeployment", "name": 7}, "churn-b"),
        ({"kind": "ModelDeployment"}, "churn-b"),
        ({"kind": "Deployment", "name": "churn"}, "churn-b"),
    ],
)
def test_only_the_beginning_of_its_own_name_is_what_an_arm_is_asked_for_by(owner, serves_as):
    arm = deployment_object(name="churn-b")
    arm["metadata"]["ownerReferences"] = [owner]
    assert parse_model_deployment(arm).serves_as == serves_as
