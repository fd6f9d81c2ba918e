"""The series of single deployments: true after every change, gone with the deployment, and small."""

import sys
import tracemalloc
from dataclasses import replace

from prometheus_client import CollectorRegistry, generate_latest
from tests.fakes.builders import T0

from lockgate.api.conditions import Condition, ConditionStatus
from lockgate.api.status import ModelDeploymentStatus, Revision
from lockgate.names import ConditionType, Reason
from lockgate.telemetry.metrics import Metrics

KEY = ("growth", "churn")


def condition(type_: ConditionType, status: ConditionStatus) -> Condition:
    return Condition(
        type=type_,
        status=status,
        reason=Reason.ROLLED_OUT,
        message="v1 is rolled out",
        last_transition_time=T0,
        observed_generation=1,
    )


def status(version: str | None = "v1", **conditions: ConditionStatus) -> ModelDeploymentStatus:
    return ModelDeploymentStatus(
        stable=Revision(version=version, uri=f"wandb://a/b/c:{version}", digest=None) if version else None,
        conditions=tuple(condition(ConditionType(t), s) for t, s in conditions.items()),
    )


def series(metrics: Metrics) -> dict[str, float]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    ours = [line for line in lines if "growth" in line]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in ours}


def test_the_page_shows_conditions_the_version_and_ended_rollouts_as_they_are_now():
    metrics = Metrics(CollectorRegistry())
    first = status(Ready=ConditionStatus.UNKNOWN, Stalled=ConditionStatus.TRUE)
    metrics.status_changed(KEY, first, "model/churn", "production")
    metrics.status_changed(KEY, status("v2", Ready=ConditionStatus.TRUE), "model/churn", "production")
    metrics.rollout_ended(KEY, "Promoted", 3.0)
    metrics.rollout_ended(KEY, "Promoted", None)
    metrics.rollout_ended(KEY, "Aborted", 1.0)
    where = 'name="churn",namespace="growth"'
    assert series(metrics) == {
        f'lockgate_modeldeployment_condition{{{where},type="Ready"}}': 1.0,
        f'lockgate_rollouts_total{{{where},outcome="Promoted"}}': 2.0,
        f'lockgate_rollouts_total{{{where},outcome="Aborted"}}': 1.0,
        'lockgate_modeldeployment_serving_info{alias="production",collection="model/churn",'
        f'{where},version="v2"}}': 1.0,
    }
    metrics.status_changed(KEY, status(None), "model/churn", "production")
    assert not any("serving" in name or "condition" in name for name in series(metrics))
    metrics.forgotten(KEY)
    assert series(metrics) == {}


def test_an_unchanged_status_changes_no_record():
    metrics = Metrics(CollectorRegistry())
    shown = status(Ready=ConditionStatus.TRUE)
    metrics.status_changed(KEY, shown, "model/churn", "production")
    before = metrics.fleet._records[KEY]
    metrics.status_changed(KEY, replace(shown, step="1/1"), "model/churn", "production")
    assert metrics.fleet._records[KEY] is before


def test_ten_thousand_deployments_cost_little_memory():
    number = 10_000
    every = dict.fromkeys(ConditionType, ConditionStatus.TRUE)
    metrics, keys = Metrics(CollectorRegistry()), [("growth", f"churn-{n}") for n in range(number)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for key in keys:
        metrics.status_changed(key, status(**every), "model/" + sys.intern("churn"), "production")
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert kept / number < 400
