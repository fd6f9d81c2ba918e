"""The time is read in one place: whoever decides or draws is told it."""

import ast
from collections.abc import Iterator
from pathlib import Path

LOCKGATE = Path(__file__).parents[2] / "operator" / "lockgate"
READS_THE_CLOCK = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time")


def readers(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and ast.unparse(node).endswith(READS_THE_CLOCK):
            yield f"{path.relative_to(LOCKGATE)}: {ast.unparse(node)}"


def test_one_module_alone_reads_the_clock():
    found = [reader for path in sorted(LOCKGATE.rglob("*.py")) for reader in readers(path)]
    assert found == ["clock.py: datetime.now"]
