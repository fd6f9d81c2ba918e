"""Changes what decides (plan/) and what writes (apply/) in small ways, and runs the tests on each of them.

A change that no test notices has survived: it is a promise that nobody holds us to, or code that does
nothing. mutmut makes the changes and forks a process for each, in which the tests run that touch the
changed function. It finds modules by their path below `src`, so it works on a copy where operator/ is
called so; the copy is made anew each time and stays, for `--last`.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from tests.alike import why_alike

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "build" / "mutants"
FOLDERS = ("plan", "apply")
VERDICTS = PLACE / "verdicts.json"
COPIED = {"operator": "src", "tests": "tests", "crds": "crds"}
# What asks the functions of plan/ and apply/ themselves, in a blink: each mutant has to pass these first,
QUICK = (
    "tests/unit/test_analysis.py",
    "tests/unit/test_arms.py",
    "tests/unit/test_brake.py",
    "tests/unit/test_drift.py",
    "tests/unit/test_freezing.py",
    "tests/unit/test_gates.py",
    "tests/unit/test_held_steps.py",
    "tests/unit/test_how_far_a_candidate_is.py",
    "tests/unit/test_in_which_order_children_are_written.py",
    "tests/unit/test_ledger.py",
    "tests/unit/test_objects_as_written.py",
    "tests/unit/test_one_step_of_a_rollout.py",
    "tests/unit/test_reach.py",
    "tests/unit/test_settling.py",
    "tests/unit/test_steps_of_strategies.py",
    "tests/unit/test_what_goes_away.py",
    "tests/unit/test_what_histories_found.py",
    "tests/unit/test_what_is_believed_without_a_status.py",
    "tests/unit/test_what_is_left_of_who_failed.py",
    "tests/unit/test_what_is_remembered_of_failures.py",
    "tests/unit/test_what_is_within_reach.py",
    "tests/unit/test_what_people_are_answered.py",
    "tests/unit/test_what_the_planner_says.py",
    "tests/unit/test_writing_children.py",
)
# and these as well if it does. None starts a server.
TESTS = (
    *QUICK,
    "tests/golden",
    "tests/scenario",
    "tests/unit/test_analysis_properties.py",
    "tests/unit/test_planner_properties.py",
    "tests/unit/test_simulated_traffic.py::test_whatever_happens_to_whatever_strategy_the_promises_hold",
    "tests/unit/test_simulation.py",
)
# Any text in a spec or a status, thousands of times: for what reads and tells, and too long for each mutant.
LEFT_OUT = ("tests/scenario/test_surprises.py",)
SETTINGS = {
    "LOCKGATE_REACH_WRITES": "10000",
    "LOCKGATE_SIMULATION_EPISODES": "40",
    "LOCKGATE_TRAFFIC_WRITES": "2000",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}
# A mutant has this many times as long as its tests take, and a few seconds for the busy machine.
PATIENCE, GRACE_SECONDS = 4.0, 5.0
_ENDED_BY_FORCE = -9  # which mutmut takes for a crash, and which is how those end that heed no other limit

EXPLANATION = """\
  python -m tests.mutants                              all of plan/ and apply/
  python -m tests.mutants 'lockgate.apply.brake.*'     what is called so, after a change of its tests
  python -m tests.mutants --last --survivors           the last run once more, with what survived as diffs
  python -m tests.mutants --last --json | jq .total    the same for programs

