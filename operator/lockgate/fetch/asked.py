"""The side of a process that `child` starts: one task from standard input, one answer to standard output.

It ends at once when its parent is gone, so that nothing is written into what a later try works on.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from lockgate.domain.fetched import FetchReason

PROGRESS = "progress"
"""The file in the child's own directory in which it may tell how far it came."""


def answer_parent(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """Answer once; the argument of the process is the pipe that the parent holds open."""
    threading.Thread(target=_end_with, args=(int(sys.argv[1]),), daemon=True).start()
    task = json.load(sys.stdin)
    # A client prints at will; only our answer may reach the parent's pipe.
    pipe, sys.stdout = sys.stdout, sys.stderr
    answered = answer(task)
    pipe.write(json.dumps(answered))
    pipe.flush()
    return int(answered.get("reason") == FetchReason.INTERNAL_ERROR)


def _end_with(lifeline: int) -> None:
    """Wait until the parent is gone, and then be gone at once."""
    os.read(lifeline, 1)
    os._exit(1)
