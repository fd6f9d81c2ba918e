"""The series of single deployments: true after every change, gone with the deployment, few and cheap."""

import re
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from tests.fakes.builders import T0
from tests.fakes.builders import revision as numbered

from lockgate.api.analysis import Metric
from lockgate.api.conditions import Condition, ConditionStatus
from lockgate.api.requests import RequestOutcome, Verb
from lockgate.api.shares import Role, TrafficShare
from lockgate.api.spec import Followed
from lockgate.api.status import Failure, ModelDeploymentStatus, Phase, Revision, RolloutState
from lockgate.api.strategy import STRATEGIES
from lockgate.domain.analysis import Measured
from lockgate.domain.gate import Holds
from lockgate.names import ConditionType, Reason
from lockgate.telemetry.metrics import Metrics
from lockgate.telemetry.shown import GATES
from lockgate.telemetry.table import OF_DEPLOYMENTS, TABLE, Kind

KEY = ("growth", "churn")
WHERE = 'name="churn",namespace="growth"'
FOLLOWED = Followed("model/churn", "production", "canary")
INFO = (
    'modeldeployment_info{collection="model/churn",alias="production",strategy="canary",backend="deployment"}'
)
TRUE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.UNKNOWN
ERRORS = Metric(name="errors", query=None, max=0.01)


def revision(number: int, alias: str | None = "production") -> Revision:
    return replace(numbered(number, alias), release=f"{number:08x}")


def condition(type_: ConditionType, status: ConditionStatus, reason: Reason = Reason.ROLLED_OUT) -> Condition:
    return Condition(
        type=type_,
        status=status,
        reason=reason,
        message="v1 is rolled out",
        last_transition_time=T0,
        observed_generation=1,
    )


def at_rest(number: int = 1, **fields: Any) -> ModelDeploymentStatus:
    """The status of a deployment that serves what its alias means."""
    stable = revision(number)
    known: dict[str, Any] = {
        "phase": Phase.SERVING,
        "desired": stable,
        "stable": stable,
        "traffic": (TrafficShare(track=Role.STABLE, version=stable.version, weight=100),),
        "rollout": RolloutState(stable=stable),
        "conditions": (condition(ConditionType.READY, TRUE),),
    }
    return ModelDeploymentStatus(**known | fields)


def rolling(
    reason: Reason = Reason.ROLLING_OUT, *, step: int = 0, number: int = 2, **state: Any
) -> ModelDeploymentStatus:
    """The status amid a rollout of `number` over v1, which `reason` holds where it stands."""
    stable, candidate = revision(1), revision(number)
    rollout = RolloutState(stable=stable, candidate=candidate, step=step, started_at=T0, **state)
    holds = TRUE if reason in GATES else ConditionStatus.FALSE
    return ModelDeploymentStatus(
        phase=Phase.ROLLING_OUT,
        desired=candidate,
        stable=stable,
        candidate=candidate,
        step=f"{step + 1}/4",
        traffic=(
            TrafficShare(track=Role.STABLE, version="v1", weight=90),
            TrafficShare(track=Role.CANDIDATE, version="v2", weight=10),
        ),
        rollout=rollout,
        conditions=(
            condition(ConditionType.READY, UNKNOWN, reason),
            condition(ConditionType.PAUSED, holds, reason),
        ),
    )


def measured(value: float | None = 0.002, **counts: int) -> Measured:
    return Measured(metric=ERRORS, holds=Holds.NOT_YET, sentence="", value=value, most=0.01, **counts)


