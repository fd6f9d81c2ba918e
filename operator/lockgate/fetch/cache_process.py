"""The part of a fetch that works on the cache, in a process that may be killed.

A volume that is shared over a network may answer never: then this process stands still, and the fetch
goes on without it.
"""

import sys
import time
import traceback
from pathlib import Path
from typing import Any

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch.asked import PROGRESS, answer_parent
from lockgate.fetch.cache import Cache
from lockgate.fetch.download import as_answer, read_entries
from lockgate.fetch.sources import source_of
from lockgate.fetch.space import FULL

_TELL_SECONDS = 1.0


class _Progress:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._done = 0
        self._told = time.monotonic()

    def __call__(self, more: int) -> None:
        self._done += more
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            self._path.write_text(str(self._done))


def _work(task: dict[str, Any]) -> dict[str, Any]:
    proves = source_of(task["uri"]).proves
    cache = Cache(Path(task["cache"]), proves, _Progress(Path(PROGRESS)))
    if "staging" in task:
        bounds = {"max_bytes": task["maxBytes"], "max_files": task["maxFiles"]}
        return as_answer(cache.bring(task["claim"], Path(task["staging"]), **bounds))
    said = cache.keep(
        task["claim"],
        read_entries(task["entries"]),
        Path(task["tree"]),
        max_bytes=task["cacheBytes"],
        replace=task["replace"],
    )
    return {"said": said}


def _answer(task: dict[str, Any]) -> dict[str, Any]:
    try:
        return _work(task)
    except FetchProblem as problem:
        return {"reason": problem.reason.value, "message": problem.message}
    except OSError as error:
        reason = FetchReason.NO_SPACE if error.errno in FULL else FetchReason.MISSING_FILE
        return {"reason": reason.value, "message": f"its volume failed: {error.strerror}"}
    except Exception as error:
        traceback.print_exc()
        said = f"it failed unexpectedly ({type(error).__name__})"
        return {"reason": FetchReason.INTERNAL_ERROR.value, "message": said}


if __name__ == "__main__":
    sys.exit(answer_parent(_answer))
