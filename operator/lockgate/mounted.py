"""A mounted file of settings: things by name, each with fields, in YAML or JSON.

What cannot be used stops the start with a sentence that names file, thing and field. What the fields
mean is said by whoever asks for them.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeGuard, TypeVar

import yaml

from lockgate.offers import EVERYWHERE
from lockgate.sentences import listed, sentence
from lockgate.settings import SettingsError

T = TypeVar("T")
NAMESPACES: Final = 'a list of namespaces, or ["*"] for all of them'
# As a spec may name one of them.
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing of a file: its name, where to look for it in words, and its fields as they are written."""

    name: str
    where: str
    raw: object

    def fields(self, of: type) -> dict[str, Any]:
        """The fields that have a value, by the names that a dataclass has for them; raises SettingsError.

        All that the dataclass has no default for must be there, and no others may be, `name` aside.
        """
        known = {written(field.name): field for field in fields(of) if field.name != "name"}
        needed = [
            name
            for name, field in known.items()
            if field.default is MISSING and field.default_factory is MISSING
        ]
        if not isinstance(self.raw, Mapping):
            raise SettingsError(f"{self.where}: it has no fields; write at least {listed(needed, most=10)}")
        for name in self.raw:
            if name not in known:
                told = f"field {sentence(name, 80)} is not known; there are {listed(known, most=len(known))}"
                raise SettingsError(f"{self.where}: {told}")
        for name in needed:
            if self.raw.get(name) is None:
                raise SettingsError(f"{self.where}: field {name} is missing")
        return {known[name].name: value for name, value in self.raw.items() if value is not None}


def read_each(file: Path | None, variable: str, thing: str, read: Callable[[Entry], T]) -> dict[str, T]:
    """All things that a file names, at least one; none without a file. Raises SettingsError.

    `variable` is what names the file, `read` makes a thing of its entry.
    """
    return {} if file is None else {entry.name: read(entry) for entry in _entries(file, variable, thing)}


def is_name(value: object) -> bool:
    """Whether it can be the name of a host, and so of a namespace."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def are_namespaces(value: object) -> TypeGuard[list[str]]:
    """Whether it says to whom a thing is offered: as NAMESPACES asks for it."""
    return isinstance(value, list) and bool(value) and all(v == EVERYWHERE or is_name(v) for v in value)


def is_seconds(value: object, most: float = math.inf) -> TypeGuard[float]:
    """Whether it is a length of time: a number above 0, and at most so much where that is given."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 < value <= most and value < math.inf


def _entries(file: Path, variable: str, thing: str) -> list[Entry]:
    try:
        document = yaml.load(file.read_text(), _EachOnce)  # noqa: S506 - it is the safe loader
    except OSError as error:
        raise SettingsError(f"{file}, which {variable} names, cannot be read ({error.strerror})") from None
    # RecursionError: it may be nothing but brackets.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingsError(f"{file} is neither YAML nor JSON: {sentence(error, 200)}") from None
    if not isinstance(document, Mapping) or not document:
        raise SettingsError(f"{file} names no {thing}; write each as its name, with its fields beneath")
    return [_entry(f"{file}, {thing} {sentence(name, 80)}", name, raw) for name, raw in document.items()]


def refused(where: str, field: str, value: object, wanted: str) -> SettingsError:
    """The error for a value that cannot be used; `field` as the dataclass has it."""
    return SettingsError(f"{where}: field {written(field)} is {sentence(repr(value), 80)}; write {wanted}")


def written(field: str) -> str:
    """A field of a dataclass as the file and the chart write it."""
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _entry(where: str, name: object, raw: object) -> Entry:
    if not isinstance(name, str) or not is_name(name):
        raise SettingsError(f"{where}: a name has at most 63 lower-case letters, digits and dashes")
    return Entry(name=name, where=where, raw=raw)


class _EachOnce(yaml.SafeLoader):
    """YAML lets the last of two equal keys win, silently: here that would be a thing that nobody knows of."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"{key} is there {keys.count(key)} times; keep one")
        return super().construct_mapping(node, deep)
