"""Regular expressions within expressions of gates: which may be written, and what do they cost? Pure.

Going through a text with one is quick whatever it says; making it is not: what is repeated so many times
is made so many times, and a class of letters is thousands of ranges. Nothing is compiled here.
"""

import math
import re
from typing import Final

from lockgate.errors import InvalidSpec

COST_LIMIT: Final = 4000
"""Of all gates of a ModelDeployment together; about a tenth of a second."""

_OF_A_CLASS: Final = 40
_USED: Final = re.compile(r"\bmatches\s*\(")
_WRITTEN: Final = re.compile(r"""\bmatches\s*\(\s*([rR]?)(?:'([^']*)'|"([^"]*)")\s*\)""")
_CLASS: Final = re.compile(r"\\[A-Za-z]")
_REPEATED: Final = re.compile(r"\{([^}]*)")


def cost_of_patterns(expression: str, path: str) -> int:
    """What making all patterns of an expression costs; raises InvalidSpec where that cannot be told."""
    written = _WRITTEN.findall(expression)
    if len(written) < len(_USED.findall(expression)):
        raise InvalidSpec(path, "calls matches with something else than one pattern in plain quotes")
    return sum(_cost(one or other, bool(raw), path) for raw, one, other in written)


def _cost(pattern: str, is_raw: bool, path: str) -> int:
    if not is_raw:
        pattern = pattern.replace(r"\\", "\0")
        if "\\" in pattern:
            raise InvalidSpec(path, "escapes a character of a pattern; write the pattern as r'...'")
        pattern = pattern.replace("\0", "\\")
    size = len(pattern) + _OF_A_CLASS * len(_CLASS.findall(pattern))
    # They may be nested; whether they are nobody asks.
    return size * math.prod(map(_most, _REPEATED.findall(pattern)))


def _most(repetition: str) -> int:
    """How often something is repeated at the most; blanks between digits do not part them."""
    numbers = (re.sub(r"\D", "", each) for each in repetition.split(","))
    return max(int(number or 1) for number in numbers) or 1
