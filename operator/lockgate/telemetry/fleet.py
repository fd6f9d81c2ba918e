"""What every single ModelDeployment shows: what it follows and serves, how it stands, where its rollout is.

One small record each, from which lines of text are made when somebody asks: at ten thousand deployments
that is a hundredth of a client library's object per series, and a tenth of its time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from lockgate.api.spec import Followed
from lockgate.api.status import ModelDeploymentStatus, Outcome
from lockgate.domain.analysis import Measured
from lockgate.domain.resources import Key
from lockgate.telemetry.shown import Record, Rollout, Standing, hold_ended, record_of, served_after
from lockgate.telemetry.table import OF_DEPLOYMENTS, Entry

_CONDITION_VALUE: Final = {"True": 1, "False": 0, "Unknown": -1}
_OUTCOMES: Final = tuple(outcome.value for outcome in Outcome)
Hold = tuple[str, float]
"""A gate, and for how many seconds it held."""
_Row = tuple[tuple[str, ...], float]
_Read = Callable[[Record], Iterator[_Row]]


class Fleet:
    """Records by key; may be read from another thread than it is written from."""

    def __init__(self) -> None:
        self._records: dict[Key, Record] = {}
        # What thousands of deployments have in common is kept once.
        self._standings: dict[Standing, Standing] = {}

    def show(
        self, key: Key, status: ModelDeploymentStatus, followed: Followed, now: datetime
    ) -> tuple[Hold | None, float | None]:
        """Show a status; the hold that ended with it, and the seconds after which an alias serves by it."""
        before = self._records.get(key)
        known = before or Record()
        record = record_of(known, status, followed, now)
        if record == before:
            return None, None
        standing = self._standings.setdefault(record.standing, record.standing)
        self._records[key] = replace(record, standing=standing)
        return hold_ended(known, record, now), served_after(known, status, now)

    def judged(self, key: Key, measured: Sequence[Measured]) -> None:
        """Show what an analysis found of a candidate that is shown; nothing, when there is none."""
        known = self._records.get(key)
        if known is not None and (record := known.with_measured(measured)) is not known:
            self._records[key] = record

    def count(self, key: Key, strategy: str, outcome: str) -> None:
        """A rollout of it ended."""
        self._records[key] = self._records.get(key, Record()).with_ended(strategy, outcome)

    def forget(self, key: Key) -> None:
        """It is gone, and its series with it."""
        self._records.pop(key, None)

    def page(self) -> str:
        """All series as Prometheus reads them (text format 0.0.4)."""
        # A copy is made in one step, which the thread that writes cannot come between.
        records = self._records.copy()
        return "".join(line for entry in OF_DEPLOYMENTS for line in _lines(entry, records))


def _lines(entry: Entry, records: Mapping[Key, Record]) -> Iterator[str]:
    yield f"# HELP {entry.name} {entry.meaning}\n# TYPE {entry.name} {entry.kind.value}\n"
    labels = ",".join(f'{label}="%s"' for label in entry.labels)
    line = f"{entry.name}{{{labels}}} %s\n"
    read = _READ[entry.name]
    for key, record in records.items():
        for values, value in read(record):
            # A key holds names of objects, which have nothing to escape.
            yield line % (*key, *map(_escaped, values), value)


def _escaped(value: str) -> str:
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return value


def _info(record: Record) -> Iterator[_Row]:
    if (known := record.followed) is not None:
        yield (known.collection, known.alias, known.strategy, known.backend), 1


def _state(record: Record) -> Iterator[_Row]:
    if record.standing.phase:
        yield (record.standing.phase, record.standing.reason), 1


def _conditions(record: Record) -> Iterator[_Row]:
    for type_, verdict in record.standing.conditions:
        yield (type_,), _CONDITION_VALUE[verdict]


def _releases(record: Record) -> Iterator[_Row]:
    for one in record.releases:
        yield (one.track, one.release, one.version, one.uri), 1


def _traffic(record: Record) -> Iterator[_Row]:
    for track, weight in record.traffic:
        yield (track,), weight


def _ended(record: Record) -> Iterator[_Row]:
    """How often each outcome came, also those that never did, for a counter that begins with 1 hides one."""
    strategy = record.followed.strategy if record.followed else None
    never = {(strategy, outcome): 0 for outcome in _OUTCOMES} if strategy else {}
    came = {(known, outcome): number for known, outcome, number in record.ended}
    yield from {**never, **came}.items()


def _of_rollout(read: Callable[[Rollout], float | None]) -> _Read:
    def rows(record: Record) -> Iterator[_Row]:
        if record.rollout is not None and (value := read(record.rollout)) is not None:
            yield (), value

    return rows


def _values(record: Record) -> Iterator[_Row]:
    for one in record.measured:
        if one.value is not None:
            yield (one.metric.name,), one.value


def _bounds(record: Record) -> Iterator[_Row]:
    for one in record.measured:
        for bound, value in (("min", one.least), ("max", one.most)):
            if value is not None:
                yield (one.metric.name, bound), value


def _counts(record: Record) -> Iterator[_Row]:
    for one in record.measured:
        for verdict in ("passed", "failed", "inconclusive", "missed"):
            yield (one.metric.name, verdict), getattr(one, verdict)


def _moved(record: Record) -> Iterator[_Row]:
    if record.moved is not None:
        yield (), record.moved.since.timestamp()


_READ: Final[Mapping[str, _Read]] = {
    "lockgate_modeldeployment_info": _info,
    "lockgate_modeldeployment_state": _state,
    "lockgate_modeldeployment_condition": _conditions,
    "lockgate_modeldeployment_release_info": _releases,
    "lockgate_modeldeployment_traffic_weight": _traffic,
    "lockgate_rollouts_total": _ended,
    "lockgate_rollout_step": _of_rollout(lambda rollout: rollout.step),
    "lockgate_rollout_steps": _of_rollout(lambda rollout: rollout.steps),
    "lockgate_rollout_started_timestamp_seconds": _of_rollout(lambda rollout: rollout.started),
    "lockgate_rollout_progress_timestamp_seconds": _of_rollout(lambda rollout: rollout.progress),
    "lockgate_analysis_value": _values,
    "lockgate_analysis_bound": _bounds,
    "lockgate_analysis_measurements": _counts,
    "lockgate_alias_moved_timestamp_seconds": _moved,
}
