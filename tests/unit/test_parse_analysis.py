"""The block spec.analysis: read whole, or one field is named with the fix."""

from datetime import timedelta

import pytest
from hypothesis import given
from tests.fakes.builders import deployment, deployment_object, runtime_object
from tests.fakes.json_values import disturbed
from tests.unit.test_parse import outcome

from lockgate.api.analysis import Analysis, Metric, NoData, Query
from lockgate.api.parse import parse_model_deployment, parse_model_runtime
from lockgate.errors import InvalidSpec

ERRORS = {"name": "errors", "query": "errors", "max": 0.01}
EVERYTHING = {
    "interval": "1m",
    "count": 5,
    "failureLimit": 2,
    "inconclusiveLimit": 4,
    "minSamples": 50,
    "noData": "Fail",
    "dryRun": True,
    "metrics": [
        ERRORS,
        {
            "name": "slower",
            "query": "latency",
            "maxRatioToStable": 2,
            "failureLimit": 0,
            "minSamples": 0,
            "noData": "Pass",
            "dryRun": False,
        },
        {"name": "drift", "promql": "drift{release='$release'}", "min": -1, "max": 1},
    ],
}

STEPS = {"blueGreen": {}}


def test_without_the_block_there_is_no_analysis():
    assert deployment().analysis is None


def test_the_smallest_block_says_what_to_measure_and_the_rest_is_given():
    assert deployment(strategy=STEPS, analysis={"metrics": [ERRORS]}).analysis == Analysis(
        metrics=(Metric(name="errors", query=Query.ERRORS, max=0.01),),
        interval=timedelta(seconds=30),
        count=3,
        inconclusive_limit=0,
    )


def test_what_a_metric_does_not_say_the_block_says_for_it():
    read = deployment(strategy=STEPS, analysis=EVERYTHING).analysis
    assert read == Analysis(
        interval=timedelta(minutes=1),
        count=5,
        inconclusive_limit=4,
        metrics=(
            Metric(
                name="errors",
                query=Query.ERRORS,
                max=0.01,
                failure_limit=2,
                min_samples=50,
                no_data=NoData.FAIL,
                dry_run=True,
            ),
            Metric(
                name="slower",
                query=Query.LATENCY,
                max_ratio_to_stable=2.0,
                failure_limit=0,
                min_samples=0,
                no_data=NoData.PASS,
                dry_run=False,
            ),
            Metric(
                name="drift",
                promql="drift{release='$release'}",
                min=-1.0,
                max=1.0,
                failure_limit=2,
                min_samples=50,
                no_data=NoData.FAIL,
                dry_run=True,
            ),
        ),
    )


def with_metric(**fields):
    """A block with one metric, changed so; a field that is None is left out."""
    metric = {name: value for name, value in (ERRORS | fields).items() if value is not None}
    return {"metrics": [metric]}


