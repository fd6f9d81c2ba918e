"""What a fetch tells: progress as JSON lines on standard error, the outcome as one line at the end.

The termination message is what the operator reads; it must never be the reason for a failure.
"""

import time
from pathlib import Path
from typing import Any, TextIO

import structlog

from lockgate.domain.fetched import FetchOutcome, format_outcome

TERMINATION_LOG = Path("/dev/termination-log")
_PROGRESS_SECONDS = 5.0


class Report:
    """Writes to one stream; `progress` may be called as often as one likes."""

    def __init__(self, stream: TextIO) -> None:
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(stream),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.dict_tracebacks,
                structlog.processors.JSONRenderer(),
            ],
        )
        self._started = self._told = time.monotonic()

    def say(self, event: str, **facts: Any) -> None:
        """One line."""
        self._log.info(event, **facts)

    def warn(self, event: str, **facts: Any) -> None:
        """One line about something that a person should look at."""
        self._log.warning(event, **facts)

    def defect(self, error: Exception) -> None:
        """A failure that has no name, with its traceback."""
        self._log.error("the fetch failed unexpectedly", exc_info=error)

    def progress(self, doing: str, done: int) -> None:
        """A line every five seconds at most; `done` is bytes."""
        now = time.monotonic()
        if now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            self._log.info(doing, bytes=done, seconds=round(now - self._started, 1))

    def end(self, outcome: FetchOutcome, termination_log: Path) -> None:
        """Tell the outcome to the operator, and to whoever reads the log."""
        message = format_outcome(outcome)
        if outcome.ok:
            self._log.info(
                "handed over", tree_digest=outcome.tree_digest, files=outcome.files, cached=outcome.cached
            )
        else:
            self._log.error("the fetch failed", reason=outcome.reason, message=outcome.message)
        if termination_log == TERMINATION_LOG and not termination_log.exists():
            return  # no kubelet is listening
        try:
            termination_log.write_text(message, encoding="utf-8")
        except OSError as error:
            self._log.warning(
                "the outcome could not be written", path=str(termination_log), error=error.strerror
            )
