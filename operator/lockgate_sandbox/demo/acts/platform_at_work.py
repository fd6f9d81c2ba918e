"""The fifth act: the platform team upgrades Lockgate and edits the runtime; no pod is replaced unasked."""

from __future__ import annotations

from functools import partial

from lockgate_sandbox.demo.stage import Stage
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.parts import lockgate, models
from lockgate_sandbox.parts.models import MODEL, NAMESPACE
from lockgate_sandbox.waiting import until

# What shows in pods, or in how the operator works; none of it is a reason to replace what serves.
_VALUES = ("fetch.deadlineSeconds=600", "fetch.maxFiles=500", "registry.pollIntervalSeconds=1", "workers=64")
_EDIT = {"name": "PYTHONUNBUFFERED", "value": "1"}


def play(stage: Stage) -> None:
    """The visitor of the act before still asks."""
    stage.screen.title("5. The platform team upgrades Lockgate, then edits the runtime")
    operator, served = stage.world.add(lockgate.PART), stage.world.add(models.PART)
    before = served.pods(MODEL)
    with stage.screen.step("upgrading Lockgate with helm, with other values"):
        operator.upgrade(*_VALUES)
    if served.pods(MODEL) != before:
        raise SandboxError(f"the upgrade replaced pods of {MODEL}, and nobody had asked for that")
    stage.screen.good(f"the {len(before)} pods of {MODEL} are those of before")
    with stage.screen.step("editing the runtime, which is a rollout like any other"):
        served.edit_runtime(_EDIT)
        until("the edit is rolled out", partial(_is_out, operator))
    if served.pods(MODEL) & before:
        raise SandboxError(f"the edit was rolled out, and pods of {MODEL} do not have it")
    stage.check_visitor()


def _is_out(operator: lockgate.Lockgate) -> bool:
    said = operator.says(NAMESPACE, MODEL)
    return said.last == ("RuntimeChanged", "Promoted") and said.ready == "True"
