"""The one way in which the sandbox waits for what others do: a condition, and a deadline in words."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from typing import TypeVar

from lockgate_sandbox.errors import SandboxError

T = TypeVar("T")
PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_ANSWER_SECONDS = 5.0


def until(what: str, holds: Callable[[], T | None], within: float = PATIENCE_SECONDS) -> T:
    """What `holds` gave when it was true at last; SandboxError that names `what` after `within` seconds.

    An OSError is a "not yet": whoever is asked may still be starting.
    """
    deadline = time.monotonic() + within
    trouble = ""
    while time.monotonic() < deadline:
        try:
            if value := holds():
                return value
            trouble = ""
        except OSError as error:
            trouble = f" ({error})"
        time.sleep(_LOOK_SECONDS)
    raise SandboxError(f"not within {within:g} s: {what}{trouble}")


def until_it_answers(what: str, url: str) -> None:
    """Wait until a GET of `url` succeeds."""

    def answers() -> bool:
        with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - of our making
            return bool(answer.status == 200)

    until(f"{what} answers at {url}", answers)
