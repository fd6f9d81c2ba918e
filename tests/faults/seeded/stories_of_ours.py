"""What others do not have and must not go wrong: bugs of gates, freezing, settling, quarantine and more.

Random histories find them, and one of them whoever is told of every write; how is not said here.
"""

from tests.faults.seeded.bug import Bug, Seed
from tests.faults.seeded.bugs import KNOWN

PLANNER = "lockgate/plan/planner.py"
FREEZING = "lockgate/plan/freezing.py"
SETTLING = "lockgate/plan/settling.py"

OURS: tuple[Seed, ...] = (
    Seed(
        19,
        Bug(
            "a pause is over at once",
            "lockgate/plan/gates/paused.py",
            "until = (evidence.reached_at or now) + duration",
            "until = evidence.reached_at or now",
        ),
        "its time is not over",
        at=3,
    ),
    Seed(
        19,
        Bug(
            "an approval of any step counts",
            "lockgate/plan/steps.py",
            "approval.step == state.step",
            "approval.step >= 0",
        ),
        "nobody approved it",
        at=66,
    ),
    Seed(
        20,
        Bug(
            "what was measured against a candidate is not heeded",
            "lockgate/plan/steps.py",
            "self.verdict is None or self.verdict.holds is not Holds.NO",
            "True",
        ),
        "what was measured against it is not heeded",
        at=7,
    ),
    Seed(
        20,
        Bug(
            "a step is reached once it is written",
            "lockgate/plan/gates/routed.py",
            "route.written == route.served == evidence.split",
            "route.written == evidence.split",
        ),
        "reached, and the gateway does otherwise",
        at=14,
    ),
    Seed(
        21,
        Bug(
            "who fails is taken back although it is to be held",
            FREEZING,
            "is_asked and state.stable is not None and problem[0] not in _NEVER",
            "False",
        ),
        "taken back, though it was to be held",
        at=24,
    ),
    Seed(
        21,
        Bug(
            "who fails is held although it is to be taken back",
            FREEZING,
            "return is_asked and state.stable is not None",
            "return state.stable is not None",
        ),
        "held, though it was to be taken back",
        at=1,
    ),
    Seed(
        22,
        Bug(
            "what failed elsewhere is tried",
            PLANNER,
            "    return target.failed_elsewhere\n",
            "    return None\n",
        ),
        "tried although it failed elsewhere",
        at=1,
    ),
    Seed(
        22,
        Bug(
            "what failed elsewhere is not even tried for a pin",
            PLANNER,
            "target is None or target.pinned or state.stable is None",
            "target is None or state.stable is None",
        ),
        "kept out, although a person has pinned it",
        at=22,
    ),
    Seed(
        23,
        Bug(
            "who is under way gives way although the next is to wait",
            SETTLING,
            "candidate is not None and deployment.supersede is Supersede.QUEUE and state.frozen is None",
            "False",
        ),
        "it does not wait for its turn",
        at=19,
    ),
    Seed(
        23,
        Bug(
            "the next begins before what was before has settled",
            SETTLING,
            "until = state.ended_at + settle.soak",
            "until = state.ended_at",
        ),
        "s after the one before",
        at=2,
    ),
    Seed(
        24,
        Bug(
            "nobody can look at who is to be switched to",
            "lockgate/plan/stages.py",
            "preview=workload if isinstance(deployment.strategy, BlueGreen) else None",
            "preview=None",
        ),
        "nobody can look at it",
        at=211,
    ),
    Seed(
        24,
        Bug(
            "whoever is in the shadow gets requests of its own",
            "lockgate/plan/strategies/shadow.py",
            "replicas=block.mirror, weight=0,",
            "replicas=block.mirror, weight=1,",
        ),
        "for a candidate whose step gives it 0",
        at=24,
    ),
    Seed(
        25,
        Bug(
            "the dead keep their weight",
            "lockgate/plan/carried.py",
            "weights[heir], weights[name] = weights.get(heir, 0) + weights[name], 0",
            "pass",
        ),
        "of which nobody lives",
        at=16,
    ),
    Seed(
        25,
        Bug(
            "what a gateway may serve is forgotten once it is written over",
            "lockgate/backends/deployment/served.py",
            "(*before, written)[-REMEMBERED:]",
            "(written,)",
        ),
        "are asked of it",
        at=38,
    ),
    Seed(
        26,
        Bug(
            "pods are replaced on while a person holds it",
            "lockgate/plan/shape.py",
            "        paused=True,\n    )\n    return Stage",
            "        paused=False,\n    )\n    return Stage",
        ),
        "held, and replaced on",
        at=15,
    ),
    Seed(
        26,
        Bug(
            "what failed is not tried again for a person",
            "lockgate/plan/failures.py",
            '"retry": deployment.retry',
            '"retry": ""',
        ),
        "a person wants it tried, and it is not",
        at=14,
    ),
    Seed(
        27,
        Bug(
            "an outage of the registry ends a rollout",
            PLANNER,
            "    if target is None:\n        return state, ()\n",
            "    if target is None:\n        return state.rests, ()\n",
        ),
        "a rollout ended without a word",
        at=75,
    ),
    Seed(27, KNOWN["an outage of the registry scales to nothing"], "the registry says nothing", at=2),
    Seed(
        28,
        Bug(
            "traffic comes before proof",
            "lockgate/plan/carried.py",
            "return min(there, proved)",
            "return there",
        ),
        "traffic for what is not proved",
        at=2,
    ),
    Seed(
        28,
        Bug(
            "nobody is ever late",
            "lockgate/plan/troubles.py",
            "if is_on_its_way and observed.unmoved >=",
            "if is_on_its_way and not observed.unmoved and observed.unmoved >",
        ),
        "it neither goes on nor waits",
        at=9,
    ),
)