The score is what was killed or never ended, of all; it fails below --least. Some survivors cannot be
told from the code as it is: tests/alike.py names them and says why, and they stay in the score.
"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change, and how it ended in the words of mutmut."""

    file: str
    name: str
    ended: str

    @property
    def is_killed(self) -> bool:
        """Whether a test failed."""
        return self.ended == "killed"

    @property
    def is_late(self) -> bool:
        """Whether the tests never ended."""
        return self.ended == "timeout"

    @property
    def has_survived(self) -> bool:
        """Whether nobody noticed, or nobody looked."""
        return not (self.is_killed or self.is_late)


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    file: str
    those: Sequence[Mutant]

    @cached_property
    def killed(self) -> int:
        """How many a test failed on."""
        return sum(mutant.is_killed for mutant in self.those)

    @cached_property
    def late(self) -> int:
        """How many never ended."""
        return sum(mutant.is_late for mutant in self.those)

    @property
    def survived(self) -> int:
        """How many nobody noticed."""
        return len(self.those) - self.killed - self.late

    @property
    def score(self) -> float:
        """Percent that were noticed."""
        return 100 * (self.killed + self.late) / len(self.those) if self.those else 100.0

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        counts = {"mutants": len(self.those), "killed": self.killed, "timedOut": self.late}
        return {"file": self.file, **counts, "survived": self.survived, "score": round(self.score, 1)}

    def __str__(self) -> str:
        numbers = f"{len(self.those):7}  {self.killed:6}  {self.late:9}  {self.survived:8}"
        return f"{self.file:32}  {numbers}  {self.score:5.1f} %"


