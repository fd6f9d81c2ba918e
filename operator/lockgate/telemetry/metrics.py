"""Every metric and label in one place, named as Prometheus asks.

Series of a ModelDeployment are removed with it. A version is a label of the one info series
only, which is replaced when the version changes, so that cardinality stays one per deployment.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from lockgate.api.status import ModelDeploymentStatus
from lockgate.domain.resources import Key
from lockgate.telemetry.fleet import Fleet

# Series that say when a counter was made would double the page, and nobody asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]

_PASS_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)
_REGISTRY_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 20, 60)
_GAUGES = {
    "queue_depth": "ModelDeployments that wait for a pass.",
    "queue_oldest_seconds": "How long the longest has waited.",
    "watch_entries": "How often the watch was entered.",
    "watch_silent_seconds": "For how long some kind was not heard of anywhere; 0 when all are.",
    "runtime_edits_waiting": "ModelDeployments that wait for their turn to take an edit of their runtime.",
}
_ROLLOUT_BUCKETS = (5, 15, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """Implements the port `Telemetry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.passes = Counter(
            "lockgate_reconcile_total", "Passes over a ModelDeployment.", ["outcome"], registry=registry
        )
        self.pass_seconds = Histogram(
            "lockgate_reconcile_duration_seconds",
            "Duration of a pass.",
            buckets=_PASS_BUCKETS,
            registry=registry,
        )
        self.rollout_seconds = Histogram(
            "lockgate_rollout_duration_seconds",
            "From the start of a candidate to its end.",
            ["outcome"],
            buckets=_ROLLOUT_BUCKETS,
            registry=registry,
        )
        self.registry_requests = Counter(
            "lockgate_registry_requests_total",
            "Calls to the model registry.",
            ["operation", "outcome"],
            registry=registry,
        )
        self.registry_seconds = Histogram(
            "lockgate_registry_request_duration_seconds",
            "Duration of calls to the model registry.",
            ["operation"],
            buckets=_REGISTRY_BUCKETS,
            registry=registry,
        )
        self.prometheus_queries = Counter(
            "lockgate_prometheus_queries_total",
            "Queries to Prometheus for analyses.",
            ["outcome"],
            registry=registry,
        )
        self.prometheus_seconds = Histogram(
            "lockgate_prometheus_query_duration_seconds",
            "Duration of queries to Prometheus, waits for a turn included.",
            buckets=_REGISTRY_BUCKETS,
            registry=registry,
        )
        self.events_dropped = Counter(
            "lockgate_events_dropped_total",
            "Events that were never written because too many waited.",
            registry=registry,
        )
        self.restarts = Counter(
            "lockgate_task_restarts_total",
            "Parts of the operator that failed and began anew.",
            ["task"],
            registry=registry,
        )
        self.missed = Counter(
            "lockgate_watch_missed_total",
            "Changes that the watch did not tell and a sweep found.",
            ["kind"],
            registry=registry,
        )
        self.watchable = Gauge(
            "lockgate_namespace_watchable",
            "1 when every kind can be listed in a namespace (empty: in all), 0 when not.",
            ["namespace"],
            registry=registry,
        )
        self._sampled: list[tuple[Gauge, Callable[[], float]]] = []
        self.fleet = Fleet()
        registry.register(self.fleet)

    def watch_gauges(self, **reads: Callable[[], float]) -> None:
        """Gauges that `sample` reads; the name of a keyword is that of the gauge, without lockgate_."""
        for name, read in reads.items():
            self._sampled.append((Gauge(f"lockgate_{name}", _GAUGES[name], registry=self.registry), read))

    def sample(self) -> None:
        """Read the gauges, on the loop that owns what they show."""
        for gauge, read in self._sampled:
            gauge.set(read())

    def watch_missed(self, kind: str, number: int) -> None:
        """So many objects of a kind were found by a sweep that the watch should have told."""
        self.missed.labels(kind).inc(number)

    def namespace_seen(self, namespace: str, seen: bool) -> None:
        """A namespace can be listed, or cannot."""
        self.watchable.labels(namespace).set(seen)

    def pass_ended(self, key: Key, outcome: str, seconds: float) -> None:
        """A pass ended with an outcome word."""
        self.passes.labels(outcome).inc()
        self.pass_seconds.observe(seconds)

    def rollout_ended(self, key: Key, outcome: str, seconds: float | None) -> None:
        """A rollout ended."""
        self.fleet.count(key, outcome)
        if seconds is not None:
            self.rollout_seconds.labels(outcome).observe(seconds)

    def registry_answered(self, operation: str, outcome: str, seconds: float) -> None:
        """A call to the registry ended."""
        self.registry_requests.labels(operation, outcome).inc()
        self.registry_seconds.labels(operation).observe(seconds)

    def prometheus_answered(self, outcome: str, seconds: float) -> None:
        """A query to Prometheus ended: answered, refused or unavailable."""
        self.prometheus_queries.labels(outcome).inc()
        self.prometheus_seconds.observe(seconds)

    def status_changed(self, key: Key, status: ModelDeploymentStatus, collection: str, alias: str) -> None:
        """Show conditions and the serving version of a status."""
        self.fleet.show(key, status, collection, alias)

    def event_dropped(self) -> None:
        """An Event will never be written."""
        self.events_dropped.inc()

    def task_restarted(self, task: str) -> None:
        """A part of the operator failed and began anew."""
        self.restarts.labels(task).inc()

    def forgotten(self, key: Key) -> None:
        """Remove every series of a ModelDeployment."""
        self.fleet.forget(key)
