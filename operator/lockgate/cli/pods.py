"""What a pod of a model is doing, in one word for people: fetching its model, loading it, serving it.

Read from the pod alone, as the API server holds it. Nothing is judged: whether a pod counts is the
operator's business. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lockgate.api import read
from lockgate.api.moments import parse_time
from lockgate.cli.lines import Tone
from lockgate.domain.fetched import parse_outcome
from lockgate.domain.resources import Object
from lockgate.names import (
    ANNOTATION_VERSION,
    FETCH_CONTAINERS,
    LABEL_MODEL_DEPLOYMENT,
    LABEL_RELEASE,
    LABEL_WORKLOAD,
    SERVER_CONTAINERS,
)

_NOT_YET: Final = frozenset({"", "PodInitializing", "ContainerCreating"})


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A word, what is to be known beside it, and since when."""

    word: str
    tone: Tone
    detail: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPod:
    """A pod: whose, of which release and workload, and what it is doing."""

    name: str
    namespace: str
    deployment: str
    release: str
    version: str
    workload: str
    state: State

    @property
    def is_ready(self) -> bool:
        """Whether it may answer."""
        return self.state.word == "ready"

    @property
    def is_leaving(self) -> bool:
        """Whether it is on its way out."""
        return self.state.word == "leaving"


def see_pod(raw: Object) -> SeenPod:
    """Read a pod, whatever is in it beside a name."""
    metadata, labels = raw["metadata"], raw["metadata"].get("labels") or {}
    return SeenPod(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        deployment=labels.get(LABEL_MODEL_DEPLOYMENT, ""),
        release=labels.get(LABEL_RELEASE, ""),
        version=(metadata.get("annotations") or {}).get(ANNOTATION_VERSION, ""),
        workload=labels.get(LABEL_WORKLOAD, ""),
        state=read.lenient(lambda: _state(raw)) or State(word="unknown", tone=Tone.PLAIN),
    )


def _state(raw: Object) -> State:
    metadata, status = raw["metadata"], raw.get("status") or {}
    created = _moment(metadata.get("creationTimestamp"))
    if metadata.get("deletionTimestamp"):
        return State(word="leaving", tone=Tone.FAINT, since=_moment(metadata["deletionTimestamp"]))
    if status.get("phase") in ("Failed", "Succeeded"):
        return State(word="ended", tone=Tone.BAD, detail=str(status.get("reason") or ""), since=created)
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    ready = conditions.get("Ready") or {}
    if ready.get("status") == "True":
        return State(word="ready", tone=Tone.GOOD, since=_moment(ready.get("lastTransitionTime")))
    placed = conditions.get("PodScheduled") or {}
    if placed.get("status") == "False":
        return State(word="unplaced", tone=Tone.BAD, detail=str(placed.get("message") or ""), since=created)
    fetch = _container(status.get("initContainerStatuses"), FETCH_CONTAINERS)
    server = _container(status.get("containerStatuses"), SERVER_CONTAINERS)
    return _fetching(fetch, created) or _serving(server, fetch, created)


def _fetching(fetch: Mapping[str, Any], created: datetime | None) -> State | None:
    """What it does up to the end of its fetch; None from there on."""
    state = fetch.get("state") or {}
    if "running" in state:
        return State(
            word="downloading",
            tone=Tone.BUSY,
            since=_moment(state["running"].get("startedAt")),
            detail=_again(fetch),
        )
    if "terminated" in state and state["terminated"].get("exitCode") == 0:
        return None
    ended = state.get("terminated") or (fetch.get("lastState") or {}).get("terminated") or {}
    reason = str((state.get("waiting") or {}).get("reason") or "")
    if not ended and reason in _NOT_YET:
        return State(word="starting", tone=Tone.BUSY, since=created)
    return State(word="failing", tone=Tone.BAD, detail=_trouble("its fetch", reason, ended), since=created)


def _serving(server: Mapping[str, Any], fetch: Mapping[str, Any], created: datetime | None) -> State:
    state = server.get("state") or {}
    fetched = _moment(((fetch.get("state") or {}).get("terminated") or {}).get("finishedAt"))
    if "running" in state:
        began = _moment(state["running"].get("startedAt"))
        return State(word="loading", tone=Tone.BUSY, since=began, detail=_again(server))
    ended = state.get("terminated") or (server.get("lastState") or {}).get("terminated") or {}
    reason = str((state.get("waiting") or {}).get("reason") or "")
    if not ended and reason in _NOT_YET:
        return State(word="loading", tone=Tone.BUSY, since=fetched or created)
    detail = _trouble("its server", reason, ended)
    return State(word="failing", tone=Tone.BAD, detail=detail, since=created)


def _trouble(what: str, reason: str, ended: Mapping[str, Any]) -> str:
    if not ended:
        return f"{what} waits: {reason}"
    told = _last_words(ended)
    return told or f"{what} ended with exit code {ended.get('exitCode')}"


def _again(container: Mapping[str, Any]) -> str:
    restarts = container.get("restartCount") or 0
    told = _last_words((container.get("lastState") or {}).get("terminated") or {})
    return f"for the {_ordinal(restarts + 1)} time{told and f': {told}'}" if restarts else ""


def _last_words(ended: Mapping[str, Any]) -> str:
    """Why a container says it ended: the fetch in its own form, a server by its last line."""
    message = str(ended.get("message") or "")
    outcome = parse_outcome(message)
    if outcome is not None:
        return "" if outcome.ok else outcome.message
    said = message.strip().splitlines()
    return said[-1] if said else ""


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")
    return f"{number}{ending}"


def _container(statuses: Any, names: Iterable[str]) -> Mapping[str, Any]:
    return next((one for one in statuses or () if one["name"] in names), {})


def _moment(text: Any) -> datetime | None:
    return read.lenient(lambda: parse_time(text))
