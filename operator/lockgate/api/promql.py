"""Where a PromQL text leaves room for what it is to be asked of, and how that room is filled.

`$namespace`, `$name` and `$release` say whose pods are meant, `$window` the length of a measurement;
no other name may follow a dollar sign. `$1` and `${1}` are PromQL's own and stay. A value is of
letters, digits and dashes only, so that none can end a label matcher or mean more than itself in a
regular expression. Pure.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

PLACES: Final = ("namespace", "name", "release", "window")
"""What may be filled in, each written after a dollar sign."""
RELEASE: Final = "release"
# A name is read as far as it goes, so that $names is another one than $name.
_PLACE = re.compile(r"\$(\{?)([A-Za-z_][A-Za-z0-9_]*)")
_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?")


def unknown_places(promql: str) -> tuple[str, ...]:
    """What follows a dollar sign and cannot be filled in, as it is written, each once."""
    found = (match for match in _PLACE.finditer(promql) if match[1] or match[2] not in PLACES)
    return tuple(dict.fromkeys(match[0] + ("}" if match[1] else "") for match in found))


def places_of(promql: str) -> frozenset[str]:
    """The places that a text has."""
    return frozenset(match[2] for match in _PLACE.finditer(promql) if not match[1])


def filled(promql: str, values: Mapping[str, str]) -> str:
    """The text with every place filled; raises ValueError for a value that might say more than a name.

    Filled in one go: what a value says is never read as a place.
    """
    for name in places_of(promql):
        if name not in values or not _VALUE.fullmatch(values[name]):
            raise ValueError(f"{name} is no value that could be put into a PromQL text")
    return _PLACE.sub(lambda match: values[match[2]], promql)


def window_text(length: timedelta) -> str:
    """A length of whole seconds as PromQL writes durations."""
    return f"{int(length.total_seconds())}s"