def main() -> int:
    """Exit code 0 when the score is enough."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description=__doc__,
        epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help="only mutants of such names, * for anything; all without")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one a processor)")
    parser.add_argument("--quick", action="store_true", help="only the quick tests, in a few minutes")
    parser.add_argument("--last", action="store_true", help="run nothing and tell of the last run")
    parser.add_argument("--survivors", action="store_true", help="show what survived, as diffs")
    parser.add_argument(
        "--json", action="store_true", help="tell it as JSON, with the diffs of what survived"
    )
    parser.add_argument("--least", type=float, default=85.0, metavar="PERCENT", help="the least score (85)")
    options = parser.parse_args()
    if not options.last:
        lay_out()
        run(options.jobs, options.names, is_quick=options.quick)
    if not VERDICTS.exists():
        raise SystemExit("mutants: nothing has been run")
    mutants = [Mutant(**known) for known in json.loads(VERDICTS.read_text())]
    files = sorted({mutant.file for mutant in mutants}, key=lambda file: (file.split("/")[0] != "plan", file))
    rows = [Row(file, [mutant for mutant in mutants if mutant.file == file]) for file in files]
    total = Row("total", mutants)
    if options.json:
        print(json.dumps(told(rows, total), indent=2))
    else:
        if options.survivors:
            for mutant, diff in survivors(mutants):
                why = why_alike(mutant.file, diff.splitlines())
                print(f"{f'cannot be told ({why})' if why else mutant.ended}: {mutant.name}\n{diff}\n")
        print(f"{'file':32}  mutants  killed  timed out  survived  score")
        print(*rows, total, sep="\n", flush=True)
    return 0 if total.score >= options.least else 1


def told(rows: Sequence[Row], total: Row) -> dict[str, object]:
    """All of it for programs."""
    lived = [
        asdict(mutant) | {"alike": why_alike(mutant.file, diff.splitlines()), "diff": diff}
        for mutant, diff in survivors(total.those)
    ]
    return {"files": [row.as_dict() for row in rows], "total": total.as_dict(), "survivors": lived}


def lay_out() -> None:
    """The copy."""
    shutil.rmtree(PLACE, ignore_errors=True)
    for source, name in COPIED.items():
        shutil.copytree(ROOT / source, PLACE / name, ignore=shutil.ignore_patterns("__pycache__"))


def choose(tests: Sequence[str]) -> None:
    """Tell mutmut what to do with the copy, and by which tests."""
    project = (ROOT / "pyproject.toml").read_text()
    asked = 'pythonpath = ["operator", "."]'
    if asked not in project:
        raise SystemExit(f"mutants: pyproject.toml has no line {asked!r} any more")
    ours = project.replace(asked, 'pythonpath = ["src", "."]')
    (PLACE / "pyproject.toml").write_text(ours + settings(tests))


def settings(tests: Sequence[str]) -> str:
    """What mutmut reads."""
    left_out = [f"--ignore={path}" for path in LEFT_OUT]
    lines = {
        "source_paths": ["src/lockgate"],
        "only_mutate": [f"src/lockgate/{folder}/*" for folder in FOLDERS],
        "also_copy": ["src/lockgate_sandbox", "crds"],
        "pytest_add_cli_args_test_selection": [*tests, *left_out],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "--hypothesis-profile=repeated"],
        "timeout_multiplier": PATIENCE,
        "timeout_constant": GRACE_SECONDS,
        "use_git_change_detection": False,
    }
    return "\n[tool.mutmut]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())


def run(jobs: int, names: Sequence[str], *, is_quick: bool) -> None:
    """Every mutant by the quick tests, then what survived by all, then what did not end once more.

    The machine may have stood still when something did not end.
    """
    choose(QUICK)
    mutmut("by the quick tests", jobs, names)
    known = {mutant.name: mutant for mutant in what_mutmut_keeps() if mutant.ended != "not checked"}
    for title, is_meant in (("by all tests", "has_survived"), ("that did not end, once more", "is_late")):
        left = [mutant.name for mutant in known.values() if getattr(mutant, is_meant)]
        if left and not is_quick:
            choose(TESTS)
            mutmut(title, jobs, left)
            known |= {mutant.name: mutant for mutant in what_mutmut_keeps() if mutant.name in left}
        VERDICTS.write_text(json.dumps([asdict(mutant) for mutant in known.values()], indent=1))


def mutmut(title: str, jobs: int, names: Sequence[str]) -> None:
    """Let it work on mutants of these names, or all, and tell how far it is."""
    number = None if any("*" in name for name in names) else len(names) or None
    program = str(Path(sys.executable).parent / "mutmut")
    command = [program, "run", f"--max-children={jobs}", *names]
    environment = {**os.environ, **SETTINGS, "PYTHONPATH": ""}
    said, begun, told_at = [], time.monotonic(), 0.0
    with subprocess.Popen(
        command, cwd=PLACE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:  # which ends at each \r, too
            said.append(line)
            now = time.monotonic()
            if (far := re.search(r"(\d+)/(\d+) .*🙁 (\d+)", line)) and now >= told_at + 10:
                told_at, of = now, number or int(far[2])
                # What is run once more was counted before, so that then there is no telling how far it is.
                how_far = f": {far[1]} of {of}, {far[3]} survived so far" if int(far[1]) <= of else ""
                print(f"mutants {title}{how_far} ({now - begun:.0f} s)", file=sys.stderr, flush=True)
    if process.returncode or any(line.startswith("Stopping") for line in said):
        raise SystemExit(f"{''.join(said[-60:])}\nmutants: mutmut ended with {process.returncode}")


def what_mutmut_keeps() -> list[Mutant]:
    """All that were made, by what mutmut keeps of them."""
    from mutmut.stats import status_by_exit_code

    found = []
    source = PLACE / "mutants" / "src" / "lockgate"
    for meta in sorted(source.rglob("*.py.meta")):
        file = meta.relative_to(source).as_posix().removesuffix(".meta")
        for name, code in json.loads(meta.read_text())["exit_code_by_key"].items():
            ended = "timeout" if code == _ENDED_BY_FORCE else status_by_exit_code[code]
            found.append(Mutant(file, name, ended))
    return found


def survivors(mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, str]]:
    """What survived, with the diffs."""
    with chdir(PLACE):  # where mutmut finds its settings as soon as it is asked
        from mutmut.mutation.diff_apply import get_diff_for_mutant

        for mutant in mutants:
            if mutant.has_survived:
                yield mutant, get_diff_for_mutant(mutant.name, path=f"src/lockgate/{mutant.file}")


if __name__ == "__main__":
    sys.exit(main())
