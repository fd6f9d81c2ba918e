"""A split of the traffic as an HTTPRoute of our own, and an HTTPRoute read back as a split. Pure.

Every field that the API server would fill in is written out: the lists in it are owned as a whole, so
whatever is in them that was not drawn is somebody else's (gateway-api, apis/v1/httproute_types.go).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from lockgate.api.spec import ModelDeployment
from lockgate.backends.deployment.service import SERVICE_PORT, own_service, workload_behind
from lockgate.domain.resources import HTTP_ROUTE, Object
from lockgate.domain.split import WHOLE, Arm, TrafficSplit, Weights
from lockgate.gateways.offered import Gateway

_MIRROR: Final = "RequestMirror"
# What may stand around one cookie in their header.
_BEFORE: Final = "^(.*; *)?"
_BEHIND: Final = "(;.*)?$"
_Special = tuple[str, tuple[tuple[str, str], ...]]
"""A workload, and the headers that lead to it."""


def parent_of(gateway: Gateway) -> Object:
    """The gateway as a route names it."""
    section = {"sectionName": gateway.section} if gateway.section else {}
    where = {"namespace": gateway.namespace, "name": gateway.gateway}
    return {"group": HTTP_ROUTE.group, "kind": "Gateway", **where, **section}


def render_route(deployment: ModelDeployment, split: TrafficSplit, gateway: Gateway) -> dict[str, Any]:
    """The HTTPRoute of a split; raises InvalidSpec for hostnames that the gateway is not for."""
    path = deployment.traffic.path if deployment.traffic else "/"
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.kind,
        "metadata": {"name": deployment.name},
        "spec": {
            "parentRefs": [parent_of(gateway)],
            "hostnames": list(gateway.hostnames_of(deployment)),
            "rules": _rules(deployment.name, split, path),
        },
    }


def read_route(route: Object, deployment: str) -> tuple[TrafficSplit | None, bool]:
    """The split that a route holds among the workloads of a ModelDeployment; None when they get nothing.

    The second value is whether it holds just that: one that somebody has changed may say more.
    """
    rules = route["spec"].get("rules") or ()
    main: Object = next((rule for rule in reversed(rules) if not _headers(rule)), {})
    backends: Sequence[Object] = main.get("backendRefs") or ()
    weights = _weights(deployment, backends)
    if not weights:
        return None, False
    plain = _with_special(deployment, TrafficSplit(weights=weights), rules, main)
    split = _with_arms(deployment, plain, rules, backends)
    return split, _rules(deployment, split, _path(main)) == rules


def services_named(route: Object) -> set[str]:
    """Every Service that a route names, whoever wrote it."""
    rules = route["spec"].get("rules") or ()
    backends = [backend for rule in rules for backend in rule.get("backendRefs") or ()]
    filters = [each for rule in rules for each in rule.get("filters") or ()]
    backends += [(each.get("requestMirror") or {}).get("backendRef") or {} for each in filters]
    return {backend["name"] for backend in backends if "name" in backend}


def _rules(deployment: str, split: TrafficSplit, path: str) -> list[Object]:
    under = {"path": {"type": "PathPrefix", "value": path}}
    # With arms the weights are parts of parts, which only make whole numbers of ten thousand.
    left, scale = (split.left, WHOLE) if split.arms else (1, 1)
    parts = [(name, weight * left) for name, weight in split.weights]
    parts += [(arm.name, arm.weight * scale) for arm in split.arms]
    main: Object = {
        "matches": [under],
        "backendRefs": [{**_service(deployment, name), "weight": part} for name, part in parts],
    }
    if split.special and split.mirror:
        main["filters"] = [_mirror(deployment, split.special, split.mirror)]
    told_apart = [(split.special, _exact(split.match))] if split.special and split.match else []
    for arm in split.arms:
        told_apart += [(arm.name, _exact(arm.match))] if arm.match else []
        told_apart += [(arm.name, [_cookie(*arm.cookie)])] if arm.cookie else []
    apart = [
        {
            "matches": [{**under, "headers": headers}],
            "backendRefs": [{**_service(deployment, name), "weight": WHOLE}],
        }
        for name, headers in told_apart
    ]
    return [*apart, main]


def _exact(match: Iterable[tuple[str, str]]) -> list[Object]:
    return [{"type": "Exact", "name": name, "value": value} for name, value in match]


def _cookie(name: str, value: str) -> Object:
    # The whole of the header is to match in some gateways, and a part of it will do in others.
    one = f"{name}={value}".replace(".", "[.]")
    return {"type": "RegularExpression", "name": "Cookie", "value": f"{_BEFORE}{one}{_BEHIND}"}


def _service(deployment: str, workload: str) -> Object:
    return {"group": "", "kind": "Service", "name": own_service(deployment, workload), "port": SERVICE_PORT}


def _mirror(deployment: str, workload: str, percent: int) -> Object:
    # Without a percentage all are copied, which more gateways understand.
    share = {} if percent == WHOLE else {"percent": percent}
    return {"type": _MIRROR, "requestMirror": {"backendRef": _service(deployment, workload), **share}}


def _with_special(
    deployment: str, plain: TrafficSplit, rules: Sequence[Object], main: Object
) -> TrafficSplit:
    matched = next(_matched(deployment, rules, _workload), None)
    copied = next(_copied(deployment, main), None)
    special = matched[0] if matched else copied[0] if copied else None
    return TrafficSplit(
        weights=plain.weights,
        special=special,
        match=matched[1] if matched else (),
        mirror=copied[1] if copied and copied[0] == special else 0,
    )


def _with_arms(
    deployment: str, own: TrafficSplit, rules: Sequence[Object], backends: Iterable[Object]
) -> TrafficSplit:
    """With the other ModelDeployments that get a part; of one that is not ours only roughly how much."""
    matches, cookies = dict(_matched(deployment, rules, _arm)), dict(_cookies(deployment, rules))
    parts = {name: each.get("weight", 1) for each in backends if (name := _arm(deployment, each))}
    arms = tuple(
        Arm(name, part // WHOLE, matches.get(name, ()), cookies.get(name)) for name, part in parts.items()
    )
    return replace(own, arms=arms) if sum(arm.weight for arm in arms) < WHOLE else own


def _matched(
    deployment: str, rules: Iterable[Object], named: Callable[[str, Object], str | None]
) -> Iterator[_Special]:
    for rule in rules:
        headers = _headers(rule)
        backends: Sequence[Object] = rule.get("backendRefs") or ()
        is_plain = all(header.get("type", "Exact") == "Exact" for header in headers)
        if headers and is_plain and len(backends) == 1 and (name := named(deployment, backends[0])):
            yield name, tuple((header["name"], header["value"]) for header in headers)


def _cookies(deployment: str, rules: Iterable[Object]) -> Iterator[tuple[str, tuple[str, str]]]:
    for rule in rules:
        backends: Sequence[Object] = rule.get("backendRefs") or ()
        name = _arm(deployment, backends[0]) if len(backends) == 1 else None
        for header in _headers(rule):
            text: str = header.get("value", "")
            if name and text.startswith(_BEFORE) and text.endswith(_BEHIND):
                one = text[len(_BEFORE) : -len(_BEHIND)].replace("[.]", ".")
                cookie, _, value = one.partition("=")
                yield name, (cookie, value)


def _copied(deployment: str, main: Object) -> Iterator[tuple[str, int]]:
    for each in main.get("filters") or ():
        mirror = each.get("requestMirror") or {}
        name = _workload(deployment, mirror.get("backendRef") or {})
        percent = mirror.get("percent", WHOLE)
        if each.get("type") == _MIRROR and name and 0 < percent <= WHOLE:
            yield name, percent


def _first_match(rule: Object) -> Object:
    matches: Sequence[Object] = rule.get("matches") or ({},)
    return matches[0]


def _headers(rule: Object) -> Sequence[Object]:
    found: Sequence[Object] = _first_match(rule).get("headers") or ()
    return found


def _path(rule: Object) -> str:
    path: str = (_first_match(rule).get("path") or {}).get("value", "/")
    return path


def _weights(deployment: str, backends: Iterable[Object]) -> Weights:
    """Percent of each of our workloads, rounded by largest remainder; empty when none gets anything."""
    parts: dict[str, int] = {}
    for backend in backends:
        if name := _workload(deployment, backend):
            parts[name] = parts.get(name, 0) + backend.get("weight", 1)
    whole = sum(parts.values())
    if not whole:
        return ()
    shares = {name: WHOLE * part // whole for name, part in parts.items()}
    left = WHOLE - sum(shares.values())
    for name in sorted(parts, key=lambda each: -(WHOLE * parts[each] % whole))[:left]:
        shares[name] += 1
    return tuple(shares.items())


def _workload(deployment: str, backend: Object) -> str | None:
    """The workload of ours that a backend means; None for anything else."""
    name = _service_name(backend)
    return workload_behind(deployment, name) if name else None


def _arm(deployment: str, backend: Object) -> str | None:
    """The other ModelDeployment that a backend means, by the name that ours has given it."""
    name = _service_name(backend)
    is_other = name and name.startswith(f"{deployment}-") and workload_behind(deployment, name) is None
    return name if is_other else None


def _service_name(backend: Object) -> str | None:
    if backend.get("namespace") or backend.get("kind", "Service") != "Service" or backend.get("group"):
        return None
    name: str | None = backend.get("name")
    return name
