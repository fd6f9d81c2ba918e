"""A ModelDeployment as a person is shown it, read from whatever the API server holds.

The operator may be of a newer release than the tool: words that are not known here stay words, and a
part that makes no sense is absent. Nothing is judged anew; what the operator says is what counts. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from lockgate.api import read
from lockgate.api.moments import parse_time
from lockgate.api.rollout_codec import parse_revision
from lockgate.api.status import Revision
from lockgate.domain.resources import Key, Object
from lockgate.names import ANNOTATION_REQUEST, DEFAULT_SOURCE, ConditionType

_NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A condition: whether, in one word why, and in one sentence."""

    status: str
    reason: str
    message: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The part of the traffic in percent that a track gets, or a variant, whose name that is then."""

    track: str
    version: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A finished rollout."""

    revision: Revision
    outcome: str
    finished_at: datetime | None
    started_at: datetime | None
    trigger: str
    by: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the operator made of the last request."""

    request: str
    outcome: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """The pin of the spec, whether it holds now or not."""

    version: str
    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that is shown of one. `request` is the annotation as it stands."""

    raw: Object = field(repr=False)
    namespace: str
    name: str
    generation: int
    created: datetime | None
    model: str
    source: str
    alias: str
    runtime: str
    replicas: int
    pin: Pinned | None
    suspended: bool
    request: str | None
    observed_generation: int
    phase: str
    step: str
    desired: Revision | None
    stable: Revision | None
    candidate: Revision | None
    previous: Revision | None
    failed: tuple[Revision, ...]
    started_at: datetime | None
    trigger: str
    traffic: tuple[Share, ...]
    variants: tuple[Share, ...]
    history: tuple[Ended, ...]
    answered: Answered | None
    conditions: Mapping[str, Said]

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return (self.namespace, self.name)

    @property
    def is_caught_up(self) -> bool:
        """Whether the status speaks of the spec as it stands."""
        return self.observed_generation >= self.generation

    def says(self, condition: ConditionType) -> Said | None:
        """A condition, where it is there."""
        return self.conditions.get(condition)

    def message(self, condition: ConditionType) -> str:
        """The sentence of a condition; empty where there is none."""
        said = self.says(condition)
        return said.message if said else ""

    def pinned(self, now: datetime) -> Pinned | None:
        """The pin, if it holds at this moment."""
        pin = self.pin
        return pin if pin is not None and (pin.until is None or now < pin.until) else None

    def weight(self, track: str) -> int | None:
        """The part of the traffic that a track gets, as it was read back."""
        return next((share.weight for share in self.traffic if share.track == track), None)

    @property
    def waiting_request(self) -> str | None:
        """A request that the operator has not answered."""
        answered = self.answered.request if self.answered else None
        return self.request if self.request != answered else None


def see(raw: Object) -> Seen:
    """Read a ModelDeployment, whatever is in it beside a name."""
    metadata, spec, status = _map(raw, "metadata"), _map(raw, "spec"), _map(raw, "status")
    model, rollout = _map(spec, "model"), _map(status, "rollout")
    return Seen(
        raw=raw,
        namespace=_text(metadata, "namespace"),
        name=_text(metadata, "name"),
        generation=_count(metadata, "generation"),
        created=_moment(metadata, "creationTimestamp"),
        model=f"{_text(model, 'registry')}/{_text(model, 'collection')}",
        source=_text(model, "source") or DEFAULT_SOURCE,
        alias=_text(model, "alias"),
        runtime=_text(_map(spec, "runtime"), "name"),
        replicas=_count(spec, "replicas", 1),
        pin=_pin(spec),
        suspended=spec.get("suspend") is True,
        request=_text(_map(metadata, "annotations"), ANNOTATION_REQUEST) or None,
        observed_generation=_count(status, "observedGeneration"),
        phase=_text(status, "phase"),
        step=_text(status, "step"),
        desired=_revision(status, "desired"),
        stable=_revision(status, "stable"),
        candidate=_revision(status, "candidate"),
        previous=_revision(status, "previous"),
        failed=read.each(rollout.get("failed"), _version),
        started_at=_moment(rollout, "startedAt"),
        trigger=_text(rollout, "trigger"),
        traffic=tuple(
            Share(track=_text(one, "track"), version=_text(one, "version"), weight=_count(one, "weight"))
            for one in _maps(status, "traffic")
        ),
        variants=tuple(
            Share(track=_text(one, "name"), version=_text(one, "version"), weight=_count(one, "weight"))
            for one in _maps(status, "variants")
        ),
        history=tuple(filter(None, map(_ended, _maps(status, "history")))),
        answered=_answered(status),
        conditions={
            _text(one, "type"): Said(
                status=_text(one, "status"),
                reason=_text(one, "reason"),
                message=_text(one, "message"),
                generation=_count(one, "observedGeneration"),
            )
            for one in _maps(status, "conditions")
        },
    )


def _pin(spec: Mapping[str, Any]) -> Pinned | None:
    pin = _map(spec, "pin")
    version = _text(pin, "version")
    if not version:
        return None
    return Pinned(version=version, reason=_text(pin, "reason"), until=_moment(pin, "until"))


def _ended(raw: Mapping[str, Any]) -> Ended | None:
    revision = read.lenient(lambda: parse_revision(raw))
    if revision is None:
        return None
    return Ended(
        revision=revision,
        outcome=_text(raw, "outcome"),
        finished_at=_moment(raw, "finishedAt"),
        started_at=_moment(raw, "startedAt"),
        trigger=_text(raw, "trigger"),
        by=_text(raw, "by"),
        message=_text(raw, "message"),
    )


def _answered(status: Mapping[str, Any]) -> Answered | None:
    last = _map(status, "lastRequest")
    if not last:
        return None
    return Answered(
        request=_text(last, "request"), outcome=_text(last, "outcome"), message=_text(last, "message")
    )


def _version(raw: Mapping[str, Any]) -> Revision:
    found = parse_revision(raw)
    if found is None:
        raise ValueError("no version")
    return found


def _revision(status: Mapping[str, Any], name: str) -> Revision | None:
    return read.lenient(lambda: parse_revision(status.get(name)))


def _map(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, Mapping) else _NOTHING


def _maps(raw: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    value = raw.get(name)
    return (one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else iter(())


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    return value if isinstance(value, str) else ""


def _count(raw: Mapping[str, Any], name: str, default: int = 0) -> int:
    value = read.count(raw.get(name))
    return default if value is None else value


def _moment(raw: Mapping[str, Any], name: str) -> datetime | None:
    return read.lenient(lambda: parse_time(raw[name]))