@pytest.mark.parametrize(
    ("block", "path", "fix"),
    [
        ({}, "spec.analysis.metrics", "one to 16 metrics"),
        ({"metrics": []}, "spec.analysis.metrics", "one to 16 metrics"),
        ({"metrics": [ERRORS] * 17}, "spec.analysis.metrics", "one to 16 metrics"),
        ({"metrics": [ERRORS, ERRORS]}, "spec.analysis.metrics", "errors twice"),
        ({"metrics": ["errors"]}, "spec.analysis.metrics[0]", "fields of its own"),
        ({"metrics": [ERRORS], "interval": "4s"}, "spec.analysis.interval", "at least 5s"),
        ({"metrics": [ERRORS], "interval": "25h"}, "spec.analysis.interval", "at most 24h"),
        ({"metrics": [ERRORS], "count": 0}, "spec.analysis.count", "from 1 to 100"),
        ({"metrics": [ERRORS], "failureLimit": -1}, "spec.analysis.failureLimit", "from 0 to 100"),
        ({"metrics": [ERRORS], "inconclusiveLimit": 101}, "spec.analysis.inconclusiveLimit", "from 0 to 100"),
        ({"metrics": [ERRORS], "noData": "Wait"}, "spec.analysis.noData", "Hold, Fail and Pass"),
        ({"metrics": [ERRORS], "dryRun": "yes"}, "spec.analysis.dryRun", "true or false"),
        (with_metric(name=None), "spec.analysis.metrics[0].name", "missing"),
        (with_metric(query="cpu"), "spec.analysis.metrics[0].query", "requests, errors and latency"),
        (with_metric(query=None), "spec.analysis.metrics[0]", "either query"),
        (with_metric(promql="x"), "spec.analysis.metrics[0]", "either query"),
        (with_metric(max=None), "spec.analysis.metrics[0]", "bounded by min, by max"),
        (with_metric(maxRatioToStable=2), "spec.analysis.metrics[0]", "maxRatioToStable alone"),
        (with_metric(max="1%"), "spec.analysis.metrics[0].max", "such as 0.01"),
        (with_metric(max=True), "spec.analysis.metrics[0].max", "such as 0.01"),
        (with_metric(max=float("nan")), "spec.analysis.metrics[0].max", "such as 0.01"),
        (with_metric(max=float("inf")), "spec.analysis.metrics[0].max", "such as 0.01"),
        (with_metric(min=0.02), "spec.analysis.metrics[0]", "min 0.02 above max 0.01"),
        (with_metric(max=None, maxRatioToStable=0), "spec.analysis.metrics[0].maxRatioToStable", "above 0"),
        (with_metric(minSamples=-1), "spec.analysis.metrics[0].minSamples", "from 0 to 1000000"),
        (with_metric(noData="hold"), "spec.analysis.metrics[0].noData", "Hold, Fail and Pass"),
        (with_metric(query=None, promql=7), "spec.analysis.metrics[0].promql", "at most 2048"),
        (with_metric(query=None, promql="x" * 2049), "spec.analysis.metrics[0].promql", "at most 2048"),
        (with_metric(query=None, promql=" "), "spec.analysis.metrics[0].promql", "is no PromQL"),
        (
            with_metric(query=None, promql="rate(x[$__range])"),
            "spec.analysis.metrics[0].promql",
            "names $__range; what can be put in is $namespace, $name, $release and $window",
        ),
        (
            with_metric(query=None, promql="x", max=None, maxRatioToStable=2),
            "spec.analysis.metrics[0].promql",
            "must name $release",
        ),
    ],
)
def test_a_field_that_cannot_be_used_is_named_with_the_fix(block, path, fix):
    with pytest.raises(InvalidSpec) as refused:
        parse_model_deployment(deployment_object(strategy=STEPS, analysis=block))
    assert refused.value.path == path
    assert fix in refused.value.message


@pytest.mark.parametrize("query", Query)
def test_a_place_that_cannot_be_filled_in_the_promql_of_a_runtime_is_named_with_the_runtime(query):
    raw = runtime_object(metrics={"path": "/metrics", query.value: 'x{pod="$pod"}'})
    with pytest.raises(InvalidSpec) as refused:
        parse_model_runtime(raw)
    assert refused.value.message.startswith(f"spec.metrics.{query.value} of ModelRuntime onnx names $pod;")


def test_an_empty_text_of_a_runtime_is_none():
    read = parse_model_runtime(runtime_object(metrics={"path": "/metrics", "errors": ""}))
    assert read.metrics is not None
    assert read.metrics.errors is None


@given(disturbed(deployment_object(strategy=STEPS, analysis=EVERYTHING)["spec"]["analysis"], times=2))
def test_a_block_is_read_or_the_field_in_the_way_is_named(block):
    read = outcome(parse_model_deployment, deployment_object(strategy=STEPS, analysis=block))
    if isinstance(read, InvalidSpec):
        assert read.path.startswith("spec.analysis")
        return
    read = read.analysis
    if read is None:
        return
    assert 5 <= read.interval.total_seconds() <= 24 * 3600
    assert 1 <= len(read.metrics) <= 16
    for metric in read.metrics:
        assert (metric.query is None) is not (metric.promql is None)
        bounds = (metric.min, metric.max, metric.max_ratio_to_stable)
        assert any(bound is not None for bound in bounds)


def test_an_analysis_of_a_strategy_without_steps_is_refused():
    with pytest.raises(InvalidSpec) as refused:
        parse_model_deployment(deployment_object(analysis={"metrics": [ERRORS]}))
    assert refused.value.path == "spec.analysis"
