"""Every metric and label in one place, named as Prometheus asks.

Series of a ModelDeployment are removed with it. A version is a label of the one info series
only, which is replaced when the version changes, so that cardinality stays one per deployment.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from lockgate.domain.resources import Key, Object

# Series that say when a counter was made would double the page, and nobody asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]

_CONDITION_VALUE = {"True": 1.0, "False": 0.0, "Unknown": -1.0}
_PASS_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)
_REGISTRY_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 20, 60)
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
        self.rollouts = Counter(
            "lockgate_rollouts_total",
            "Rollouts that ended.",
            ["namespace", "name", "outcome"],
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
        self.condition = Gauge(
            "lockgate_modeldeployment_condition",
            "Conditions: 1 true, 0 false, -1 unknown; absent when the condition is.",
            ["namespace", "name", "type"],
            registry=registry,
        )
        self.serving = Gauge(
            "lockgate_modeldeployment_serving_info",
            "The version that serves by default; always 1.",
            ["namespace", "name", "collection", "alias", "version"],
            registry=registry,
        )
        self._serving_labels: dict[Key, tuple[str, ...]] = {}
        self._conditions: dict[Key, frozenset[str]] = {}
        self._outcomes: dict[Key, set[str]] = {}

    def watch_gauges(
        self,
        *,
        queue_depth: Callable[[], float],
        queue_oldest: Callable[[], float],
        watch_entries: Callable[[], float],
    ) -> None:
        """Gauges that are read when they are scraped."""
        for name, help_, read in (
            ("lockgate_queue_depth", "ModelDeployments that wait for a pass.", queue_depth),
            ("lockgate_queue_oldest_seconds", "How long the longest has waited.", queue_oldest),
            ("lockgate_watch_entries", "How often the watch was entered.", watch_entries),
        ):
            Gauge(name, help_, registry=self.registry).set_function(read)

    def pass_ended(self, key: Key, outcome: str, seconds: float) -> None:
        """A pass ended with an outcome word."""
        self.passes.labels(outcome).inc()
        self.pass_seconds.observe(seconds)

    def rollout_ended(self, key: Key, outcome: str, seconds: float | None) -> None:
        """A rollout ended."""
        self.rollouts.labels(*key, outcome).inc()
        self._outcomes.setdefault(key, set()).add(outcome)
        if seconds is not None:
            self.rollout_seconds.labels(outcome).observe(seconds)

    def registry_answered(self, operation: str, outcome: str, seconds: float) -> None:
        """A call to the registry ended."""
        self.registry_requests.labels(operation, outcome).inc()
        self.registry_seconds.labels(operation).observe(seconds)

    def status_changed(self, key: Key, status: Object, collection: str, alias: str) -> None:
        """Show conditions and the serving version of a status."""
        conditions = {c["type"]: c["status"] for c in status.get("conditions") or ()}
        for gone in self._conditions.get(key, frozenset()) - conditions.keys():
            self.condition.remove(*key, gone)
        for type_, verdict in conditions.items():
            self.condition.labels(*key, type_).set(_CONDITION_VALUE[verdict])
        self._conditions[key] = frozenset(conditions)
        version = (status.get("stable") or {}).get("version")
        labels = (*key, collection, alias, version) if version else None
        if labels != self._serving_labels.get(key):
            self._drop_serving(key)
        if labels:
            self._serving_labels[key] = labels
            self.serving.labels(*labels).set(1)

    def forgotten(self, key: Key) -> None:
        """Remove every series of a ModelDeployment."""
        self._drop_serving(key)
        for type_ in self._conditions.pop(key, frozenset()):
            self.condition.remove(*key, type_)
        for outcome in self._outcomes.pop(key, set()):
            self.rollouts.remove(*key, outcome)

    def _drop_serving(self, key: Key) -> None:
        known = self._serving_labels.pop(key, None)
        if known:
            self.serving.remove(*known)
