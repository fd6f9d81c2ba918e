"""From `spec.gates` to values, naming the field when that cannot be done. Pure.

What an expression may say is bounded here, since anybody who may write a ModelDeployment writes it: it goes
through no list and asks for nothing but a few functions, so that it ends as soon as it was begun.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from lockgate.api import read
from lockgate.api.gates import Gates, MetadataGate
from lockgate.api.parse_patterns import COST_LIMIT, cost_of_patterns
from lockgate.errors import InvalidSpec
from lockgate.sentences import listed

_PATH: Final = "spec.gates.metadata"
_MOST, _NAME_LIMIT, EXPRESSION_LIMIT = 16, 63, 512
FUNCTIONS: Final = (
    *("bool", "contains", "double", "endsWith", "has", "int"),
    *("matches", "size", "startsWith", "string"),
)
_CALL: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*\(")


def parse_gates(raw: Mapping[str, Any] | None) -> Gates:
    """The gates of a spec; raises InvalidSpec."""
    written = (raw or {}).get("metadata")
    if written is None:
        return Gates()
    if not isinstance(written, list) or len(written) > _MOST:
        raise InvalidSpec(_PATH, f"must be a list of at most {_MOST} gates")
    gates = tuple(_gate(each, f"{_PATH}[{number}]") for number, each in enumerate(written))
    if len({gate.name for gate in gates}) < len(gates):
        raise InvalidSpec(_PATH, "holds one name twice")
    costs = (
        cost_of_patterns(gate.expression, f"{_PATH}[{number}].expression")
        for number, gate in enumerate(gates)
    )
    if sum(costs) > COST_LIMIT:
        raise InvalidSpec(_PATH, "matches patterns that take too long to make; repeat less in them")
    return Gates(metadata=gates)


def _gate(raw: Any, path: str) -> MetadataGate:
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
