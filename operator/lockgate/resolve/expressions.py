"""Does an expression in CEL hold of these facts? The one door to the library that knows the language.

The library is loaded by the first gate that anybody writes: it takes thirty megabytes. It gives up on what is
nested too deep, and what may be written at all is bounded where specs are read (`api/parse_gates.py`).
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from lockgate.sentences import listed, sentence

_REMEMBERED: Final = 256
_LONGEST: Final = 200
_SYNTAX: Final = re.compile(r"ERROR: <input>:1:(\d+): (.*?)(?: expecting |\n|$)")


class NoAnswer(Exception):
    """The expression cannot be read, or not be answered by these facts; says why."""


def check(expression: str, facts: Collection[str]) -> None:
    """Raise NoAnswer for what is no expression, or one of other things than these facts."""
    unknown = sorted(set(_compiled(expression).variables()) - set(facts))
    if unknown:
        raise NoAnswer(f"it names {listed(unknown)}; what there is are {listed(sorted(facts))}")


def names(expression: str, fact: str) -> bool:
    """Whether it speaks of a fact; raises NoAnswer for what is no expression."""
    return fact in _compiled(expression).variables()


def holds(expression: str, facts: Mapping[str, Any]) -> bool:
    """Whether it holds; raises NoAnswer where that cannot be told."""
    program = _compiled(expression)
    try:
        answer = program.execute(dict(facts))
    except KeyError as missing:
        raise NoAnswer(f"there is no {sentence(missing.args[0], _LONGEST)}") from None
    except _ENDING:
        raise
    except BaseException as error:  # a panic of the library is no Exception
        raise NoAnswer(_first_sentence(error)) from None
    if not isinstance(answer, bool):
        raise NoAnswer(f"it gives {type(answer).__name__} and neither true nor false")
    return answer


_ENDING = (KeyboardInterrupt, SystemExit, GeneratorExit)


@lru_cache(_REMEMBERED)
def _compiled(expression: str) -> Any:
    import cel

    try:
        return cel.compile(expression)
    except _ENDING:
        raise
    except BaseException as error:
        raise NoAnswer(_first_sentence(error)) from None


def _first_sentence(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    if wrong := _SYNTAX.search(text):
        return f"at character {wrong[1]}: {sentence(wrong[2], _LONGEST)}"
    # Behind the first sentence comes advice for whoever calls the library.
    return sentence(text.splitlines()[0].partition(". ")[0], _LONGEST)
