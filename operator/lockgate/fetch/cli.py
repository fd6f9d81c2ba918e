"""`lockgate fetch`: the init container's program, from arguments to exit code.

Exit codes: 0 handed over; 1 the version may never be served (wrong bytes, escaping paths, too
large, references); 2 trying again may help; 3 wrong arguments; 143 stopped by SIGTERM.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import structlog

from lockgate.fetch.child import Interrupted, run_download
from lockgate.fetch.download import read_answer
from lockgate.fetch.handover import discard, hand_over, make_staging
from lockgate.fetch.outcome import (
    PERMANENT,
    FetchOutcome,
    FetchProblem,
    FetchReason,
    format_outcome,
)
from lockgate.fetch.proof import prove

_log = structlog.get_logger(__name__)
_REQUEST_SECONDS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--reference", required=True, metavar="ENTITY/wandb-registry-R/COLLECTION:vN", help="what to fetch")
    add("--digest", required=True, metavar="HEX", help="the W&B manifest digest that it must have")
    add("--into", required=True, type=Path, metavar="DIR", help="directory to fill; emptied first")
    add("--base-url", default=os.environ.get("WANDB_BASE_URL"), help="the registry (default: WANDB_BASE_URL)")
    add("--api-key-file", type=Path, metavar="PATH", help="file with the API key (default: WANDB_API_KEY)")
    add("--deadline", type=float, default=900, metavar="SECONDS", help="for the whole fetch (default: 900)")
    add("--max-bytes", type=int, default=100 * 2**30, metavar="N", help="for all files (default: 100 GiB)")
    add("--max-files", type=int, default=10_000, metavar="N", help="number of files (default: 10000)")
    add(
        "--termination-log",
        type=Path,
        default=Path("/dev/termination-log"),
        metavar="PATH",
        help="where the outcome is told, as one line of JSON",
    )


def run(options: argparse.Namespace) -> int:
    """Fetch, prove, hand over; returns the exit code."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        outcome = _fetch(options, started)
    except FetchProblem as problem:
        outcome = FetchOutcome(ok=False, reason=problem.reason, message=problem.message)
    except Interrupted:
        outcome = FetchOutcome(ok=False, reason=FetchReason.INTERRUPTED, message="the pod was stopped")
    except OSError as error:
        reason = FetchReason.NO_SPACE if error.errno == 28 else FetchReason.INTERNAL_ERROR
        outcome = FetchOutcome(ok=False, reason=reason, message=f"the volume failed: {error.strerror}")
    if not outcome.ok:
        _discard_quietly(options.into)
    _tell(options.termination_log, format_outcome(outcome))
    return _exit_code(outcome)


def _fetch(options: argparse.Namespace, started: float) -> FetchOutcome:
    staging = make_staging(options.into)
    task = _task(options, staging)
    _log.info("fetching", reference=options.reference, deadline_seconds=options.deadline)
    entries = read_answer(run_download(task, options.deadline))
    proven = prove(staging, entries)
    hand_over(staging, options.into)
    seconds = time.monotonic() - started
    _log.info("handed over", tree_digest=proven.tree_digest, files=proven.files, bytes=proven.size)
    return FetchOutcome(
        ok=True,
        reference=options.reference,
        digest=options.digest,
        tree_digest=proven.tree_digest,
        files=proven.files,
        size=proven.size,
        seconds=seconds,
    )


def _task(options: argparse.Namespace, staging: Path) -> dict[str, Any]:
    if not options.base_url:
        raise FetchProblem(
            FetchReason.INVALID_ARGUMENT, "--base-url is missing and WANDB_BASE_URL is not set"
        )
    return {
        "reference": options.reference,
        "digest": options.digest,
        "staging": str(staging),
        "baseUrl": options.base_url,
        "apiKey": _read_key(options.api_key_file),
        "requestSeconds": max(1, min(_REQUEST_SECONDS, int(options.deadline))),
        "maxBytes": options.max_bytes,
        "maxFiles": options.max_files,
    }


def _read_key(path: Path | None) -> str:
    if path is None:
        key = os.environ.get("WANDB_API_KEY", "")
        where = "WANDB_API_KEY"
    else:
        where = str(path)
        try:
            key = path.read_text().strip()
        except OSError:
            key = ""
    if not key:
        raise FetchProblem(
            FetchReason.ACCESS_DENIED,
            f"there is no API key at {where}; create the registry Secret in this namespace",
        )
    return key


def _exit_code(outcome: FetchOutcome) -> int:
    if outcome.ok:
        return 0
    match outcome.reason:
        case FetchReason.INTERRUPTED:
            return 143
        case FetchReason.INVALID_ARGUMENT:
            return 3
        case reason:
            return 1 if reason in PERMANENT else 2


def _tell(path: Path, message: str) -> None:
    if '"ok": false' in message:
        _log.error("fetch failed", outcome=message)
    try:
        path.write_text(message)
    except OSError as error:
        _log.warning("the outcome could not be told", path=str(path), error=error.strerror)


def _discard_quietly(into: Path) -> None:
    try:
        discard(into)
    except OSError as error:
        _log.warning("what was fetched could not be removed", error=error.strerror)


def _interrupt(*_: object) -> NoReturn:
    raise Interrupted
