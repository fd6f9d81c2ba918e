"""What will a version be asked before it may begin, and what was it warned of? Sentences for `plan`. Pure."""

from collections.abc import Iterator

from lockgate.api.gates import WARNED, GateRule
from lockgate.api.spec import ModelDeployment
from lockgate.cli.seen import Seen
from lockgate.names import ConditionType


def gates_before(one: Seen, deployment: ModelDeployment) -> Iterator[str]:
    """Each gate in the order in which they are asked, and what one of them warned of."""
    for gate in deployment.gates.metadata:
        yield f"before it may begin, gate {gate.name} asks: {gate.expression}"
    yield from _signature(one, deployment)
    for service in deployment.gates.webhook:
        yield f"before it may begin, gate {service.name} asks a service of that name"
    refused = deployment.status.refused
    if refused is not None:
        yield f"to have {refused.version} asked about again: kubectl lockgate retry {one.name}"


def _signature(one: Seen, deployment: ModelDeployment) -> Iterator[str]:
    rule = deployment.gates.signature
    if rule is GateRule.IGNORE:
        return
    fate = "is refused" if rule is GateRule.REQUIRE else "is told of"
    yield (
        "before it may begin, gate signature asks: would clients of what serves notice? (what they would, "
        f"or what cannot be told, {fate})"
    )
    resolved = one.says(ConditionType.RESOLVED)
    _, _, warning = (resolved.message if resolved is not None else "").partition(WARNED)
    if warning:
        yield f"warned by {warning}"
