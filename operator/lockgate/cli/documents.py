"""Objects as documents for programs: JSON and YAML, in which nothing can steer the terminal that shows them.

The tool's one door for YAML.
"""

import json
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, Final

import yaml

from lockgate.domain.resources import MODEL_DEPLOYMENT, Object
from lockgate.names import GROUP

_UNSEEN: Final = re.compile(r"[^\x20-\x7e\n]")
_MANAGED_FIELDS: Final = "managedFields"


class Output(StrEnum):
    """How something is written."""

    TABLE = "table"
    WIDE = "wide"
    NAME = "name"
    JSON = "json"
    YAML = "yaml"


def document(value: Any, output: Output) -> str:
    """A value as JSON or YAML."""
    if output is Output.YAML:
        # Told to allow other scripts, it would let marks through that turn a line around.
        readable = json.dumps(value, ensure_ascii=False).isprintable()
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=readable, width=120)
    return _escaped(json.dumps(value, ensure_ascii=False, indent=2)) + "\n"


def record(value: Any) -> str:
    """A value as one line of JSON."""
    return _escaped(json.dumps(value, ensure_ascii=False, separators=(",", ":"))) + "\n"


def of_objects(objects: Sequence[Object], *, one: bool) -> Object:
    """What stands for these objects: the only one that was named, or a list."""
    if one:
        return objects[0]
    return {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": list(objects)}


def names_of(objects: Iterable[Object]) -> str:
    """One line for each, as kubectl takes it again."""
    kind = MODEL_DEPLOYMENT.kind.lower()
    return "".join(f"{kind}.{GROUP}/{obj['metadata']['name']}\n" for obj in objects)


def without_managed_fields(obj: Object) -> Object:
    """The object without the bookkeeping of who owns which field."""
    metadata = {name: value for name, value in obj["metadata"].items() if name != _MANAGED_FIELDS}
    kept = {name: value for name, value in obj.items() if name not in ("metadata", "apiVersion", "kind")}
    identity = {"apiVersion": MODEL_DEPLOYMENT.api_version, "kind": MODEL_DEPLOYMENT.kind}
    return {**identity, "metadata": metadata, **kept}


def _escaped(text: str) -> str:
    return _UNSEEN.sub(lambda found: found[0] if found[0].isprintable() else _code(found[0]), text)


def _code(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
