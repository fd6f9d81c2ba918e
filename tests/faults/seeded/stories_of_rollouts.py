"""What has gone wrong in rollouts of others, as bugs of ours: who serves, how much of it, who is next.

Random histories find each of them; how they do is not said here.
"""

from tests.faults.seeded.bug import Bug, Seed
from tests.faults.seeded.bugs import KNOWN

PLANNER = "lockgate/plan/planner.py"
REACH = "lockgate/plan/reach.py"
CARRIED = "lockgate/plan/carried.py"

ROLLOUTS: tuple[Seed, ...] = (
    Seed(
        1,
        Bug(
            "an abort while nothing is rolled out forgets who serves",
            "lockgate/plan/people.py",
            "    refusal = _refusal(deployment",
            "    if request.verb is Verb.ABORT and state.candidate is None:\n"
            "        return Heard(state=replace(state, stable=None), answer=_answer(text, 'it is'))\n"
            "    refusal = _refusal(deployment",
        ),
        "an abort was granted, and goes on",
        at=2,
    ),
    Seed(
        1,
        Bug(
            "an abort asks for no pods of who serves",
            "lockgate/plan/stages.py",
            "workload=workload, replicas=deployment.replicas)\n\n\ndef _answers",
            "workload=workload, replicas=deployment.replicas * (not deployment.request.startswith('abort')))"
            "\n\n\ndef _answers",
        ),
        "answer after an abort",
        at=1,
    ),
    Seed(
        2,
        Bug(
            "who serves gets its weight back before it has pods for it",
            CARRIED,
            "return present if is_candidate else max(present, min(weight, self._share(name)))",
            "return present if is_candidate else weight",
        ),
        "of which there are",
        at=1,
    ),
    Seed(
        2,
        Bug(
            "the front goes over before there are pods behind it",
            REACH,
            "return wanted if self.carriers.able(wanted) >= enough else present",
            "return wanted",
        ),
        "the front goes from",
    ),
    Seed(
        3,
        Bug(
            "one pod is enough for any weight",
            CARRIED,
            "self.able(name) >= pods_for(self.size, weight)",
            "self.able(name) >= min(1, weight)",
        ),
        "of which there are",
        at=1,
    ),
    Seed(
        4,
        Bug(
            "pods are counted down instead of up",
            CARRIED,
            "return -(-size * weight // WHOLE)",
            "return size * weight // WHOLE",
        ),
        "are asked of it",
        at=1,
    ),
    Seed(
        4,
        Bug(
            "who had a weight keeps all of it, whatever is left",
            CARRIED,
            "kept = max(0, min(left, had - weights.get(name, 0)))",
            "kept = had - weights.get(name, 0)",
        ),
        "weights that make no hundred",
        at=1,
    ),
    Seed(
        5,
        Bug(
            "what the gateway serves yet is not asked for",
            REACH,
            "(route.written, route.served, *route.possible)",
            "(route.written,)",
        ),
        "are asked of it",
        at=38,
    ),
    Seed(
        5,
        Bug(
            "who was superseded loses its pods at once",
            REACH,
            "kept = lock.held(gone, split, front)",
            "kept = gone",
        ),
        "are left at the front",
    ),
    Seed(
        6,
        Bug(
            "an abort is heard in the first step only",
            PLANNER,
            "(ask, heard.state, heard.abort) if heard.abort else",
            "(ask, heard.state, heard.abort) if heard.abort and not heard.state.step else",
        ),
        "an abort was granted, and goes on",
        at=31,
    ),
    Seed(
        6,
        KNOWN["a version that was aborted is tried again at once"],
        "tried again unasked",
        at=5,
    ),
    Seed(
        7,
        Bug(
            "who is given up is who serves from then on",
            PLANNER,
            "aborted = replace(with_end(ask.deployment, state.rests, ask.now),",
            "aborted = replace(with_end(ask.deployment, state.rests, ask.now), stable=candidate,",
        ),
        "a bad version serves",
        at=1,
    ),
    Seed(
        7,
        Bug(
            "a new candidate begins where the one before it was",
            PLANNER,
            "return begun(settled, with_known_tree(deployment, revision), trigger, now), superseded",
            "at_once = begun(settled, with_known_tree(deployment, revision), trigger, now)\n"
            "    return replace(at_once, step=state.step), superseded",
        ),
        "it begins in step",
        at=116,
    ),
    Seed(
        8,
        Bug(
            "a move of the alias is followed before it has settled",
            "lockgate/plan/settling.py",
            "until = state.awaited_since + settle.debounce",
            "until = state.awaited_since",
        ),
        "it begins too soon",
        at=13,
    ),
    Seed(
        17,
        Bug(
            "the step of a rollout that has ended stays in the status",
            "lockgate/api/status.py",
            "            candidate=None,\n            step=0,\n",
            "            candidate=None,\n",
        ),
        "outlives it",
        at=23,
    ),
    Seed(
        18,
        Bug(
            "one pod that proved its files speaks for all",
            "lockgate/domain/observed.py",
            "return frozenset(pod.proof.tree_digest for pod in self.pods_of(revision) if pod.proof)",
            "return frozenset([pod.proof.tree_digest for pod in self.pods_of(revision) if pod.proof][:1])",
        ),
        "a bad version serves",
        at=11,
    ),
)