class Shown:
    """Metrics of one deployment, and what is on the page of them."""

    def __init__(self) -> None:
        self.metrics = Metrics(CollectorRegistry())

    def show(self, status: ModelDeploymentStatus, at: datetime = T0, followed: Followed = FOLLOWED) -> None:
        self.metrics.status_changed(KEY, status, followed, at)

    def series(self, about: str = "") -> dict[str, float]:
        """What the page says of the deployment, without the parts of a name that are always the same."""
        found = {}
        for line in self.metrics.page().decode().splitlines():
            if 'namespace="growth"' in line and line.startswith(f"lockgate_{about}"):
                name, _, value = line.rpartition(" ")
                short = name.removeprefix("lockgate_").replace('namespace="growth",name="churn",', "")
                found[short.replace('{namespace="growth",name="churn"}', "")] = float(value)
        return found

    def histogram(self, name: str, **labels: str) -> tuple[float, float]:
        """Number and sum of what it saw."""
        number, total = (
            self.metrics.registry.get_sample_value(f"lockgate_{name}_{part}", labels)
            for part in ("count", "sum")
        )
        assert number is not None
        assert total is not None
        return number, total


@pytest.fixture
def shown() -> Shown:
    return Shown()


def test_at_rest_the_page_shows_what_is_followed_what_serves_and_what_ended(shown: Shown):
    shown.show(at_rest())
    shown.metrics.rollout_ended(KEY, "canary", "Promoted", 3.0)
    shown.metrics.rollout_ended(KEY, "canary", "Promoted", None)
    shown.metrics.rollout_ended(KEY, "rolling", "Aborted", 1.0)
    uri = "wandb://acme-org/wandb-registry-model/churn:v1"
    assert shown.series() == {
        INFO: 1,
        'modeldeployment_state{phase="Serving",reason="RolledOut"}': 1,
        'modeldeployment_condition{type="Ready"}': 1,
        f'modeldeployment_release_info{{track="stable",release="00000001",version="v1",uri="{uri}"}}': 1,
        'modeldeployment_traffic_weight{track="stable"}': 100,
        'rollouts_total{strategy="canary",outcome="Promoted"}': 2,
        'rollouts_total{strategy="canary",outcome="Aborted"}': 0,
        'rollouts_total{strategy="canary",outcome="Superseded"}': 0,
        'rollouts_total{strategy="rolling",outcome="Aborted"}': 1,
    }
    assert shown.histogram("rollout_duration_seconds", strategy="canary", outcome="Promoted") == (1, 3)
    assert shown.histogram("rollout_duration_seconds", strategy="rolling", outcome="Aborted") == (1, 1)


def test_a_deployment_that_is_gone_leaves_no_series_however_much_was_known_of_it(shown: Shown):
    shown.show(at_rest())
    shown.show(rolling(Reason.ANALYSIS_RUNNING, reached_at=T0))
    shown.metrics.analysis_judged(KEY, (measured(),))
    shown.metrics.rollout_ended(KEY, "canary", "Promoted", 3.0)
    assert len(shown.series()) > 20
    shown.metrics.forgotten(KEY)
    shown.metrics.analysis_judged(KEY, (measured(),))
    assert shown.series() == {}


def test_conditions_turn_and_go_with_the_status(shown: Shown):
    shown.show(at_rest(conditions=(condition(ConditionType.STALLED, TRUE),)))
    shown.show(at_rest(conditions=(condition(ConditionType.READY, UNKNOWN),)))
    assert shown.series("modeldeployment_condition") == {'modeldeployment_condition{type="Ready"}': -1}
    shown.show(at_rest(phase=None, stable=None, traffic=(), conditions=()))
    assert set(shown.series()) == {
        'modeldeployment_info{collection="model/churn",alias="production",strategy="canary",backend="deployment"}',
        *(f'rollouts_total{{strategy="canary",outcome="{outcome}"}}' for outcome in ("Promoted", "Aborted")),
        'rollouts_total{strategy="canary",outcome="Superseded"}',
    }


def test_amid_a_rollout_the_page_shows_the_candidate_its_step_its_traffic_and_what_it_waits_for(shown: Shown):
    shown.show(rolling(Reason.WAITING_FOR_APPROVAL, step=1, reached_at=T0 + timedelta(seconds=40)))
    start = T0.timestamp()
    assert shown.series("rollout_") == {
        "rollout_step": 2,
        "rollout_steps": 4,
        "rollout_started_timestamp_seconds": start,
        "rollout_progress_timestamp_seconds": start + 40,
    }
    assert shown.series("modeldeployment_traffic") == {
        'modeldeployment_traffic_weight{track="stable"}': 90,
        'modeldeployment_traffic_weight{track="candidate"}': 10,
    }
    assert shown.series("modeldeployment_state") == {
        'modeldeployment_state{phase="RollingOut",reason="WaitingForApproval"}': 1
    }
    releases = shown.series("modeldeployment_release_info")
    assert [re.search('track="(.*?)".*version="(.*?)"', one).groups() for one in releases] == [  # type: ignore[union-attr]
        ("stable", "v1"),
        ("candidate", "v2"),
    ]
    shown.show(at_rest(2))
    assert shown.series("rollout_") == {}


