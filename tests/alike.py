"""Which changes that survive cannot be told from the code as it is, and why: no test is missing for them.

Each is the line as the change has it. They stay in the score, for nobody proves such a sentence; but who
looks at what survived need not look at them again. `make mutants` asks, and this file asks nobody.
"""

from collections.abc import Iterable

FALSY = "None is as false as False"
BY_NO_TIME = "what says whether a step is reached asks for no time"
BY_ANY_NAME = "only that two fingerprints differ counts, by whatever name they are taken"
CHECKED_BEFORE = "both were found to be of one length before"
DRAWN_ANEW = "the track is drawn anew with its role a few lines further"

ALIKE: tuple[tuple[str, str, str], ...] = (
    ("apply/drift.py", 'found.append((path, fingerprint({"XXobservedXX": observed})))', BY_ANY_NAME),
    ("apply/drift.py", 'found.append((path, fingerprint({"OBSERVED": observed})))', BY_ANY_NAME),
    (
        "apply/drift.py",
        "for number, (ours, theirs) in enumerate(zip(rendered, observed, strict=None)):",
        CHECKED_BEFORE,
    ),
    ("apply/drift.py", "for number, (ours, theirs) in enumerate(zip(rendered, observed, )):", CHECKED_BEFORE),
    (
        "apply/drift.py",
        "for number, (ours, theirs) in enumerate(zip(rendered, observed, strict=False)):",
        CHECKED_BEFORE,
    ),
    ("plan/carried.py", "weights = self._weights(wanted, before, rises=None)", FALSY),
    ("plan/people.py", "return Heard(state=state, answer=_answer(text, str(error), granted=None))", FALSY),
    ("plan/people.py", "return Heard(state=state, answer=_answer(text, refusal, granted=None))", FALSY),
    (
        "plan/stages.py",
        "before = None if stable is None else _whole(deployment, observed, stable, None)",
        DRAWN_ANEW,
    ),
    ("plan/steps.py", "place = place_of(deployment, state, candidate, observed, None)", BY_NO_TIME),
    ("plan/steps.py", "place = place_of(deployment, following, candidate, observed, None)", BY_NO_TIME),
    (
        "plan/steps.py",
        "fewest = place_of(deployment, following, candidate, observed, None).evidence.replicas",
        BY_NO_TIME,
    ),
    (
        "plan/steps.py",
        "return Place(steps[state.step], state.step + 1 == len(steps), stage, evidence, None)",
        BY_NO_TIME,
    ),
)


def why_alike(file: str, diff: Iterable[str]) -> str:
    """Why this change cannot be told from the code as it is; nothing for one that a test might find."""
    new = {line[1:].strip() for line in diff if line.startswith("+") and not line.startswith("+++")}
    return next((why for of, line, why in ALIKE if of == file and line in new), "")
