"""May this version begin to roll out, by the gates on what its registry tells? Nothing is asked here.

Only a version that neither serves nor rolls out has to pass. What a person pins is a person's choice, and
passes. Of gates that name `stable` a first version, which replaces nothing, asks nothing.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from lockgate.api.gates import MetadataGate
from lockgate.domain.version import Version
from lockgate.errors import GateRefused, InvalidSpec
from lockgate.resolve.expressions import NoAnswer, check, holds, names

_FACTS: Final = ("candidate", "stable")
_PATH: Final = re.compile(r"\b(candidate|stable)((?:\.[A-Za-z_][A-Za-z0-9_]*)+)")


def check_gates(
    gates: tuple[MetadataGate, ...], candidate: Version, stable: Callable[[], Version | None]
) -> None:
    """Raise GateRefused for the first gate that does not hold, InvalidSpec for one that cannot be read.

    `stable` is asked for the version that serves only where a gate names it; None where none serves.
    """
    for number, gate in enumerate(gates):
        try:
            check(gate.expression, _FACTS)
            compares = names(gate.expression, "stable")
            serving = stable() if compares else None
            if compares and serving is None:
                continue
        except NoAnswer as unreadable:
            raise InvalidSpec(
                f"spec.gates.metadata[{number}].expression", f"cannot be used: {unreadable}"
            ) from None
        facts = {"candidate": _facts(candidate)} | ({"stable": _facts(serving)} if serving else {})
        try:
            if holds(gate.expression, facts):
                continue
            why = f"{gate.expression} does not hold{_values(gate.expression, facts)}"
        except NoAnswer as error:
            why = f"{gate.expression} cannot be answered: {error}"
        raise GateRefused(f"gate {gate.name} refuses {candidate.number}: {why}")


def _facts(version: Version) -> dict[str, Any]:
    return {"version": version.number, "metadata": version.metadata}


def _values(expression: str, facts: Mapping[str, Any]) -> str:
    """What the expression met, for people; texts may be anything, and are not told."""
    met = []
    for name, path in dict.fromkeys(_PATH.findall(expression)):
        value: Any = facts.get(name)
        for part in path[1:].split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, int | float):
            met.append(f"{name}{path} is {value!r}")
    return f" ({', '.join(met)})" if met else ""
