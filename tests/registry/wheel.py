"""Every GraphQL operation text that the installed `wandb` wheel carries, from its Python and its Go side."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, parse

_OPERATION = re.compile(r"\b(?:query|mutation|subscription)\s+[A-Z]\w*\s*[({]")
_GO_OPERATION = re.compile(rb"\n(?:query|mutation|subscription) [A-Z]\w+ ?[({]")
LONGEST = 20_000  # characters of one operation with its fragments


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `side` is "python" or "core" (the Go program the client starts)."""

    side: str
    name: str
    document: DocumentNode


def operations() -> list[Operation]:
    root = _wheel()
    found = [Operation("python", *named) for text in _python_texts(root) for named in _parsed(text)]
    found += [Operation("core", *named) for text in _core_texts(root) for named in _parsed(text)]
    return found


def _wheel() -> Path:
    spec = util.find_spec("wandb")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _parsed(text: str) -> Iterator[tuple[str, DocumentNode]]:
    try:
        document = parse(text)
    except GraphQLError:  # a template, to be completed at run time
        return
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode) and node.name is not None:
            yield node.name.value, document


def _python_texts(root: Path) -> Iterator[str]:
    for file in sorted(root.rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        if not _OPERATION.search(source):
            continue
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and _OPERATION.search(node.value)
            ):
                yield node.value


def _core_texts(root: Path) -> Iterator[str]:
    program = (root / "bin" / "wandb-core").read_bytes()
    for begin in _GO_OPERATION.finditer(program):
        text = program[begin.start() : begin.start() + LONGEST].decode("utf-8", "replace")
        end = _block_end(text, 0)
        while end and text.startswith("\nfragment ", end):
            end = _block_end(text, end)
        if end:
            yield text[:end]


def _block_end(text: str, begin: int) -> int:
    """Where the block that begins there ends; 0 when it does not."""
    depth = 0
    for at in range(begin, len(text)):
        if text[at] in "({":
            depth += 1
        elif text[at] in ")}":
            depth -= 1
            if depth == 0 and text[at] == "}":
                return at + 1
    return 0