def test_the_release_before_is_shown_as_long_as_it_is_kept_warm_or_gets_requests(shown: Shown):
    warm = RolloutState(stable=revision(2), warm=revision(1), warm_until=T0)
    shown.show(at_rest(2, rollout=warm))
    assert any('track="previous",release="00000001"' in one for one in shown.series())
    shown.show(at_rest(2, previous=revision(1)))
    assert not any('track="previous"' in one for one in shown.series())
    share = TrafficShare(track=Role.PREVIOUS, version="v1", weight=100)
    shown.show(at_rest(2, previous=revision(1), traffic=(share,)))
    assert any('track="previous",release="00000001"' in one for one in shown.series())
    failed = Failure(revision=revision(3), recipe="", reason=Reason.ANALYSIS_FAILED, message="slow")
    share = TrafficShare(track=Role.PREVIOUS, version="v3", weight=10)
    given_up = RolloutState(stable=revision(2), failed=(failed,))
    shown.show(at_rest(2, previous=revision(1), traffic=(share,), rollout=given_up))
    assert any('track="previous",release="00000003"' in one for one in shown.series())


def test_a_release_that_comes_back_while_it_is_warm_is_shown_in_one_track_alone(shown: Shown):
    back = rolling(number=3)
    warm = replace(back.rollout, warm=revision(3), warm_until=T0)
    shown.show(replace(back, rollout=warm))
    releases = shown.series("modeldeployment_release_info")
    assert len(releases) == 2
    assert any('track="candidate",release="00000003"' in one for one in releases)


def test_an_analysis_shows_value_bounds_and_verdicts_of_the_present_step_alone(shown: Shown):
    shown.show(rolling(Reason.ANALYSIS_RUNNING, reached_at=T0))
    shown.metrics.analysis_judged(KEY, (measured(passed=2, failed=1, missed=3),))
    assert shown.series("analysis") == {
        'analysis_value{metric="errors"}': 0.002,
        'analysis_bound{metric="errors",bound="max"}': 0.01,
        'analysis_measurements{metric="errors",verdict="passed"}': 2,
        'analysis_measurements{metric="errors",verdict="failed"}': 1,
        'analysis_measurements{metric="errors",verdict="inconclusive"}': 0,
        'analysis_measurements{metric="errors",verdict="missed"}': 3,
    }
    shown.show(rolling(Reason.ANALYSIS_RUNNING, reached_at=T0 + timedelta(seconds=1)))
    assert len(shown.series("analysis")) == 6, "the same step goes on"
    shown.show(rolling(Reason.ANALYSIS_RUNNING, step=1, reached_at=T0))
    assert shown.series("analysis") == {}
    shown.metrics.analysis_judged(KEY, (measured(None),))
    assert 'analysis_value{metric="errors"}' not in shown.series("analysis")
    shown.show(rolling(Reason.ANALYSIS_RUNNING, step=1, number=3, reached_at=T0))
    assert shown.series("analysis") == {}, "of another candidate nothing was measured"


def test_what_led_to_an_abort_is_shown_for_as_long_as_that_is_told_of(shown: Shown):
    shown.show(rolling(Reason.ANALYSIS_RUNNING, reached_at=T0))
    shown.metrics.analysis_judged(KEY, (measured(0.5, failed=1),))
    aborted = (condition(ConditionType.READY, ConditionStatus.FALSE, Reason.ROLLOUT_ABORTED),)
    for _ in range(2):
        shown.show(at_rest(desired=revision(2), conditions=aborted))
        shown.metrics.analysis_judged(KEY, ())
        assert shown.series("analysis_value") == {'analysis_value{metric="errors"}': 0.5}
    shown.show(rolling(number=3))
    assert shown.series("analysis") == {}


