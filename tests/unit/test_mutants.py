"""What `make mutants` asks for is there, and what it tells adds up."""

import tomllib

from tests.alike import ALIKE, why_alike
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


def test_a_change_that_cannot_be_told_is_known_by_its_line_in_its_file():
    file, line, why = ALIKE[0]
    diff = ["+++ after", "-before", f"+        {line}"]
    assert why_alike(file, diff) == why
    assert why_alike("plan/other.py", diff) == ""
    assert why_alike(file, ["+++ after", f"-{line}", "+something else"]) == ""


def test_every_line_that_cannot_be_told_is_a_change_of_a_line_that_is_there():
    """Or it was written anew since, and is to be looked at again."""
    for file, line, _ in ALIKE:
        words = set(line.replace("(", " ").replace(",", " ").split())
        source = (ROOT / "operator" / "lockgate" / file).read_text()
        near = [set(each.replace("(", " ").replace(",", " ").split()) for each in source.splitlines()]
        assert any(len(words - each) <= 2 for each in near), (file, line)
