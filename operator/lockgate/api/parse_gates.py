"""From `spec.gates` to values, naming the field when that cannot be done. Pure.

What an expression may say is bounded here, since anybody who may write a ModelDeployment writes it: it goes
through no list and asks for nothing but a few functions, so that it ends as soon as it was begun.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from lockgate.api import read
from lockgate.api.gates import GateRule, Gates, MetadataGate, WebhookGate
from lockgate.api.parse_patterns import COST_LIMIT, cost_of_patterns
from lockgate.errors import InvalidSpec
from lockgate.sentences import listed

_GATES: Final = "spec.gates"
MOST_WEBHOOKS: Final = 8
_MOST, _NAME_LIMIT, EXPRESSION_LIMIT = 16, 63, 512
FUNCTIONS: Final = (
    *("bool", "contains", "double", "endsWith", "has", "int"),
    *("matches", "size", "startsWith", "string"),
)
Named = TypeVar("Named", MetadataGate, WebhookGate)
_CALL: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*\(")


def parse_gates(raw: Mapping[str, Any] | None) -> Gates:
    """The gates of a spec; raises InvalidSpec."""
    given = raw or {}
    metadata = _each(given, "metadata", _MOST, _metadata)
    _check_patterns(metadata)
    return Gates(
        metadata=metadata,
        webhook=_each(given, "webhook", MOST_WEBHOOKS, _webhook),
        runtime=read.choice(given, "runtime", _GATES, default=GateRule.REQUIRE),
        signature=read.choice(given, "signature", _GATES, default=GateRule.IGNORE),
    )


def _each(
    raw: Mapping[str, Any], field: str, most: int, read_gate: Callable[[Any, str], Named]
) -> tuple[Named, ...]:
    written, path = raw.get(field), f"{_GATES}.{field}"
    if written is None:
        return ()
    if not isinstance(written, list) or len(written) > most:
        raise InvalidSpec(path, f"must be a list of at most {most} gates")
    gates = tuple(read_gate(each, f"{path}[{number}]") for number, each in enumerate(written))
    if len({gate.name for gate in gates}) < len(gates):
        raise InvalidSpec(path, "holds one name twice")
    return gates


def _check_patterns(gates: tuple[MetadataGate, ...]) -> None:
    path = f"{_GATES}.metadata"
    costs = (
        cost_of_patterns(gate.expression, f"{path}[{number}].expression") for number, gate in enumerate(gates)
    )
    if sum(costs) > COST_LIMIT:
        raise InvalidSpec(path, "matches patterns that take too long to make; repeat less in them")


def _metadata(raw: Any, path: str) -> MetadataGate:
    if not isinstance(raw, Mapping):
        raise InvalidSpec(path, "must hold fields, name and expression")
    name = read.text(raw, "name", path, _NAME_LIMIT)
    expression = read.text(raw, "expression", path, EXPRESSION_LIMIT)
    if "//" in expression:
        raise InvalidSpec(f"{path}.expression", "may hold no comment")
    unknown = sorted(set(_CALL.findall(expression)) - set(FUNCTIONS))
    if unknown:
        raise InvalidSpec(
            f"{path}.expression", f"calls {listed(unknown)}; what may be called are {listed(FUNCTIONS)}"
        )
    return MetadataGate(name, expression)


def _webhook(raw: Any, path: str) -> WebhookGate:
    if not isinstance(raw, Mapping):
        raise InvalidSpec(path, "must hold a field, name")
    return WebhookGate(read.text(raw, "name", path, _NAME_LIMIT))