def test_an_analysis_that_is_no_longer_made_leaves_nothing_behind(shown: Shown):
    shown.show(rolling(Reason.ANALYSIS_RUNNING, reached_at=T0))
    shown.metrics.analysis_judged(KEY, (measured(),))
    shown.metrics.analysis_judged(KEY, ())
    assert shown.series("analysis") == {}
    shown.show(at_rest())
    shown.metrics.analysis_judged(KEY, (measured(),))
    assert shown.series("analysis") == {}, "without a candidate nothing is measured"


def test_what_held_a_step_is_counted_by_gate_when_it_holds_no_more(shown: Shown):
    def after(**duration: float) -> datetime:
        return T0 + timedelta(**duration)

    shown.show(rolling(Reason.STEP_HELD, reached_at=T0), after(seconds=2))
    shown.show(rolling(Reason.STEP_HELD, reached_at=T0), after(seconds=30))
    assert shown.histogram("rollout_held_seconds", gate="pause") == (0, 0)
    shown.show(rolling(Reason.ANALYSIS_RUNNING, reached_at=T0), after(seconds=60))
    assert shown.histogram("rollout_held_seconds", gate="pause") == (1, 60)
    shown.show(rolling(Reason.ANALYSIS_INCONCLUSIVE, reached_at=T0), after(seconds=70))
    assert shown.histogram("rollout_held_seconds", gate="analysis") == (0, 0), "one gate, whatever it says"
    shown.show(rolling(Reason.WAITING_FOR_APPROVAL, step=1, reached_at=after(seconds=80)), after(seconds=90))
    assert shown.histogram("rollout_held_seconds", gate="analysis") == (1, 30)
    shown.show(at_rest(), after(hours=2))
    assert shown.histogram("rollout_held_seconds", gate="approval") == (1, 7200 - 80)
    shown.show(rolling(), after(hours=3))
    shown.show(at_rest(), after(hours=4))
    assert sum(shown.histogram("rollout_held_seconds", gate=gate)[0] for gate in GATES.values()) == 4


def test_two_steps_that_the_same_gate_holds_are_two_holds(shown: Shown):
    shown.show(rolling(Reason.STEP_HELD, reached_at=T0), T0)
    second = T0 + timedelta(seconds=10)
    shown.show(rolling(Reason.STEP_HELD, step=1, reached_at=second), second)
    shown.show(at_rest(2), second + timedelta(seconds=5))
    assert shown.histogram("rollout_held_seconds", gate="pause") == (2, 15)


def test_a_clock_that_was_set_back_measures_no_time_below_zero(shown: Shown):
    shown.show(rolling(Reason.STEP_HELD, reached_at=T0))
    shown.show(at_rest(), T0 - timedelta(hours=1))
    assert shown.histogram("rollout_held_seconds", gate="pause") == (1, 0)


def test_a_moved_alias_is_late_from_when_its_version_was_resolved_until_that_is_promoted(shown: Shown):
    def late() -> float | None:
        return shown.series("alias_moved").get("alias_moved_timestamp_seconds")

    shown.show(at_rest())
    assert late() is None
    resolved = T0 + timedelta(minutes=1)
    shown.show(at_rest(desired=revision(2)), resolved)
    assert late() == resolved.timestamp()
    shown.show(rolling(), T0 + timedelta(minutes=2))
    assert late() == resolved.timestamp()
    assert shown.histogram("alias_to_serving_seconds") == (0, 0)
    shown.show(at_rest(2), T0 + timedelta(minutes=11))
    assert late() is None
    assert shown.histogram("alias_to_serving_seconds") == (1, 600)


