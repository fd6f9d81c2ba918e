"""What `make mutants` asks for is there, and what it tells adds up."""

import tomllib

from tests.mutants import FOLDERS, LEFT_OUT, QUICK, ROOT, TESTS, Mutant, Row, settings


def test_every_test_and_folder_that_is_named_exists():
    named = [*QUICK, *TESTS, *LEFT_OUT, *(f"operator/lockgate/{folder}" for folder in FOLDERS)]
    assert [path for path in named if not (ROOT / path.partition("::")[0]).exists()] == []


def test_the_source_is_called_in_pyproject_as_the_copy_changes_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["pytest"]["ini_options"]["pythonpath"] == ["operator", "."]
    assert "mutmut" not in project["tool"], "it would be in the copy twice"
    assert tomllib.loads(settings(QUICK))["tool"]["mutmut"]["source_paths"] == ["src/lockgate"]


def test_what_was_not_killed_and_ended_counts_against_the_score():
    ended = ["killed", "killed", "killed", "timeout", "survived", "no tests", "segfault", "suspicious"]
    row = Row(
        "plan/reach.py", [Mutant("plan/reach.py", str(number), how) for number, how in enumerate(ended)]
    )
    assert row.as_dict() == {
        "file": "plan/reach.py",
        "mutants": 8,
        "killed": 3,
        "timedOut": 1,
        "survived": 4,
        "score": 50.0,
    }
