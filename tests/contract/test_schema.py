"""Schema and Python types say the same, both ways; the chart carries the same bytes."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.fakes.builders import deployment_object, revision, runtime_object

from lockgate.api import analysis as api_analysis
from lockgate.api import gates as api_gates
from lockgate.api import lifecycle as api_lifecycle
from lockgate.api import limits as api_limits
from lockgate.api import requests as api_requests
from lockgate.api import shares as api_shares
from lockgate.api import spec as api_spec
from lockgate.api import status as api_status
from lockgate.api.conditions import ConditionStatus
from lockgate.api.parse import parse_model_deployment, parse_model_runtime
from lockgate.api.parse_analysis import METRICS_LIMIT, PROMQL_LIMIT
from lockgate.api.promql import PLACES
from lockgate.api.status_codec import parse_status, to_dict
from lockgate.domain.patience import patience_with
from lockgate.names import ConditionType, Reason
from lockgate.sentences import CAUSE_LIMIT, SENTENCE_LIMIT
from lockgate.settings import Settings

ROOT = Path(__file__).parents[2]
CRDS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))}


def schema(name: str) -> dict[str, Any]:
    return CRDS[name]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def at(name: str, *path: str) -> dict[str, Any]:
    node = schema(name)
    for part in path:
        node = node["items"] if part == "[]" else node["properties"][part]
    return node


def snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


ANALYSIS = ("spec", "analysis")
FIELDS_OF_SPEC = {
    "model": ("source", "registry", "collection", "alias"),
    "runtime": ("runtime",),
    "strategy": ("strategy",),
    "rollback": ("keep_warm",),
}


def test_every_field_of_the_spec_is_parsed_and_nothing_else_is():
    known = {field.name for field in fields(api_spec.ModelDeployment)}
    identity = {
        "namespace",
        "name",
        "uid",
        "resource_version",
        "generation",
        "retry",
        "request",
        "serves_as",
        "status",
    }
    expected = set()
    for name in at("modeldeployments", "spec")["properties"]:
        expected |= set(FIELDS_OF_SPEC.get(name, (snake(name),)))
    assert known - identity == expected


def test_every_field_of_an_analysis_is_parsed_and_nothing_else_is():
    of_metric = {field.name for field in fields(api_analysis.Metric)}
    assert of_metric == set(map(snake, at("modeldeployments", *ANALYSIS, "metrics", "[]")["properties"]))
    of_block = set(map(snake, at("modeldeployments", *ANALYSIS)["properties"]))
    # What the block says for its metrics is theirs once it is read.
    for_metrics = {"failure_limit", "min_samples", "no_data", "dry_run"}
    assert of_block - for_metrics == {field.name for field in fields(api_analysis.Analysis)}
    assert for_metrics < of_metric


def test_every_field_of_the_gates_is_parsed_and_nothing_else_is():
    assert {field.name for field in fields(api_gates.Gates)} == set(
        at("modeldeployments", "spec", "gates")["properties"]
    )


def test_what_a_metric_does_not_say_is_left_to_the_block():
    metric = at("modeldeployments", *ANALYSIS, "metrics", "[]")["properties"]
    assert not [name for name, node in metric.items() if "default" in node]


def test_an_analysis_is_bounded_as_it_is_read():
    metrics = at("modeldeployments", *ANALYSIS, "metrics")
    assert metrics["maxItems"] == METRICS_LIMIT
    assert metrics["items"]["properties"]["promql"]["maxLength"] == PROMQL_LIMIT
    for query in api_analysis.Query:
        assert at("modelruntimes", "spec", "metrics", query.value)["maxLength"] == PROMQL_LIMIT


def test_every_rule_on_promql_knows_the_places_that_can_be_filled():
    known = ", ".join(f"'${place}'" for place in ("namespace", "name", "release", "window"))
    texts = [at("modelruntimes", "spec", "metrics", query.value) for query in api_analysis.Query]
    for node in (*texts, at("modeldeployments", *ANALYSIS, "metrics", "[]", "promql")):
        (rule,) = node["x-kubernetes-validations"]
        assert f"in [{known}])" in rule["rule"]
    assert set(PLACES) == {"namespace", "name", "release", "window"}


def test_every_field_of_a_runtime_is_parsed_and_nothing_else_is():
    known = {field.name for field in fields(api_spec.ModelRuntime)} - {"name", "ceilings"}
    assert known == {snake(name) for name in at("modelruntimes", "spec")["properties"]}
    metrics = {field.name for field in fields(api_spec.RuntimeMetrics)}
    assert metrics == set(at("modelruntimes", "spec", "metrics")["properties"])


@pytest.mark.parametrize(
    ("path", "enum"),
    [
        (("spec", "onAliasMissing"), api_spec.OnAliasMissing),
        (("spec", "supersede"), api_lifecycle.Supersede),
        (("spec", "onFailure"), api_lifecycle.OnFailure),
        (("spec", "gates", "signature"), api_gates.GateRule),
        (("spec", "gates", "runtime"), api_gates.GateRule),
        (("spec", "analysis", "noData"), api_analysis.NoData),
        (("spec", "analysis", "metrics", "[]", "noData"), api_analysis.NoData),
        (("spec", "analysis", "metrics", "[]", "query"), api_analysis.Query),
        (("status", "phase"), api_status.Phase),
        (("status", "history", "[]", "outcome"), api_status.Outcome),
        (("status", "history", "[]", "trigger"), api_status.Trigger),
        (("status", "rollout", "trigger"), api_status.Trigger),
        (("status", "rollout", "awaitedBy"), api_status.Trigger),
        (("status", "traffic", "[]", "track"), api_shares.Role),
        (("status", "lastRequest", "outcome"), api_requests.RequestOutcome),
        (("status", "conditions", "[]", "status"), ConditionStatus),
    ],
)
def test_enumerations_agree(path, enum):
    assert at("modeldeployments", *path)["enum"] == [member.value for member in enum]


def test_the_protocols_of_runtimes_agree():
    assert at("modelruntimes", "spec", "protocol")["enum"] == [p.value for p in api_spec.Protocol]


def test_defaults_of_the_schema_are_those_of_the_parser():
    minimal = deployment_object()
    minimal["spec"] = {name: minimal["spec"][name] for name in ("model", "runtime")}
    defaulted = json.loads(json.dumps(minimal))
    for name, node in at("modeldeployments", "spec")["properties"].items():
        if "default" in node:
            defaulted["spec"][name] = node["default"]
    rolling = at("modeldeployments", "spec", "strategy", "rolling")["properties"]
    defaulted["spec"]["strategy"] = {"rolling": {name: node["default"] for name, node in rolling.items()}}
    assert parse_model_deployment(minimal) == parse_model_deployment(defaulted)


def test_defaults_of_an_analysis_are_those_of_the_parser():
    minimal = {"metrics": [{"name": "errors", "query": "errors", "max": 0.01}]}
    nodes = at("modeldeployments", *ANALYSIS)["properties"]
    given = {name: node["default"] for name, node in nodes.items() if "default" in node}
    assert len(given) == 6
    read, defaulted = (
        parse_model_deployment(deployment_object(strategy={"blueGreen": {}}, analysis=block))
        for block in (minimal, minimal | given)
    )
    assert read == defaulted


def every_node(node: dict[str, Any], path: str = ""):
    yield path, node
    for name, child in (node.get("properties") or {}).items():
        yield from every_node(child, f"{path}.{name}")
    if "items" in node:
        yield from every_node(node["items"], f"{path}[]")


@pytest.mark.parametrize("name", CRDS)
def test_every_field_is_described(name):
    plumbing = {".apiVersion", ".kind", ".metadata"}
    silent = [
        path
        for path, node in every_node(schema(name))
        if path not in plumbing
        and "description" not in node
        and not path.endswith("[]")
        and node.get("format") != "date-time"
    ]
    assert silent == []


@pytest.mark.parametrize("name", CRDS)
def test_every_text_list_and_map_has_a_bound(name):
    for part in schema(name)["properties"].keys() & {"spec", "status"}:
        for path, node in every_node(at(name, part), part):
            if node.get("type") == "array":
                assert "maxItems" in node, path
            if node.get("type") == "string" or "pattern" in node:
                assert {"maxLength", "enum", "format"} & node.keys() or "{1," in node["pattern"], path
            if "additionalProperties" in node:
                assert "maxProperties" in node, path
                assert "maxLength" in node["additionalProperties"], path
                (rule,) = node["x-kubernetes-validations"]
                assert "name.size() <= 128" in rule["rule"], path


def test_every_bound_of_a_status_leaves_room_for_what_lockgate_writes():
    status = at("modeldeployments", "status")
    assert status["properties"]["history"]["maxItems"] == api_limits.HISTORY_LIMIT
    assert at("modeldeployments", "status", "rollout", "failed")["maxItems"] == api_limits.FAILURES_LIMIT
    assert at("modeldeployments", "spec", "revisionHistoryLimit")["maximum"] == api_limits.HISTORY_LIMIT
    limits = {
        "version": api_limits.VERSION_LIMIT,
        "digest": api_limits.DIGEST_LIMIT,
        "uri": api_limits.URI_LIMIT,
        "source": api_limits.SOURCE_LIMIT,
        "model": api_limits.MODEL_LIMIT,
        "alias": api_limits.ALIAS_LIMIT,
        "treeDigest": api_limits.DIGEST_LIMIT,
        "selector": api_limits.SELECTOR_LIMIT,
        "step": api_limits.VERSION_LIMIT,
        "message": CAUSE_LIMIT,
        "by": api_limits.BY_LIMIT,
        "request": api_requests.REQUEST_LIMIT,
    }
    for path, node in every_node(status):
        limit = limits.get(path.rpartition(".")[2])
        if limit is not None and "maxLength" in node:
            assert node["maxLength"] >= limit, path
    assert at("modeldeployments", "status", "conditions", "[]", "message")["maxLength"] >= SENTENCE_LIMIT


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [("24h", True), ("1h30m", True), ("30s", True), ("1d", False), ("999999h", False), ("-1h", False)],
)
def test_a_deadline_that_the_pattern_takes_is_one_that_the_parser_reads(text, is_taken):
    node = at("modeldeployments", "spec", "progressDeadline")
    assert jsonschema.Draft202012Validator(node).is_valid(text) is is_taken
    if is_taken:
        assert parse_model_deployment(deployment_object(progressDeadline=text)).progress_deadline


def test_a_rollout_has_time_for_a_whole_fetch_unless_told_otherwise():
    bare = deployment_object()
    bare["spec"].pop("progressDeadline", None)
    operator = Settings(registry_base_url="https://api.wandb.example", fetch_image="image@sha256:1")
    deadline = patience_with(parse_model_deployment(bare), revision(1))
    assert deadline.total_seconds() > operator.fetch_deadline_seconds


def test_a_step_of_a_rollout_is_never_below_the_first():
    assert at("modeldeployments", "status", "rollout", "step")["minimum"] == 0


def test_the_scale_subresource_leads_to_fields_that_are_there():
    scale = CRDS["modeldeployments"]["spec"]["versions"][0]["subresources"]["scale"]
    kinds = {name: at("modeldeployments", *path[1:].split("."))["type"] for name, path in scale.items()}
    assert kinds == {
        "specReplicasPath": "integer",
        "statusReplicasPath": "integer",
        "labelSelectorPath": "string",
    }


def test_more_replicas_than_a_deployment_can_have_are_not_read_from_a_status():
    assert parse_status({"replicas": 2**31 - 1}).replicas == 2**31 - 1
    assert parse_status({"replicas": 2**31}).replicas is None


def test_the_chart_carries_the_same_bytes():
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        copy = ROOT / "helm" / "lockgate" / "crds" / path.name
        assert copy.read_bytes() == path.read_bytes(), f"run make crds: {copy} differs"


def test_reasons_and_condition_types_fit_the_schema():
    conditions = at("modeldeployments", "status", "conditions", "[]")["properties"]
    assert max(len(reason) for reason in Reason) <= conditions["reason"]["maxLength"]
    assert max(len(type_) for type_ in ConditionType) <= conditions["type"]["maxLength"]


def test_a_status_survives_being_written_and_read():
    raw = yaml.safe_load((ROOT / "tests" / "contract" / "status.yaml").read_text())
    jsonschema.validate(raw, at("modeldeployments", "status"))
    assert set(raw) == set(at("modeldeployments", "status")["properties"])
    assert to_dict(parse_status(raw)) == raw


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "examples").glob("*.yaml")), ids=lambda p: p.name)
def test_every_example_fits_the_schema_and_is_parsed(path):
    for document in yaml.safe_load_all(path.read_text()):
        name = {"ModelDeployment": "modeldeployments", "ModelRuntime": "modelruntimes"}.get(document["kind"])
        if name is None:
            continue
        jsonschema.validate(document["spec"], at(name, "spec"))
        identity = {"namespace": "x", "uid": "u", "resourceVersion": "1", "generation": 1}
        document["metadata"] = {**identity, **document["metadata"]}
        parse = parse_model_deployment if name == "modeldeployments" else parse_model_runtime
        parse(document)


def test_the_builders_of_tests_fit_the_schema():
    jsonschema.validate(deployment_object()["spec"], at("modeldeployments", "spec"))
    jsonschema.validate(runtime_object()["spec"], at("modelruntimes", "spec"))
