"""`plan`: what would roll out if everything were acted on now, and through which steps and gates.

It rests on what the operator last said of the registry, and on the strategy as the spec has it now. Steps
and gates are read from the functions that the operator itself goes by. Nothing is asked or changed. Pure.
"""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from lockgate.api.lifecycle import LEAST_PATIENCE, OnFailure
from lockgate.api.parse import parse_model_deployment
from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision
from lockgate.cli.gates import gates_before
from lockgate.cli.lines import EMPTY, Line, Span, Tone, cells, fill, line, wrap
from lockgate.cli.seen import Seen
from lockgate.cli.tables import Column, table
from lockgate.cli.words import lasting
from lockgate.domain.gate import Gate
from lockgate.domain.patience import patience_with
from lockgate.domain.plan import Step
from lockgate.names import ConditionType, Reason
from lockgate.plan.carried import pods_for
from lockgate.plan.failures import failure_of
from lockgate.plan.settling import wait_of
from lockgate.plan.strategies import steps_of

_COLUMNS = (
    Column(name=""),
    Column(name="STEP"),
    Column(name="PODS"),
    Column(name="TRAFFIC", least=10),
    Column(name="GATES", least=16),
)
_LINES = 4
_ROOM = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What would happen: `following` rolls out over `serving` in these steps, unless something is in the way.

    `target` is the version that should serve in the end, None where that is not known. `present` is the
    index of the step that is under way. `obstacles` say why nothing begins or goes on, `remarks` what is to
    be known besides.
    """

    serving: Revision | None
    target: str | None
    following: str | None
    release: str | None
    origin: str
    replicas: int
    steps: tuple[Step, ...]
    present: int | None
    obstacles: tuple[str, ...]
    remarks: tuple[str, ...]


def outlook(one: Seen, now: datetime) -> Outlook:
    """What would roll out; raises InvalidSpec for a spec that cannot be acted on."""
    deployment = parse_model_deployment(one.raw)
    target = _target(one, now)
    known = one.desired if one.desired is not None and one.desired.version == target else None
    is_news = target is not None and not (known is not None and known.is_same(one.stable))
    is_under_way = one.candidate is not None and one.candidate.version == target
    steps = steps_of(deployment.strategy)
    following = target if is_news else None
    return Outlook(
        serving=one.stable,
        target=target,
        following=following,
        release=known.release if known is not None and is_news else None,
        origin=_origin(one, target, now, is_news=is_news),
        replicas=deployment.replicas,
        steps=steps,
        present=min(deployment.status.rollout.step, len(steps) - 1) if is_under_way else None,
        obstacles=tuple(_obstacles(one, deployment, known if is_news else None, following)),
        remarks=tuple(_remarks(one, deployment, following, now)),
    )


def _target(one: Seen, now: datetime) -> str | None:
    """The version that should serve in the end, by the pin or by what the operator said of the alias."""
    pin = one.pinned(now)
    if pin is not None:
        return pin.version
    desired = one.desired
    if desired is None or desired.alias != one.alias or desired.source != one.source:
        return None
    return desired.version if desired.model in (None, one.model) else None


def _origin(one: Seen, target: str | None, now: datetime, *, is_news: bool) -> str:
    """What leads to the version."""
    pin, serves = one.pinned(now), "" if is_news else ", which serves"
    if pin is not None:
        return f"pinned to {pin.version}{serves}: {pin.reason}"
    leads = "is to be resolved" if target is None else f"leads to {target}{serves}"
    return f"the alias {one.alias} of {one.model} {leads}"


def _obstacles(
    one: Seen, deployment: ModelDeployment, known: Revision | None, following: str | None
) -> Iterator[str]:
    resolved = one.says(ConditionType.RESOLVED)
    if resolved is not None and resolved.status != "True":
        yield f"the operator could not resolve it: {resolved.message}"
    elif following is None and one.desired is None:
        yield "no operator has asked the registry for it yet"
    if known is not None and following is not None:
        failed = failure_of(deployment, deployment.status.rollout, known)
        if failed is not None:
            yield (
                f"{following} was aborted ({failed.message}) and is not tried again by itself; to try it: "
                f"kubectl lockgate retry {one.name}"
            )
    stalled = one.says(ConditionType.STALLED)
    if stalled is not None and stalled.reason == Reason.QUARANTINED:
        yield f"the operator does not try it: {stalled.message}"
    rollout = deployment.status.rollout
    if rollout.frozen is not None and rollout.candidate is not None:
        yield (
            f"{rollout.candidate.version} failed ({rollout.frozen.message}) and is held; to decide: "
            f"kubectl lockgate abort, promote or retry {one.name}"
        )
    if one.suspended:
        yield f"spec.suspend is true, so nothing moves; to go on: kubectl lockgate resume {one.name}"


def _remarks(one: Seen, deployment: ModelDeployment, following: str | None, now: datetime) -> Iterator[str]:
    if not one.is_caught_up:
        yield (
            f"the operator has not looked at the last edit yet (generation {one.generation}, it is at "
            f"{one.observed_generation}), so the version may still be that of the edit before"
        )
    wait = wait_of(deployment, deployment.status.rollout, now)
    if wait is not None and following is not None and not one.suspended:
        yield f"{following} begins {wait.why}"
    elif one.candidate is not None and following is not None and one.candidate.version != following:
        yield f"{one.candidate.version}, which is being rolled out now, would give way to it"
    yield from gates_before(one, deployment)
    if deployment.replicas == 0:
        yield "there are no replicas, so no pod can prove the version"


def plan_lines(one: Seen, seen: Outlook, room: int | None) -> list[Line]:
    """What `plan` shows."""
    lines = [line(Span(f"{one.namespace}/", Tone.FAINT), Span(one.name, Tone.STRONG)), EMPTY]
    serves = seen.serving
    release = serves.release if serves else None
    lines.append(_version_line("serves", serves.version if serves else "nothing yet", release))
    if seen.following is not None:
        lines.append(_version_line("next", seen.following, seen.release))
    elif seen.target is not None:
        lines.append(line("  next     ", Span("nothing", Tone.GOOD)))
    else:
        lines.append(line("  next     ", Span("not known yet", Tone.BUSY)))
    lines += _below(seen.origin, room, Tone.FAINT)
    for told in seen.obstacles:
        lines += _below(told, room, Tone.BAD)
    for told in seen.remarks:
        lines += _below(told, room, Tone.BUSY)
    what = "The next version would go" if seen.following is None else f"{seen.following} would go"
    if seen.present is not None:
        what = f"{seen.following} goes"
    lines += [EMPTY, line(f"{what} through:"), EMPTY]
    lines += table(_COLUMNS, _rows(seen), room, lines=_LINES)
    return [*lines, EMPTY, *_meanings(seen.steps, room), EMPTY, *_end(one, room)]


def _version_line(word: str, version: str, release: str | None) -> Line:
    told = line(f"  {word:<7}  ", Span(version, Tone.STRONG))
    return line(*told, Span(f"  {release}", Tone.FAINT)) if release else told


def _below(text: str, room: int | None, tone: Tone) -> list[Line]:
    return [line("           ", *shown) for shown in wrap(text, (room or _ROOM) - 11, tone)]


def _rows(seen: Outlook) -> list[list[Line]]:
    rows = []
    for number, step in enumerate(seen.steps):
        is_present = number == seen.present
        pods = f"{pods_for(seen.replicas, step.replicas)} of {seen.replicas}"
        rows.append(
            [
                line(Span("▶" if is_present else " ", Tone.BUSY)),
                line(Span(f"{number + 1}/{len(seen.steps)}", Tone.STRONG if is_present else Tone.PLAIN)),
                line(f"{pods} in place" if step.in_place else f"{pods} beside"),
                line("follows the pods" if step.weight is None else f"{step.weight} %"),
                line(", ".join(named(gate) for gate in step.gates) or Span("none", Tone.FAINT)),
            ]
        )
    return rows


def _meanings(steps: Sequence[Step], room: int | None) -> list[Line]:
    """What each gate asks, once."""
    gates = {_function(gate): gate for step in steps for gate in step.gates}
    names = [_name(gate) for gate in gates.values()]
    start = max(map(cells, names), default=0) + 2
    lines = []
    for name, gate in zip(names, gates.values(), strict=True):
        told = wrap(meaning(gate), (room or _ROOM) - start - 2) or [EMPTY]
        lines.append(line("  ", *fill(line(Span(name, Tone.STRONG)), start), *told[0]))
        lines += [line(" " * (start + 2), *shown) for shown in told[1:]]
    return lines


def _end(one: Seen, room: int | None) -> list[Line]:
    deployment = parse_model_deployment(one.raw)
    release = one.candidate or one.desired or one.stable
    deadline = deployment.progress_deadline or LEAST_PATIENCE
    if release is not None:
        deadline = patience_with(deployment, release)
    stable = one.stable.version if one.stable else "nothing"
    is_held = deployment.on_failure is OnFailure.FREEZE and one.stable is not None
    fate = "held where it is until you decide" if is_held else f"aborted and {stable} serves on"
    told = (
        "After the last step it serves by default. If it fails a gate, or comes no further for "
        f"{lasting(deadline)}, it is {fate}."
    )
    return wrap(told, room or _ROOM, Tone.FAINT)


def named(gate: Gate) -> str:
    """A gate's name, and what it was given, where it was given something."""
    known: Any = gate
    given: list[str] = []
    while isinstance(known, partial):
        given = [_given(value) for value in (*known.args, *known.keywords.values())] + given
        known = known.func
    return " ".join([_name(known), *given])