def test_the_time_of_a_moved_alias_begins_anew_with_each_version_and_ends_where_it_moves_back(shown: Shown):
    shown.show(at_rest(desired=revision(2)), T0)
    shown.show(at_rest(desired=revision(3)), T0 + timedelta(minutes=5))
    shown.show(at_rest(3), T0 + timedelta(minutes=6))
    assert shown.histogram("alias_to_serving_seconds") == (1, 60)
    shown.show(at_rest(3, desired=revision(4)), T0 + timedelta(minutes=7))
    shown.show(at_rest(3), T0 + timedelta(minutes=9))
    assert shown.series("alias_moved") == {}
    assert shown.histogram("alias_to_serving_seconds") == (1, 60), "what served before was not waited for"


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(at_rest(desired=revision(2, alias=None)), id="a pin"),
        pytest.param(at_rest(desired=replace(revision(1), release="0000abcd")), id="an edited runtime"),
        pytest.param(at_rest(stable=None, desired=revision(2)), id="a first version"),
    ],
)
def test_only_an_alias_that_moved_away_from_what_serves_is_late(shown: Shown, status: ModelDeploymentStatus):
    shown.show(at_rest())
    shown.show(status)
    assert shown.series("alias_moved") == {}


def test_after_a_restart_times_count_from_what_the_status_says(shown: Shown):
    shown.show(rolling(Reason.STEP_HELD, reached_at=T0 + timedelta(minutes=1)), T0 + timedelta(hours=1))
    assert shown.series("alias_moved") == {"alias_moved_timestamp_seconds": T0.timestamp()}
    shown.show(at_rest(2), T0 + timedelta(hours=2))
    assert shown.histogram("rollout_held_seconds", gate="pause") == (1, 7200 - 60)
    assert shown.histogram("alias_to_serving_seconds") == (1, 7200)


def test_requests_of_people_are_counted_by_verb_and_outcome_and_are_there_before_the_first(shown: Shown):
    shown.metrics.request_answered("abort", "Accepted")
    shown.metrics.request_answered("", "Refused")
    family = next(
        one
        for one in text_string_to_metric_families(shown.metrics.page().decode())
        if one.name == "lockgate_people_requests"
    )
    counts = {(s.labels["verb"], s.labels["outcome"]): s.value for s in family.samples}
    assert set(counts) == {(verb, outcome) for verb in (*Verb, "none") for outcome in RequestOutcome}
    assert {which: number for which, number in counts.items() if number} == {
        ("abort", "Accepted"): 1,
        ("none", "Refused"): 1,
    }


def test_an_unchanged_status_changes_no_record(shown: Shown):
    shown.show(at_rest())
    before = shown.metrics._fleet._records[KEY]
    shown.show(replace(at_rest(), step="1/1"), T0 + timedelta(hours=1))
    assert shown.metrics._fleet._records[KEY] is before


@pytest.mark.parametrize("hostile", ['a"}\\ 1\nlockgate_reconcile_total 7', '"', "\\", "a\nb", "ü {}"])
def test_texts_of_strangers_cannot_break_a_line_of_the_page(shown: Shown, hostile: str):
    shown.show(at_rest(), followed=Followed(hostile, "production", "rolling"))
    families = {one.name: one for one in text_string_to_metric_families(shown.metrics.page().decode())}
    (info,) = families["lockgate_modeldeployment_info"].samples
    assert info.labels["collection"] == hostile


def test_the_page_holds_every_metric_of_the_table_with_its_kind_meaning_and_labels(shown: Shown):
    metrics = shown.metrics
    gauges = ("queue_depth", "queue_oldest_seconds", "watch_entries", "watch_silent_seconds")
    metrics.watch_gauges(**dict.fromkeys((*gauges, "runtime_edits_waiting"), lambda: 0.0))
    metrics.sample()
    shown.show(at_rest(desired=revision(2)))
    shown.show(rolling(Reason.ANALYSIS_RUNNING, reached_at=T0))
    metrics.analysis_judged(KEY, (measured(),))
    metrics.pass_ended(KEY, "Succeeded", 0.1)
    metrics.registry_answered("default", "look_up", "ok", 0.1)
    metrics.prometheus_answered("answered", 0.1)
    metrics.webhook_answered("fairness", "allowed")
    metrics.watch_missed("pods", 1)
    metrics.namespace_seen("growth", True)
    metrics.task_restarted("poller")
    metrics.event_dropped()
    found: dict[str, tuple[str, str, set[str]]] = {}
    for family in text_string_to_metric_families(metrics.page().decode()):
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        if name.startswith("lockgate_"):
            found[name] = (family.type, family.documentation, labels)
    assert found == {
        name: (entry.kind.value, entry.meaning, set(entry.labels)) for name, entry in TABLE.items()
    }


