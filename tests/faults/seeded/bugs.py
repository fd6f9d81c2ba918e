"""Known bugs, put into a copy of the operator: what cannot find these finds nothing.

Each is one small change of the code as it is. When the code has moved on and the old text is no
longer there, a test says so, and the bug is to be written anew.
"""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.faults.campaign import Stand, campaign, say
from tests.faults.seeded.bug import OPERATOR, Bug

BUGS: tuple[Bug, ...] = (
    Bug(
        "a watch that has ended is not entered again",
        "lockgate/watch/supervisor.py",
        "            asked = self._enter()\n",
        "            asked = self._enter()\n            return\n",
    ),
    Bug(
        "the deletion of a child wakes nobody",
        "lockgate/watch/handlers.py",
        "            for parent in change.parents:\n",
        "            for parent in change.parents if event_type != 'DELETED' else ():\n",
    ),
    Bug(
        "a candidate is promoted before its pods serve",
        "lockgate/plan/gates/available.py",
        'return _not_yet("its pods are not available yet")',
        "return YES",
    ),
    Bug(
        "a version that was aborted is tried again at once",
        "lockgate/plan/planner.py",
        "    failed = is_kept_out or failure_of(deployment, state, revision) is not None\n",
        "    failed = is_kept_out\n",
    ),
    Bug(
        "suspend is not heeded",
        "lockgate/plan/planner.py",
        "    if deployment.suspend:\n",
        "    if deployment.suspend and deployment.replicas > 999:\n",
    ),
    Bug(
        "the shares of traffic are one too few",
        "lockgate/report/traffic.py",
        "weight=100",
        "weight=99",
    ),
    Bug(
        "an outage of the registry scales to nothing",
        "lockgate/reconciler.py",
        "plan_rollout(deployment, target, observed, now, measured)",
        "plan_rollout("
        "deployment if target else replace(deployment, replicas=0), target, observed, now, measured)",
    ),
    Bug(
        "what belongs to others is taken for ours",
        "lockgate/apply/applier.py",
        '    if controller is not None and controller.get("uid") == deployment.uid:\n',
        "    if True:\n",
    ),
    Bug(
        "an edited child stays as it is",
        "lockgate/apply/applier.py",
        "        if (is_repair or is_bare) and drawing.release is not None:\n",
        "        if is_repair:\n            return\n"
        "        if (is_repair or is_bare) and drawing.release is not None:\n",
    ),
    Bug(
        "a pin is not followed",
        "lockgate/resolve/resolver.py",
        "wanted=Alias(deployment.alias) if pin is None else Number(pin.version)",
        "wanted=Alias(deployment.alias)",
    ),
    Bug(
        "a condition takes the time of every pass",
        "lockgate/api/conditions.py",
        "before.last_transition_time if before and unchanged else now",
        "now",
    ),
    Bug(
        "the history forgets what came before",
        "lockgate/report/compute.py",
        "(*reversed(finished), *found.previous.history)",
        "(*reversed(finished), *found.previous.history[:0 if finished else 99])",
    ),
    Bug(
        "the registry's key is told",
        "lockgate/__main__.py",
        "    set_up_logs(settings.log_level, settings.log_format)\n",
        "    set_up_logs(settings.log_level, settings.log_format)\n"
        "    print(settings.registry_api_key_file and settings.registry_api_key_file.read_text())\n",
    ),
)

KNOWN = {bug.name: bug for bug in BUGS}


def hunt(stand: Stand, bug: Bug, seed: int, minutes: float) -> str:
    """The invariant that finds the bug, or nothing."""
    with tempfile.TemporaryDirectory(prefix="seeded-") as scratch:
        copy = Path(scratch) / "operator"
        shutil.copytree(OPERATOR / "lockgate", copy / "lockgate")
        (copy / bug.file).write_text(bug.text(OPERATOR))
        say(f"seeded: {bug.name}")
        _, violation, rounds = campaign(replace(stand, code=copy), seed, minutes, quiet=True)
    return f"{violation.invariant} in round {len(rounds)}" if violation else ""