def meaning(gate: Gate) -> str:
    """What a gate asks, in the first words of its own description."""
    known = _function(gate)
    told = inspect.getdoc(known if inspect.isroutine(known) else type(known)) or ""
    return told.split("\n", 1)[0].split(";", 1)[0].removeprefix("Holds when ").rstrip(".")


def _function(gate: Gate) -> Any:
    known: Any = gate
    while isinstance(known, partial):
        known = known.func
    return known


def _name(gate: Gate) -> str:
    known = _function(gate)
    return str(getattr(known, "__name__", type(known).__name__)).strip("_")


def _given(value: Any) -> str:
    return lasting(value) if isinstance(value, timedelta) else str(value)


def as_document(one: Seen, seen: Outlook) -> dict[str, Any]:
    """The same for programs."""
    return {
        "namespace": one.namespace,
        "name": one.name,
        "serving": seen.serving.version if seen.serving else None,
        "next": seen.following,
        "release": seen.release,
        "because": seen.origin,
        "presentStep": None if seen.present is None else seen.present + 1,
        "obstacles": list(seen.obstacles),
        "remarks": list(seen.remarks),
        "steps": [_step_document(step) for step in seen.steps],
    }


def _step_document(step: Step) -> dict[str, Any]:
    return {
        "replicasPercent": step.replicas,
        "inPlace": step.in_place,
        "weightPercent": step.weight,
        "gates": [{"name": named(gate), "meaning": meaning(gate)} for gate in step.gates],
    }
