"""From `spec.variants` to values: each is the spec of a ModelDeployment of its own.

What an arm does not say itself it has from the ModelDeployment that names it, but for what is that one's
alone: its traffic, its variants, and what people hold it by. Pure.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from lockgate.api import read
from lockgate.api.limits import ALIAS_LIMIT
from lockgate.api.parse_strategy import needs_gateway, parse_match
from lockgate.api.strategy import Strategy, Traffic, Variant
from lockgate.errors import InvalidSpec

_Block = Mapping[str, Any]
_PATH: Final = "spec.variants"
_MOST, _NAME_LIMIT, _LARGEST_REPLICAS, _COOKIE_LIMIT = 8, 52, 1000, 128
# A route holds sixteen rules, and the last is for whom nobody tells apart.
_MOST_TOLD_APART: Final = 15
# None of which has to be quoted in a cookie.
_COOKIE: Final = re.compile(r"[A-Za-z0-9._-]+")
# What the arm says itself, and what people set at the one that it is meant for.
_NOT_INHERITED: Final = frozenset({"model", "replicas", "traffic", "variants", "pin", "suspend"})
# Releases and previews have names of their own beside.
_NAME: Final = re.compile(r"(?!own$|preview$|[0-9a-f]{8}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def parse_variants(
    spec: _Block, deployment: str, strategy: Strategy, traffic: Traffic | None
) -> tuple[Variant, ...]:
    """The arms beside a ModelDeployment's own; raises InvalidSpec."""
    written = spec.get("variants")
    if written is None or written == []:
        return ()
    if not isinstance(written, list) or len(written) > _MOST:
        raise InvalidSpec(_PATH, f"must be a list of at most {_MOST} arms")
    if traffic is None:
        raise InvalidSpec(_PATH, "share the traffic of a gateway; name one in spec.traffic.gateway")
    if needs_gateway(strategy):
        raise InvalidSpec(
            _PATH,
            "roll out as spec.strategy says, but have no route of their own by which requests could be "
            "told apart or copied; take a strategy without match and mirror",
        )
    found = tuple(_variant(raw, f"{_PATH}[{number}]", spec, deployment) for number, raw in enumerate(written))
    if len({variant.name for variant in found}) < len(found):
        raise InvalidSpec(_PATH, "holds one name twice")
    if sum(bool(variant.match) + bool(variant.cookie) for variant in found) > _MOST_TOLD_APART:
        raise InvalidSpec(
            _PATH,
            f"tell more than {_MOST_TOLD_APART} kinds of requests apart by match and cookie, and a route "
            "holds no more",
        )
    if sum(variant.weight for variant in found) >= 100:
        raise InvalidSpec(
            _PATH, "leaves nothing to the ModelDeployment itself; let the weights make less than 100"
        )
    return found


def _variant(raw: Any, path: str, spec: _Block, deployment: str) -> Variant:
    if not isinstance(raw, Mapping):
        raise InvalidSpec(path, "must hold fields, at least name and alias")
    short = read.text(raw, "name", path, _NAME_LIMIT)
    name = f"{deployment}-{short}"
    if not _NAME.fullmatch(short) or len(name) > _NAME_LIMIT:
        raise InvalidSpec(
            f"{path}.name",
            f"makes the name {name}, which cannot be; use lower-case letters, digits and dashes, at most "
            f"{_NAME_LIMIT} in all, and neither own, nor preview, nor 8 hexadecimal digits",
        )
    alias = read.text(raw, "alias", path, ALIAS_LIMIT)
    own: dict[str, Any] = {field: value for field, value in spec.items() if field not in _NOT_INHERITED}
    own["model"] = {**spec["model"], "alias": alias}
    own["replicas"] = read.integer(
        raw, "replicas", path, default=spec.get("replicas", 1), least=0, most=_LARGEST_REPLICAS
    )
    return Variant(
        name=name,
        weight=read.integer(raw, "weight", path, default=0, least=0, most=99),
        match=parse_match(raw.get("match"), f"{path}.match"),
        cookie=_cookie(read.optional_section(raw, "cookie", path), f"{path}.cookie"),
        spec=own,
    )


def _cookie(raw: _Block | None, path: str) -> tuple[str, str] | None:
    if raw is None:
        return None
    name, value = (read.text(raw, field, path, _COOKIE_LIMIT) for field in ("name", "value"))
    for field, text in (("name", name), ("value", value)):
        if not _COOKIE.fullmatch(text):
            raise InvalidSpec(f"{path}.{field}", "may hold letters, digits, dots, dashes and underscores")
    return name, value
