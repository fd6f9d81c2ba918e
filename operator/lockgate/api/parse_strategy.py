"""From `spec.strategy` and `spec.traffic` to values, naming the field when that cannot be done. Pure."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from lockgate.api import read
from lockgate.api.backend import BackendChoice, RayService
from lockgate.api.strategy import (
    BlueGreen,
    Canary,
    CanaryStep,
    Capacity,
    Pause,
    Rolling,
    Shadow,
    Strategy,
    Traffic,
)
from lockgate.errors import InvalidSpec

_Block = Mapping[str, Any]
_NAME_LIMIT, _HOST_LIMIT, _PATH_LIMIT, _HEADER_LIMIT, _VALUE_LIMIT = 63, 253, 256, 256, 1024
_MOST_STEPS, _MOST_HOSTNAMES = 20, 8


def parse_traffic(raw: _Block | None) -> Traffic | None:
    """By which gateway requests come; raises InvalidSpec."""
    if raw is None:
        return None
    hostnames = read.texts(raw, "hostnames", "spec.traffic")
    if len(hostnames) > _MOST_HOSTNAMES or not all(0 < len(host) <= _HOST_LIMIT for host in hostnames):
        raise InvalidSpec("spec.traffic.hostnames", f"may hold at most {_MOST_HOSTNAMES} names of hosts")
    path = "/" if raw.get("path") is None else read.text(raw, "path", "spec.traffic", _PATH_LIMIT)
    gateway = read.text(raw, "gateway", "spec.traffic", _NAME_LIMIT)
    return Traffic(gateway=gateway, hostnames=hostnames, path=path)


def parse_strategy(
    raw: _Block | None, traffic: Traffic | None, backend: BackendChoice | None = None
) -> Strategy:
    """How a new version takes over; raises InvalidSpec, also for what needs a gateway and has none.

    Where none is written it is rolling, or blueGreen on Ray, whose clusters replace nothing in place.
    """
    raw = raw or {"blueGreen" if isinstance(backend, RayService) else "rolling": {}}
    name, block = read.one_block(raw, "spec.strategy", _PARSERS)
    strategy = _PARSERS[name](block)
    if traffic is None and needs_gateway(strategy):
        raise InvalidSpec(
            f"spec.strategy.{name}",
            "matches or copies requests, which only a gateway can; name one in spec.traffic.gateway",
        )
    return strategy


def needs_gateway(strategy: Strategy) -> bool:
    """Whether it cannot do without one, since it tells requests apart or copies them."""
    if isinstance(strategy, Canary):
        return any(step.match or step.mirror for step in strategy.steps)
    return isinstance(strategy, Shadow)


def _rolling(block: _Block) -> Rolling:
    parent = "spec.strategy.rolling"
    surge = read.bound(block, "maxSurge", parent, default="25%")
    unavailable = read.bound(block, "maxUnavailable", parent, default=0)
    if str(surge).strip("0%") == "" and str(unavailable).strip("0%") == "":
        raise InvalidSpec(
            parent, "allows neither maxSurge nor maxUnavailable, so no pod could ever be replaced"
        )
    return Rolling(max_surge=surge, max_unavailable=unavailable)


def _canary(block: _Block) -> Canary:
    parent = "spec.strategy.canary"
    written = block.get("steps")
    if not isinstance(written, list) or not 0 < len(written) <= _MOST_STEPS:
        raise InvalidSpec(f"{parent}.steps", f"must hold 1 to {_MOST_STEPS} steps")
    steps = tuple(_step(step, f"{parent}.steps[{number}]") for number, step in enumerate(written))
    for number, (before, after) in enumerate(pairwise(steps), start=1):
        if after.weight < before.weight:
            raise InvalidSpec(
                f"{parent}.steps[{number}].weight",
                f"is {after.weight}, less than the {before.weight} of the step before; let weights rise",
            )
    return Canary(steps=steps, capacity=read.choice(block, "capacity", parent, default=Capacity.SURGE))


def _step(raw: Any, parent: str) -> CanaryStep:
    if not isinstance(raw, Mapping):
        raise InvalidSpec(parent, "must hold fields, at least weight")
    weight = read.integer(raw, "weight", parent, least=0, most=100)
    replicas = None
    if raw.get("replicas") is not None:
        replicas = read.integer(raw, "replicas", parent, least=1, most=100)
        if replicas < weight:
            raise InvalidSpec(
                f"{parent}.replicas", f"is {replicas}, less than the weight {weight} that the pods must carry"
            )
    return CanaryStep(
        weight=weight,
        replicas=replicas,
        pause=_pause(raw, parent),
        match=parse_match(raw.get("match"), f"{parent}.match"),
        mirror=read.integer(raw, "mirror", parent, default=0, least=0, most=100),
    )


def parse_match(raw: Any, path: str) -> tuple[tuple[str, str], ...]:
    """Headers by name and value; raises InvalidSpec."""
    if raw is None:
        return ()
    if not isinstance(raw, list) or not all(isinstance(header, Mapping) for header in raw):
        raise InvalidSpec(path, "must be a list of headers, each with name and value")
    return tuple(
        (read.text(header, "name", path, _HEADER_LIMIT), read.text(header, "value", path, _VALUE_LIMIT))
        for header in raw
    )


def _blue_green(block: _Block) -> BlueGreen:
    return BlueGreen(pause=_pause(block, "spec.strategy.blueGreen"))


def _shadow(block: _Block) -> Shadow:
    parent = "spec.strategy.shadow"
    mirror = read.integer(block, "mirror", parent, default=100, least=1, most=100)
    return Shadow(mirror=mirror, pause=_pause(block, parent))


def _pause(raw: _Block, parent: str) -> Pause | None:
    block = read.optional_section(raw, "pause", parent)
    if block is None:
        return None
    parent = f"{parent}.pause"
    approved = read.boolean(block, "untilApproved", parent)
    if (block.get("duration") is not None) == approved:
        raise InvalidSpec(parent, "must name either a duration or untilApproved: true")
    return Pause(duration=None if approved else read.duration(block, "duration", parent, default=""))


_PARSERS: Mapping[str, Callable[[_Block], Strategy]] = {
    "rolling": _rolling,
    "canary": _canary,
    "blueGreen": _blue_green,
    "shadow": _shadow,
}
