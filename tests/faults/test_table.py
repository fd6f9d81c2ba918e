"""docs/faults.md names every fault, and every test that it names exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "faults.md").read_text()
ROWS = dict(re.findall(r"^\| (F\d+) \| .* \| (.*) \|$", TABLE, re.MULTILINE))
FAULTS = 50


def test_every_fault_has_a_row():
    assert list(ROWS) == [f"F{number}" for number in range(1, FAULTS + 1)]


def test_every_row_names_a_test_or_says_why_there_is_none():
    bare = [fault for fault, tests in ROWS.items() if "::test_" not in tests and len(tests) < 20]
    assert bare == []


def test_every_named_test_exists():
    missing = []
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TABLE):
        text = (ROOT / path).read_text() if (ROOT / path).exists() else ""
        if not re.search(rf"^(async )?def {name}\(", text, re.MULTILINE):
            missing.append(f"{path}::{name}")
    assert missing == []
