"""What every single ModelDeployment shows: its conditions, what it serves, how its rollouts ended.

One small record each, from which the series are made when somebody asks: at ten thousand
deployments that is a hundredth of a client library's object per series.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from sys import intern

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from lockgate.api.status import ModelDeploymentStatus
from lockgate.domain.resources import Key

_CONDITION_VALUE = {"True": 1.0, "False": 0.0, "Unknown": -1.0}


@dataclass(frozen=True, slots=True)
class _Record:
    conditions: tuple[tuple[str, str], ...] = ()
    serving: tuple[str, str, str] | None = None
    ended: tuple[tuple[str, int], ...] = ()


class Family(Metric):
    """One metric of all deployments, whose samples are made while they are written down."""

    def __init__(
        self,
        name: str,
        meaning: str,
        kind: str,
        labels: tuple[str, ...],
        read: Callable[[], Iterator[tuple[tuple[str, ...], float]]],
    ) -> None:
        super().__init__(name, meaning, kind)
        self.labels = labels
        self.samples = _Samples(name + ("_total" if kind == "counter" else ""), labels, read)  # type: ignore[assignment]


class _Samples:
    def __init__(
        self,
        name: str,
        labels: tuple[str, ...],
        read: Callable[[], Iterator[tuple[tuple[str, ...], float]]],
    ) -> None:
        self._name = name
        self._labels = labels
        self._read = read

    def __iter__(self) -> Iterator[Sample]:
        for values, value in self._read():
            yield Sample(self._name, dict(zip(self._labels, values, strict=True)), value)


class Fleet:
    """A collector for Prometheus; may be read from another thread than it is written from."""

    def __init__(self) -> None:
        self._records: dict[Key, _Record] = {}
        # Few ways for conditions to stand exist, and thousands of deployments share them.
        self._shapes: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}

    def show(self, key: Key, status: ModelDeploymentStatus, collection: str, alias: str) -> None:
        """Show a status; cheap when it shows what the last one did."""
        known = self._records.get(key, _Record())
        shape = tuple((c.type.value, c.status.value) for c in status.conditions)
        serving = (collection, alias, status.stable.version) if status.stable else None
        if known.conditions == shape and known.serving == serving and key in self._records:
            return
        if serving is not None:
            serving = (intern(collection), intern(alias), intern(serving[2]))
        shape = self._shapes.setdefault(shape, shape)
        self._records[key] = replace(known, conditions=shape, serving=serving)

    def count(self, key: Key, outcome: str) -> None:
        """A rollout of it ended."""
        known = self._records.get(key, _Record())
        ended = dict(known.ended)
        ended[intern(outcome)] = ended.get(outcome, 0) + 1
        self._records[key] = replace(known, ended=tuple(ended.items()))

    def forget(self, key: Key) -> None:
        """It is gone, and its series with it."""
        self._records.pop(key, None)

    def describe(self) -> tuple[Family, ...]:
        """The three metrics."""
        return (
            Family(
                "lockgate_rollouts",
                "Rollouts that ended.",
                "counter",
                ("namespace", "name", "outcome"),
                self._ended,
            ),
            Family(
                "lockgate_modeldeployment_condition",
                "Conditions: 1 true, 0 false, -1 unknown; absent when the condition is.",
                "gauge",
                ("namespace", "name", "type"),
                self._conditions,
            ),
            Family(
                "lockgate_modeldeployment_serving_info",
                "The version that serves by default; always 1.",
                "gauge",
                ("namespace", "name", "collection", "alias", "version"),
                self._serving,
            ),
        )

    def collect(self) -> tuple[Family, ...]:
        """The same, for the page."""
        return self.describe()

    # A copy is made in one step, which the thread that writes cannot come between.

    def _ended(self) -> Iterator[tuple[tuple[str, ...], float]]:
        for key, record in self._records.copy().items():
            for outcome, number in record.ended:
                yield (*key, outcome), float(number)

    def _conditions(self) -> Iterator[tuple[tuple[str, ...], float]]:
        for key, record in self._records.copy().items():
            for type_, verdict in record.conditions:
                yield (*key, type_), _CONDITION_VALUE[verdict]

    def _serving(self) -> Iterator[tuple[tuple[str, ...], float]]:
        for key, record in self._records.copy().items():
            if record.serving is not None:
                yield (*key, *record.serving), 1.0
