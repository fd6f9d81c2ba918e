"""`watch` without a terminal: what changed, line by line for logs, or object by object for programs."""

from typing import Protocol

from lockgate.cli.documents import record, without_managed_fields
from lockgate.cli.lines import Line, Span, Tone, line
from lockgate.cli.paint import Painter, complain
from lockgate.cli.pods import SeenPod, see_pod
from lockgate.cli.seen import Seen, see
from lockgate.cli.streams import Known
from lockgate.cli.words import tone_of
from lockgate.clock import now
from lockgate.domain.resources import Key
from lockgate.names import ConditionType


class _Watched(Protocol):
    deployments: Known
    pods: Known
    hidden: str

    @property
    def lost(self) -> str: ...


class Narrator:
    """One line for each ModelDeployment and pod that looks another way than before."""

    def __init__(self, painter: Painter) -> None:
        self._painter = painter
        self._told: dict[tuple[str, Key], Line] = {}
        self._complained = ""

    def tell(self, watched: _Watched) -> None:
        """Tell what is new."""
        self._complain(watched)
        present: dict[tuple[str, Key], Line] = {}
        for obj in watched.deployments.objects.values():
            one = see(obj)
            present["", one.key] = _deployment_words(one)
        for obj in watched.pods.objects.values():
            pod = see_pod(obj)
            if ("", (pod.namespace, pod.deployment)) in present:
                present["pod", (pod.namespace, pod.name)] = _pod_words(pod)
        stamp = f"{now():%H:%M:%SZ}  "
        for place, words in present.items():
            if self._told.get(place) != words:
                self._painter.print(line(Span(stamp, Tone.FAINT), *words))
        for place in [place for place in self._told if place not in present]:
            head = self._told[place][:2]
            self._painter.print(line(Span(stamp, Tone.FAINT), *head, "is gone"))
        self._told = present

    def _complain(self, watched: _Watched) -> None:
        problem = watched.lost or watched.hidden
        if problem and problem != self._complained:
            complain([problem])
        self._complained = problem


class Teller:
    """One JSON object a line for each ModelDeployment that was added, changed or deleted."""

    def __init__(self, painter: Painter) -> None:
        self._painter = painter
        self._versions: dict[Key, str] = {}
        self._complained = ""

    def tell(self, watched: _Watched) -> None:
        """Tell what is new."""
        if watched.lost and watched.lost != self._complained:
            complain([watched.lost])
        self._complained = watched.lost
        versions = {}
        for key, obj in watched.deployments.objects.items():
            versions[key] = obj["metadata"]["resourceVersion"]
            known = self._versions.get(key)
            if known != versions[key]:
                type_ = "ADDED" if known is None else "MODIFIED"
                self._painter.write(record({"type": type_, "object": without_managed_fields(obj)}))
        for namespace, name in self._versions.keys() - versions.keys():
            gone = {"metadata": {"namespace": namespace, "name": name}}
            self._painter.write(record({"type": "DELETED", "object": without_managed_fields(gone)}))
        self._versions = versions


def _deployment_words(one: Seen) -> Line:
    phase = one.phase or "Unseen"
    parts = [f"serves {one.stable.version}"] if one.stable else []
    if one.candidate:
        weight = one.weight("candidate")
        share = "" if weight is None else f" ({weight} % of the traffic)"
        parts.append(f"rolls out {one.candidate.version}{share}")
    if one.step:
        parts.append(f"step {one.step}")
    said = one.message(ConditionType.READY) if one.is_caught_up else "the last edit was not looked at yet"
    return line(
        Span(f"{one.namespace}/{one.name}", Tone.STRONG),
        " ",
        Span(phase, tone_of(phase)),
        f" {', '.join(parts)}" if parts else "",
        f": {said}" if said else "",
    )


def _pod_words(pod: SeenPod) -> Line:
    state = pod.state
    return line(
        Span(f"{pod.namespace}/{pod.deployment}", Tone.STRONG),
        f" pod {pod.name} {pod.version} ",
        Span(state.word, state.tone),
        f": {state.detail}" if state.detail else "",
    )
