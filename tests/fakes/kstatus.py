"""Is this status one that kstatus reads rightly? The rules of kubernetes-sigs/cli-utils and Flux."""

from lockgate.domain.resources import Object
from lockgate.names import ConditionType, Reason

_PRESENT_ONLY_WHILE_TRUE = (ConditionType.RECONCILING, ConditionType.STALLED)


def check_kstatus(obj: Object) -> str:
    """Fail if the object breaks a rule; returns what kstatus would compute."""
    status, generation = obj["status"], obj["metadata"]["generation"]
    conditions = {c["type"]: c for c in status["conditions"]}
    assert len(conditions) == len(status["conditions"]), "a condition type appears twice"
    assert ConditionType.READY in conditions, "Ready is there from the first pass on"
    for condition in status["conditions"]:
        assert condition["type"] in set(ConditionType)
        assert condition["reason"] in set(Reason)
        assert condition["message"], f"{condition['type']} says nothing"
        # Ready and what goes with it speak of now; another may speak of a generation before this one.
        assert condition["observedGeneration"] <= status["observedGeneration"]
        if condition["type"] in (ConditionType.READY, *_PRESENT_ONLY_WHILE_TRUE):
            assert condition["observedGeneration"] == status["observedGeneration"]
    for type_ in _PRESENT_ONLY_WHILE_TRUE:
        assert type_ not in conditions or conditions[type_]["status"] == "True"
    ready = conditions[ConditionType.READY]["status"]
    reconciling, stalled = (type_ in conditions for type_ in _PRESENT_ONLY_WHILE_TRUE)
    assert not (reconciling and stalled), "both moving and stuck"
    assert ready != "True" or not (reconciling or stalled), "ready, yet moving or stuck"
    assert not stalled or ready == "False", "stuck, yet not unready"
    assert ready == "True" or reconciling or stalled, "neither ready, moving nor stuck"
    if status["observedGeneration"] < generation or reconciling:
        return "InProgress"
    return "Failed" if stalled else "Current"
