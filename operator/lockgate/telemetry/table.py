"""Every metric of the operator with its labels, named as Prometheus asks: this table, and nothing beside it.

Values of labels come from closed sets, but for those that name what people made: `namespace`, `name`,
`collection`, `alias`, `source` and `metric`. A version and its URI are labels of the one info series of
releases only; no digest is a label of anything. What names a single ModelDeployment goes with it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Kinds of metrics, as the text format calls them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric; `buckets` are upper bounds, in seconds."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_PASS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)
_CALL = (0.01, 0.05, 0.1, 0.5, 1, 5, 20, 60)
_ROLLOUT = (5, 15, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600)
_HELD = (10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 3 * 24 * 3600)
_OF_ONE = ("namespace", "name")

OF_THE_OPERATOR: Final = (
    Entry("lockgate_build_info", Kind.GAUGE, "Which version of Lockgate runs; always 1.", ("version",)),
    Entry("lockgate_reconcile_total", Kind.COUNTER, "Passes over a ModelDeployment.", ("outcome",)),
    Entry("lockgate_reconcile_duration_seconds", Kind.HISTOGRAM, "Duration of a pass.", buckets=_PASS),
    Entry(
        "lockgate_rollout_duration_seconds",
        Kind.HISTOGRAM,
        "From the start of a candidate to its end.",
        ("strategy", "outcome"),
        _ROLLOUT,
    ),
    Entry(
        "lockgate_rollout_held_seconds",
        Kind.HISTOGRAM,
        "For how long a step was held by a pause, an approval or an analysis, counted when that ended.",
        ("gate",),
        _HELD,
    ),
    Entry(
        "lockgate_alias_to_serving_seconds",
        Kind.HISTOGRAM,
        "From when Lockgate first resolved a moved alias to its new version until that was promoted.",
        buckets=_ROLLOUT,
    ),
    Entry(
        "lockgate_people_requests_total",
        Kind.COUNTER,
        "Requests of people that were answered.",
        ("verb", "outcome"),
    ),
    Entry(
        "lockgate_registry_requests_total",
        Kind.COUNTER,
        "Calls to a model registry.",
        ("source", "operation", "outcome"),
    ),
    Entry(
        "lockgate_registry_request_duration_seconds",
        Kind.HISTOGRAM,
        "Duration of calls to a model registry.",
        ("source", "operation"),
        _CALL,
    ),
    Entry(
        "lockgate_prometheus_queries_total",
        Kind.COUNTER,
        "Queries to Prometheus for analyses.",
        ("outcome",),
    ),
    Entry(
        "lockgate_prometheus_query_duration_seconds",
        Kind.HISTOGRAM,
        "Duration of queries to Prometheus, waits for a turn included.",
        buckets=_CALL,
    ),
    Entry(
        "lockgate_webhook_questions_total",
        Kind.COUNTER,
        "Questions of gates to services, by what they said: allowed, refused or unanswered.",
        ("service", "outcome"),
    ),
    Entry(
        "lockgate_events_dropped_total",
        Kind.COUNTER,
        "Events that were never written because too many waited.",
    ),
    Entry("lockgate_queue_depth", Kind.GAUGE, "ModelDeployments that wait for a pass."),
    Entry("lockgate_queue_oldest_seconds", Kind.GAUGE, "How long the longest has waited."),
    Entry(
        "lockgate_runtime_edits_waiting",
        Kind.GAUGE,
        "ModelDeployments that wait for their turn to take an edit of their runtime.",
    ),
    Entry("lockgate_watch_entries", Kind.GAUGE, "How often the watch was entered."),
    Entry(
        "lockgate_watch_silent_seconds",
        Kind.GAUGE,
        "For how long some kind was not heard of anywhere; 0 when all are.",
    ),
    Entry(
        "lockgate_watch_missed_total",
        Kind.COUNTER,
        "Changes that the watch did not tell and a sweep found.",
        ("kind",),
    ),
    Entry(
        "lockgate_namespace_watchable",
        Kind.GAUGE,
        "1 when every kind can be listed in a namespace (empty: in all), 0 when not.",
        ("namespace",),
    ),
    Entry(
        "lockgate_task_restarts_total",
        Kind.COUNTER,
        "Parts of the operator that failed and began anew.",
        ("task",),
    ),
)

OF_DEPLOYMENTS: Final = (
    Entry(
        "lockgate_modeldeployment_info",
        Kind.GAUGE,
        "What a ModelDeployment follows, by which strategy, and where it runs; always 1.",
        (*_OF_ONE, "collection", "alias", "strategy", "backend"),
    ),
    Entry(
        "lockgate_modeldeployment_state",
        Kind.GAUGE,
        "Its phase and the reason of Ready, which is what a rollout waits for; always 1.",
        (*_OF_ONE, "phase", "reason"),
    ),
    Entry(
        "lockgate_modeldeployment_condition",
        Kind.GAUGE,
        "Conditions: 1 true, 0 false, -1 unknown; absent when the condition is.",
        (*_OF_ONE, "type"),
    ),
    Entry(
        "lockgate_modeldeployment_release_info",
        Kind.GAUGE,
        "The release of each track, and its version; always 1.",
        (*_OF_ONE, "track", "release", "version", "uri"),
    ),
    Entry(
        "lockgate_modeldeployment_traffic_weight",
        Kind.GAUGE,
        "Percent of the traffic that a track, or the variant of this name, gets, as it was read back.",
        (*_OF_ONE, "track"),
    ),
    Entry(
        "lockgate_rollouts_total",
        Kind.COUNTER,
        "Rollouts that ended.",
        (*_OF_ONE, "strategy", "outcome"),
    ),
    Entry(
        "lockgate_rollout_step",
        Kind.GAUGE,
        "The step that a rollout is in, from 1; absent without a candidate.",
        _OF_ONE,
    ),
    Entry(
        "lockgate_rollout_steps",
        Kind.GAUGE,
        "How many steps a rollout has; absent without a candidate.",
        _OF_ONE,
    ),
    Entry(
        "lockgate_rollout_started_timestamp_seconds",
        Kind.GAUGE,
        "When a rollout started; absent without a candidate.",
        _OF_ONE,
    ),
    Entry(
        "lockgate_rollout_progress_timestamp_seconds",
        Kind.GAUGE,
        "When the candidate last came further, or its step was reached; absent without a candidate.",
        _OF_ONE,
    ),
    Entry(
        "lockgate_analysis_value",
        Kind.GAUGE,
        "What a metric of an analysis last measured of the candidate, or of the last one if it was aborted.",
        (*_OF_ONE, "metric"),
    ),
    Entry(
        "lockgate_analysis_bound",
        Kind.GAUGE,
        "The bounds (min, max) that this value had to keep.",
        (*_OF_ONE, "metric", "bound"),
    ),
    Entry(
        "lockgate_analysis_measurements",
        Kind.GAUGE,
        "Measurements in the present step by verdict: passed, failed, inconclusive, missed.",
        (*_OF_ONE, "metric", "verdict"),
    ),
    Entry(
        "lockgate_alias_moved_timestamp_seconds",
        Kind.GAUGE,
        "When Lockgate first resolved the version that the alias means now; absent once that serves.",
        _OF_ONE,
    ),
)

TABLE: Final = {entry.name: entry for entry in (*OF_THE_OPERATOR, *OF_DEPLOYMENTS)}
