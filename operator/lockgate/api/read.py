"""Reads one field: of a spec as what it should be, or with a word on the fix; of a status, or not.

People mend a spec, so a field of it that cannot be read is an InvalidSpec that names it. `parent`
is the path of the mapping that holds it, the way kubectl explain writes it; an absent field and a
null are the same. Nobody mends a status: a part of it that makes no sense is absent. Pure.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeVar

from lockgate.api.limits import LARGEST_NUMBER, is_count
from lockgate.api.moments import parse_time
from lockgate.api.quantity import parse_quantity
from lockgate.errors import InvalidSpec
from lockgate.sentences import cause, is_name, listed, sentence

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
MISSHAPEN: Final = (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError)
"""What reading a thing of an unknown shape can raise."""
LONGEST_DURATION: Final = timedelta(hours=24)
_DURATION = re.compile(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")
_PERCENT = re.compile(r"[0-9]{1,4}%")
_RESOURCE_NAME_LIMIT = 128
_RESOURCES_LIMIT = 16
_QUANTITY_LIMIT = 32


def section(raw: Mapping[str, Any], name: str, parent: str) -> Mapping[str, Any]:
    """A mapping that must be there."""
    value = optional_section(raw, name, parent)
    if value is None:
        raise InvalidSpec(_path(parent, name), "is missing")
    return value


def optional_section(raw: Mapping[str, Any], name: str, parent: str) -> Mapping[str, Any] | None:
    """A mapping, if it is there."""
    value = raw.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise InvalidSpec(_path(parent, name), f"is {_shown(value)}; it holds fields of its own")
    return value


def one_block(raw: Mapping[str, Any], path: str, known: Collection[str]) -> tuple[str, Mapping[str, Any]]:
    """The only block written at a path where one of several may be, with its name."""
    named = [name for name, block in raw.items() if block is not None]
    if len(named) != 1 or named[0] not in known:
        raise InvalidSpec(path, f"names {listed(map(str, named)) or 'nothing'}; write one of {listed(known)}")
    return named[0], optional_section(raw, named[0], path) or {}


def text(raw: Mapping[str, Any], name: str, parent: str, limit: int) -> str:
    """A printable text that must be there."""
    value = raw.get(name)
    if value is None or value == "":
        raise InvalidSpec(_path(parent, name), "is missing")
    if not is_name(value, limit):
        raise InvalidSpec(
            _path(parent, name), f"is {_shown(value)}; write a text of at most {limit} printable characters"
        )
    return str(value)


def prose(raw: Mapping[str, Any], name: str, parent: str) -> str:
    """What a person wrote for people, which must be there; taken on one line."""
    value = raw.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidSpec(_path(parent, name), "is missing")
    return cause(value)


def texts(raw: Mapping[str, Any], name: str, parent: str) -> tuple[str, ...]:
    """A list of texts, empty if absent; each may be any text, as an argument of a program may."""
    value = raw.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidSpec(_path(parent, name), f"is {_shown(value)}; write a list of texts")
    return tuple(value)


def integer(
    raw: Mapping[str, Any], name: str, parent: str, *, default: int | None = None, least: int, most: int
) -> int:
    """A whole number within bounds."""
    value = raw.get(name)
    if value is None:
        value = default
    if value is None:
        raise InvalidSpec(_path(parent, name), "is missing")
    if type(value) is not int or not least <= value <= most:
        raise InvalidSpec(
            _path(parent, name), f"is {_shown(value)}; write a whole number from {least} to {most}"
        )
    return value


def boolean(raw: Mapping[str, Any], name: str, parent: str) -> bool:
    """True or false; false if absent."""
    value = raw.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidSpec(_path(parent, name), f"is {_shown(value)}; write true or false")
    return bool(value)


def choice(raw: Mapping[str, Any], name: str, parent: str, *, default: E) -> E:
    """One of the words of an enumeration; a word of another release is no word of ours."""
    value = raw.get(name)
    words = type(default)
    if value is None:
        return default
    try:
        return words(value)
    except ValueError:
        known = listed((word.value for word in words), most=10)
        raise InvalidSpec(
            _path(parent, name), f"is {_shown(value)}; this release of Lockgate knows {known}"
        ) from None


def duration(
    raw: Mapping[str, Any], name: str, parent: str, *, default: str, may_be_zero: bool = False
) -> timedelta:
    """A duration such as 10m or 1h30m, above zero unless that may be, and not above a day."""
    value = raw.get(name)
    path = _path(parent, name)
    value = default if value is None else value
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        raise InvalidSpec(path, f"is {_shown(value)}; write a duration such as 30s, 10m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not length and not may_be_zero:
        raise InvalidSpec(path, "is zero; write a duration such as 10m")
    if length > LONGEST_DURATION:
        raise InvalidSpec(path, f"is {_shown(value)}; write at most 24h")
    return length


def bound(raw: Mapping[str, Any], name: str, parent: str, *, default: int | str) -> int | str:
    """A number of pods or a percentage of them, as a Deployment takes it."""
    value = raw.get(name)
    value = default if value is None else value
    if type(value) is int and 0 <= value <= 1000:
        return value
    if isinstance(value, str) and _PERCENT.fullmatch(value):
        return value
    raise InvalidSpec(
        _path(parent, name),
        f"is {_shown(value)}; write a number of pods up to 1000 or a percentage such as 25%",
    )


def amounts(raw: Mapping[str, Any] | None, name: str, parent: str) -> dict[str, str]:
    """Quantities by resource name; they stay the text that was written."""
    path = _path(parent, name)
    known = optional_section(raw or {}, name, parent) or {}
    if len(known) > _RESOURCES_LIMIT:
        raise InvalidSpec(path, f"names {len(known)} resources; name at most {_RESOURCES_LIMIT}")
    return {resource: _amount(amount, resource, path) for resource, amount in known.items()}


def _amount(value: object, resource: object, path: str) -> str:
    if not is_name(resource, _RESOURCE_NAME_LIMIT):
        raise InvalidSpec(
            path, f"names {_shown(resource)}; a resource's name has at most {_RESOURCE_NAME_LIMIT} characters"
        )
    field = f"{path}.{resource}"
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number and not is_name(value, _QUANTITY_LIMIT):
        raise InvalidSpec(field, f"is {_shown(value)}; write a quantity such as 500m, 2 or 1Gi")
    try:
        if parse_quantity(str(value)) < 0:
            raise InvalidSpec(field, f"is {_shown(value)}; it must not be below 0")
    except ValueError as error:
        raise InvalidSpec(field, f"cannot be read: {error}") from None
    return str(value)


def _path(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


def _shown(value: object) -> str:
    """What was written, as far as it helps; a number of thousands of digits has no text."""
    try:
        return sentence(repr(value), 60)
    except ValueError:
        return "a number beyond bounds"


def lenient(read_part: Callable[[], T]) -> T | None:
    """A part of a status, or nothing when it makes no sense."""
    try:
        return read_part()
    except MISSHAPEN:
        return None


def each(raw: Any, read_entry: Callable[[Any], T]) -> tuple[T, ...]:
    """Every entry that makes sense, so that one that makes none takes nothing else with it."""
    entries = (lenient(partial(read_entry, entry)) for entry in (raw if isinstance(raw, list) else ()))
    return tuple(entry for entry in entries if entry is not None)


def count(value: Any, largest: int = LARGEST_NUMBER) -> int | None:
    """A whole number from 0."""
    return value if is_count(value) and value <= largest else None


def moment(text: str) -> datetime:
    """A moment that others may be reckoned from: the ends of the calendar have no room beside them."""
    read = parse_time(text)
    if not 1 < read.year < 9999:
        raise ValueError("no pass was ever made then")
    return read
