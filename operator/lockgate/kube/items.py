"""The objects of a list, one after the other: a page as a whole takes ten times its JSON in memory.

The API server names the kind and the version of a list before its items, which are read one by one
from there. A list that is written in another order is read as a whole. Pure.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from lockgate.domain.resources import Object

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def read_list(raw: bytes) -> tuple[Object, Iterator[Any]]:
    """What a list says of itself, and its items; both raise a ValueError for what is no list.

    The iterator may do so at any item, and in the end for what follows the last.
    """
    text = raw.decode(errors="surrogatepass")
    head: Object = {}
    for name, at in _fields(text, _after(text, 0, "{"), head):
        if name == "items" and text.startswith("[", at) and "metadata" in head:
            return head, _items(text, at + 1)
    items = head.pop("items", None)
    if not isinstance(items, list | None):
        raise ValueError("items are no list")
    return head, iter(items or ())


def _fields(text: str, at: int, into: Object) -> Iterator[tuple[str, int]]:
    """Read the fields of an object up to its end; tells of each before its value is read."""
    at = _space(text, at)
    if text.startswith("}", at):
        return _end(text, at + 1)
    while True:
        name, at = _value(text, at)
        if not isinstance(name, str):
            raise ValueError("a field without a name")
        at = _space(text, _after(text, at, ":"))
        yield name, at
        into[name], at = _value(text, at)
        at = _space(text, at)
        if text.startswith("}", at):
            return _end(text, at + 1)
        at = _space(text, _after(text, at, ","))


def _items(text: str, at: int) -> Iterator[Any]:
    at = _space(text, at)
    if not text.startswith("]", at):
        while True:
            item, at = _value(text, at)
            yield item
            # The next one is read when this one has gone.
            del item
            at = _space(text, at)
            if text.startswith("]", at):
                break
            at = _space(text, _after(text, at, ","))
    at = _space(text, at + 1)
    if text.startswith(",", at):
        for _ in _fields(text, at + 1, {}):
            pass
    else:
        _end(text, _after(text, at, "}"))


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _after(text: str, at: int, sign: str) -> int:
    at = _space(text, at)
    if not text.startswith(sign, at):
        raise ValueError(f"no {sign} at {at}")
    return at + 1


def _end(text: str, at: int) -> None:
    if _space(text, at) != len(text):
        raise ValueError("more than one value")
