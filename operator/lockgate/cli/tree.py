"""`watch`: one ModelDeployment as a tree, down to what each of its pods is doing.

deployment -> stable, candidate and other releases -> workload -> pods, with the traffic that each release
gets as it was read back, the step, and why it waits in the operator's own words. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from lockgate.cli.branches import CANDIDATE, STABLE, VARIANT, Branch, Surroundings, Workload, branches_of
from lockgate.cli.lines import Line, Span, Tone, clip, line, spread, width, wrap
from lockgate.cli.pods import SeenPod
from lockgate.cli.seen import Seen
from lockgate.cli.words import since, tone_of
from lockgate.names import ConditionType

_BRANCH, _LAST, _DOWN, _NOTHING = "├─ ", "└─ ", "│  ", "   "
_WIDEST_BAR, _LEAST_ROOM = 20, 40
_MOST_WHY, _MOST_DETAIL = 3, 2


def tree(one: Seen, around: Surroundings, now: datetime, room: int) -> list[Line]:
    """The tree of a deployment in so many cells."""
    lines = [_title(one, now, room), *_why(one, room), *_request(one, room)]
    branches = branches_of(one, around.pods)
    for number, branch in enumerate(branches):
        is_last = number == len(branches) - 1
        lines.append(_release_line(branch, branches, _LAST if is_last else _BRANCH, room))
        if branch.role == VARIANT:
            continue
        below = Span(_NOTHING if is_last else _DOWN, Tone.FAINT)
        lines += [clip(line(below, *shown), room) for shown in _workloads(branch, around, now, room - 3)]
    if around.hidden:
        lines.append(clip(line(Span(around.hidden, Tone.FAINT)), room))
    return lines


def summary(one: Seen, pods: Iterable[SeenPod], now: datetime, room: int) -> Line:
    """A deployment at rest in one line."""
    count = _counted([pod for pod in pods if not pod.is_leaving], None, is_whole=True)
    return _in_line(_title(one, now, room), count, room)


def is_moving(one: Seen) -> bool:
    """Whether there is more to see of it than a line."""
    ready = one.says(ConditionType.READY)
    return one.candidate is not None or ready is None or ready.status != "True" or not one.is_caught_up


def _title(one: Seen, now: datetime, room: int) -> Line:
    pin = one.pinned(now)
    phase = one.phase or "Unseen"
    name = line(Span(f"{one.namespace}/", Tone.FAINT), Span(one.name, Tone.STRONG))
    state = [Span(phase, tone_of(phase))]
    if one.step:
        state.append(Span(f"  step {one.step}"))
    leads = f"pinned to {pin.version}" if pin else one.alias
    if one.desired and not pin:
        leads += f" → {one.desired.version}"
    title = line(*name, "  ", *state, "  ")
    whole = line(*title, Span(f"{one.model} {leads}" if pin else f"{one.model}:{leads}", Tone.FAINT))
    # What it follows is known to whoever named it; where that leads is not.
    return whole if width(whole) <= room else clip(line(*title, Span(leads, Tone.FAINT)), room)


def _why(one: Seen, room: int) -> Iterator[Line]:
    if not one.phase:
        told, tone = "no operator has looked at it yet", Tone.BUSY
    elif not one.is_caught_up:
        told, tone = "the last edit was not looked at yet", Tone.BUSY
    else:
        ready = one.says(ConditionType.READY)
        stalled = one.says(ConditionType.STALLED)
        told = ready.message if ready else ""
        tone = Tone.BAD if stalled or (ready and ready.status == "False") else Tone.BUSY
        if ready and ready.status == "True":
            tone = Tone.FAINT
    yield from _wrapped(told, room, tone)
    for kind in (ConditionType.PROGRESSING, ConditionType.PAUSED):
        said = one.says(kind)
        if said is not None and said.status == "True" and said.message not in told:
            yield from _wrapped(said.message, room, Tone.BUSY)
    if one.candidate is not None and not one.traffic:
        yield from _wrapped("traffic follows the pods: whichever is ready answers", room, Tone.FAINT)


def _request(one: Seen, room: int) -> Iterator[Line]:
    if one.waiting_request:
        yield from _wrapped(f"asked, and not answered yet: {one.waiting_request}", room, Tone.BUSY)
    elif one.answered and one.request == one.answered.request:
        said = f"{one.answered.outcome}: {one.answered.message} ({one.answered.request})"
        tone = Tone.BAD if one.answered.outcome == "Refused" else Tone.FAINT
        yield from _wrapped(said, room, tone)


def _wrapped(text: str, room: int, tone: Tone) -> list[Line]:
    lines = wrap(text, room - 2, tone)
    if len(lines) > _MOST_WHY:
        lines = [*lines[: _MOST_WHY - 1], clip((*lines[_MOST_WHY - 1], Span(" …", tone)), room - 2)]
    return [line("  ", *shown) for shown in lines]


def _release_line(branch: Branch, branches: Sequence[Branch], sign: str, room: int) -> Line:
    widths = [
        max(len(one.role) for one in branches),
        max(len(one.version) for one in branches),
        max(len(one.release) for one in branches),
    ]
    tone = {STABLE: Tone.GOOD, CANDIDATE: Tone.BUSY}.get(branch.role, Tone.FAINT)
    texts = [
        line(Span(branch.role, tone)),
        line(Span(branch.version, Tone.STRONG)),
        line(Span(branch.release, Tone.FAINT)),
    ]
    start = line(Span(sign, Tone.FAINT), *spread([*texts, line("|")], [*widths, 1], "  ")[:-1])
    start = _trimmed(start)
    if branch.weight is None:
        return clip(start, room)
    return _in_line(start, _bar(branch.weight, room - width(start), tone), room)


def _trimmed(shown: Line) -> Line:
    while shown and not shown[-1].text.strip():
        shown = shown[:-1]
    return shown


def _bar(weight: int, left: int, tone: Tone) -> Line:
    size = min(_WIDEST_BAR, left - 10)
    number = f"{weight:>3} %"
    if size < 5:
        return line(number)
    full = round(weight / 100 * size)
    # A part that is there is never shown as nothing, nor as all.
    full = min(max(full, weight > 0), size - (weight < 100))
    return line(Span("█" * full, tone), Span("░" * (size - full), Tone.FAINT), f" {number}")


def _workloads(branch: Branch, around: Surroundings, now: datetime, room: int) -> Iterator[Line]:
    names = dict.fromkeys(pod.workload for pod in branch.pods)
    known = {workload.name: workload for workload in around.workloads}
    for number, name in enumerate(names):
        is_last = number == len(names) - 1
        own = [pod for pod in branch.pods if pod.workload == name]
        workload = known.get(name)
        is_whole = all(pod in own for pod in around.pods if pod.workload == name)
        count = _counted(own, workload, is_whole=is_whole)
        below = Span(_NOTHING if is_last else _DOWN, Tone.FAINT)
        yield from _workload_lines(
            line(Span(_LAST if is_last else _BRANCH, Tone.FAINT), name or "pods", "  ", *count),
            workload.problem if workload else "",
            below,
            room,
        )
        for shown in _pod_lines(own, now, room - 3):
            yield line(below, *shown)
    if not names:
        yield line(Span(_LAST, Tone.FAINT), Span(_without_pods(around), Tone.FAINT))


def _workload_lines(head: Line, problem: str, below: Span, room: int) -> Iterator[Line]:
    """A workload, and what keeps it from having its pods: beside it, or below it where there is no room."""
    whole = line(*head, "  ", Span(problem, Tone.BAD)) if problem else head
    if width(whole) <= room:
        yield whole
        return
    yield head
    for shown in wrap(problem, room - 6, Tone.BAD)[:_MOST_DETAIL]:
        yield line(below, Span(_DOWN, Tone.FAINT), *shown)


def _without_pods(around: Surroundings) -> str:
    problem = next((workload.problem for workload in around.workloads if workload.problem), "")
    if around.hidden:
        return "its pods are not shown"
    return f"no pods: {problem}" if problem else "no pods"


def _counted(pods: Sequence[SeenPod], workload: Workload | None, *, is_whole: bool) -> Line:
    """How many of these are ready; `is_whole` says whether the workload has no others."""
    ready, total = sum(pod.is_ready for pod in pods), len(pods)
    said = line(Span(f"{ready} of {total} ready", Tone.GOOD if ready == total else Tone.BUSY))
    if workload is not None and is_whole and workload.asked != total:
        return line(*said, Span(f", {workload.asked} asked for", Tone.FAINT))
    return said


def _pod_lines(pods: Sequence[SeenPod], now: datetime, room: int) -> Iterator[Line]:
    names = max((len(pod.name) for pod in pods), default=0)
    words = max((len(pod.state.word) for pod in pods), default=0)
    # Where there is little room, what tells pods apart is the end of their names.
    names = max(min(names, room - 3 - 2 - words - 2 - 6), 5)
    for number, pod in enumerate(pods):
        sign = Span(_LAST if number == len(pods) - 1 else _BRANCH, Tone.FAINT)
        state = pod.state
        name = pod.name if len(pod.name) <= names else "…" + pod.name[-(names - 1) :]
        cells = [
            line(name),
            line(Span(state.word, state.tone)),
            line(Span(since(state.since, now), Tone.FAINT)),
            line(Span(state.detail, state.tone)),
        ]
        whole = line(sign, *spread(cells, [names, words, 5, 0], "  "))
        if width(whole) <= room:
            yield whole
            continue
        yield line(sign, *spread(cells[:-1], [names, words, 5], "  "))
        below = Span((_NOTHING if number == len(pods) - 1 else _DOWN) + _NOTHING, Tone.FAINT)
        for shown in wrap(state.detail, room - 6, state.tone)[:_MOST_DETAIL]:
            yield line(below, *shown)


def _in_line(left: Line, right: Line, room: int) -> Line:
    if not right or room < _LEAST_ROOM or width(left) + 2 + width(right) > room:
        return clip((*left, Span("  "), *right) if right else left, room)
    return (*left, Span("  "), *right)