def test_every_metric_is_named_as_prometheus_asks_and_none_has_a_version_or_digest_but_the_info():
    for name, entry in TABLE.items():
        assert re.fullmatch(r"lockgate_[a-z_]+", name)
        assert name.endswith("_total") == (entry.kind is Kind.COUNTER), name
        assert name.endswith("_seconds") or entry.kind is not Kind.HISTOGRAM, name
        assert not {"digest", "uid", "message", "pod"} & set(entry.labels), name
        if {"version", "release", "uri"} & set(entry.labels):
            assert name in ("lockgate_modeldeployment_release_info", "lockgate_build_info")
    assert all(entry.labels[:2] == ("namespace", "name") for entry in OF_DEPLOYMENTS)


def test_ten_thousand_deployments_cost_little_memory(shown: Shown):
    number = 10_000
    every = tuple(condition(type_, TRUE) for type_ in ConditionType)
    keys = [("growth", f"churn-{n}") for n in range(number)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for n, key in enumerate(keys):
        stable = replace(numbered(n % 50), release=f"{n:08x}")
        status = at_rest(desired=stable, stable=stable, conditions=every)
        shown.metrics.status_changed(key, status, Followed("model/churn", "production", "rolling"), T0)
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert kept / number < 600


def test_a_fleet_of_three_thousand_has_few_series_each_also_when_all_of_it_rolls_out(shown: Shown):
    def lines() -> int:
        return shown.metrics.page().count(b"\n") - own

    own, keys = shown.metrics.page().count(b"\n"), [("growth", f"churn-{n}") for n in range(3000)]
    every = tuple(condition(type_, TRUE) for type_ in ConditionType if type_ is not ConditionType.STALLED)
    for key in keys:
        shown.metrics.status_changed(key, at_rest(conditions=every), FOLLOWED, T0)
    at_its_rest = 7 + len(every)
    assert lines() == 3000 * at_its_rest
    for key in keys:
        status = replace(rolling(Reason.ANALYSIS_RUNNING, reached_at=T0), conditions=every)
        shown.metrics.status_changed(key, status, FOLLOWED, T0)
    # A release, its traffic, four of the rollout, and the alias that moved.
    assert lines() == 3000 * (at_its_rest + 7)
    many = [replace(measured(), metric=replace(ERRORS, name=f"m{n}"), least=0.0) for n in range(16)]
    shown.metrics.analysis_judged(keys[0], many)
    assert lines() == 3000 * (at_its_rest + 7) + 16 * (1 + 2 + 4)


def test_the_page_of_a_fleet_takes_less_than_half_the_time_of_the_client_library(shown: Shown):
    for n in range(1000):
        shown.metrics.status_changed(("growth", f"churn-{n}"), at_rest(), FOLLOWED, T0)
    page = shown.metrics.page()

    class Same:
        families = tuple(text_string_to_metric_families(page.decode()))

        def collect(self) -> Any:
            return self.families

    same: Any = Same()
    assert generate_latest(same).count(b"\n") >= page.count(b"\n")
    assert _seconds(shown.metrics.page) < _seconds(lambda: generate_latest(same)) / 2


def _seconds(work: Callable[[], object]) -> float:
    """Processor time; the least of five, for others use the machine as well."""
    found = []
    for _ in range(5):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def test_durations_of_every_strategy_and_outcome_are_there_before_the_first(shown: Shown):
    for strategy in STRATEGIES:
        for outcome in ("Promoted", "Aborted", "Superseded"):
            assert shown.histogram("rollout_duration_seconds", strategy=strategy, outcome=outcome) == (0, 0)
