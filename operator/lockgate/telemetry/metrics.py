"""What the operator counts, behind the port `Telemetry`; every metric is in `table.py`.

Who reads the page gets the operator's own metrics from the client library and those of the single
ModelDeployments from `fleet.py`, which write themselves.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from lockgate import __version__
from lockgate.api.requests import RequestOutcome, Verb
from lockgate.api.spec import Followed
from lockgate.api.status import ModelDeploymentStatus, Outcome
from lockgate.api.strategy import STRATEGIES
from lockgate.domain.analysis import Measured
from lockgate.domain.resources import Key
from lockgate.telemetry.fleet import Fleet
from lockgate.telemetry.shown import GATES
from lockgate.telemetry.table import TABLE

# Series that say when a counter was made would double the page, and nobody asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]

NO_REQUEST = "none"
"""The verb of what was no request at all."""
_T = TypeVar("_T", Counter, Gauge)


class Metrics:
    """Implements the port `Telemetry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._passes = self._of(Counter, "lockgate_reconcile_total")
        self._pass_seconds = self._histogram("lockgate_reconcile_duration_seconds")
        self._rollout_seconds = self._histogram("lockgate_rollout_duration_seconds")
        self._held_seconds = self._histogram("lockgate_rollout_held_seconds")
        self._serving_seconds = self._histogram("lockgate_alias_to_serving_seconds")
        self._people = self._of(Counter, "lockgate_people_requests_total")
        self._registry_requests = self._of(Counter, "lockgate_registry_requests_total")
        self._registry_seconds = self._histogram("lockgate_registry_request_duration_seconds")
        self._queries = self._of(Counter, "lockgate_prometheus_queries_total")
        self._query_seconds = self._histogram("lockgate_prometheus_query_duration_seconds")
        self._questions = self._of(Counter, "lockgate_webhook_questions_total")
        self._events_dropped = self._of(Counter, "lockgate_events_dropped_total")
        self._restarts = self._of(Counter, "lockgate_task_restarts_total")
        self._missed = self._of(Counter, "lockgate_watch_missed_total")
        self._watchable = self._of(Gauge, "lockgate_namespace_watchable")
        self._of(Gauge, "lockgate_build_info").labels(__version__).set(1)
        self._sampled: list[tuple[Gauge, Callable[[], float]]] = []
        self._fleet = Fleet()
        self._begin_with_zero()
        ProcessCollector(registry=registry)

    def _begin_with_zero(self) -> None:
        """What happens seldom is there before: of a counter that begins with 1 the first is never seen."""
        for outcome in Outcome:
            for strategy in STRATEGIES:
                self._rollout_seconds.labels(strategy, outcome.value)
        for gate in dict.fromkeys(GATES.values()):
            self._held_seconds.labels(gate)
        for verb in (*(verb.value for verb in Verb), NO_REQUEST):
            for answer in RequestOutcome:
                self._people.labels(verb, answer.value)

    def _of(self, kind: type[_T], name: str) -> _T:
        entry = TABLE[name]
        return kind(name, entry.meaning, entry.labels, registry=self.registry)

    def _histogram(self, name: str) -> Histogram:
        entry = TABLE[name]
        return Histogram(name, entry.meaning, entry.labels, buckets=entry.buckets, registry=self.registry)

    def page(self) -> bytes:
        """All metrics as Prometheus reads them; gauges as they were at the last `sample`."""
        return generate_latest(self.registry) + self._fleet.page().encode()

    def watch_gauges(self, **reads: Callable[[], float]) -> None:
        """Gauges that `sample` reads; the name of a keyword is that of the gauge, without lockgate_."""
        for name, read in reads.items():
            self._sampled.append((self._of(Gauge, f"lockgate_{name}"), read))

    def sample(self) -> None:
        """Read the gauges, on the loop that owns what they show."""
        for gauge, read in self._sampled:
            gauge.set(read())

    def watch_missed(self, kind: str, number: int) -> None:
        """So many objects of a kind were found by a sweep that the watch should have told."""
        self._missed.labels(kind).inc(number)

    def namespace_seen(self, namespace: str, seen: bool) -> None:
        """A namespace can be listed, or cannot."""
        self._watchable.labels(namespace).set(seen)

    def pass_ended(self, key: Key, outcome: str, seconds: float) -> None:
        """A pass ended with an outcome word."""
        self._passes.labels(outcome).inc()
        self._pass_seconds.observe(seconds)

    def rollout_ended(self, key: Key, strategy: str, outcome: str, seconds: float | None) -> None:
        """A rollout ended."""
        self._fleet.count(key, strategy, outcome)
        if seconds is not None:
            self._rollout_seconds.labels(strategy, outcome).observe(seconds)

    def request_answered(self, verb: str, outcome: str) -> None:
        """A request of a person was granted or refused; `verb` is empty for what is no request."""
        self._people.labels(verb or NO_REQUEST, outcome).inc()

    def registry_answered(self, source: str, operation: str, outcome: str, seconds: float) -> None:
        """A call to the registry of that name ended."""
        self._registry_requests.labels(source, operation, outcome).inc()
        self._registry_seconds.labels(source, operation).observe(seconds)

    def prometheus_answered(self, outcome: str, seconds: float) -> None:
        """A query to Prometheus ended: answered, refused or unavailable."""
        self._queries.labels(outcome).inc()
        self._query_seconds.observe(seconds)

    def webhook_answered(self, service: str, outcome: str) -> None:
        """A service was asked by a gate: allowed, refused or unanswered."""
        self._questions.labels(service, outcome).inc()

    def status_changed(
        self, key: Key, status: ModelDeploymentStatus, followed: Followed, now: datetime
    ) -> None:
        """Show a status, and count what ended with it: a hold, and the way of a moved alias."""
        hold, serving = self._fleet.show(key, status, followed, now)
        if hold is not None:
            self._held_seconds.labels(hold[0]).observe(hold[1])
        if serving is not None:
            self._serving_seconds.observe(serving)

    def analysis_judged(self, key: Key, measured: Sequence[Measured]) -> None:
        """Show what an analysis found of the candidate of a status that was shown."""
        self._fleet.judged(key, measured)

    def event_dropped(self) -> None:
        """An Event will never be written."""
        self._events_dropped.inc()

    def task_restarted(self, task: str) -> None:
        """A part of the operator failed and began anew."""
        self._restarts.labels(task).inc()

    def forgotten(self, key: Key) -> None:
        """Remove every series of a ModelDeployment."""
        self._fleet.forget(key)
