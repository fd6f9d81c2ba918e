"""`lockgate fetch`: the init container's program, from arguments to exit code."""

import argparse
import math
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from lockgate.fetch.child import run_download
from lockgate.fetch.deadline import Deadline
from lockgate.fetch.download import FULL, read_answer
from lockgate.fetch.handover import discard, hand_over, make_staging
from lockgate.fetch.outcome import PERMANENT, FetchOutcome, FetchProblem, FetchReason
from lockgate.fetch.proof import prove
from lockgate.fetch.report import TERMINATION_LOG, Report

_REQUEST_SECONDS = 30
_REFERENCE = re.compile(r"[^/:\s]+/wandb-registry-[^/:\s]+/[^/:]+:v[0-9]+")
_DIGEST = re.compile(r"[0-9a-f]{32}")
_EXIT_CODES = (
    "exit codes: 0 handed over; 1 the version may never be served (wrong bytes, escaping paths, too large, "
    "references); 2 wrong arguments; 3 trying again may help; 143 stopped by a signal. "
    "The tree digest is found again, inside DIR, with: find . -type f -printf '%P\\n' | LC_ALL=C sort | "
    "xargs -d '\\n' sha256sum -- | sha256sum"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = _EXIT_CODES
    add = parser.add_argument
    add("--reference", required=True, metavar="ENTITY/wandb-registry-R/COLLECTION:vN", help="what to fetch")
    add("--digest", required=True, metavar="HEX", help="the W&B manifest digest that it must have")
    add(
        "--into",
        required=True,
        type=Path,
        metavar="DIR",
        help="an empty directory to fill; what an earlier fetch left in it is removed first",
    )
    add(
        "--base-url",
        default=os.environ.get("WANDB_BASE_URL"),
        metavar="URL",
        help="the registry (default: WANDB_BASE_URL)",
    )
    add("--api-key-file", type=Path, metavar="PATH", help="file with the API key (default: WANDB_API_KEY)")
    add("--deadline", type=_seconds, default=900, metavar="SECONDS", help="for everything (default: 900)")
    add("--max-bytes", type=_count, default=100 * 2**30, metavar="N", help="of all files (default: 100 GiB)")
    add("--max-files", type=_count, default=10_000, metavar="N", help="number of files (default: 10000)")
    add(
        "--termination-log",
        type=Path,
        default=TERMINATION_LOG,
        metavar="PATH",
        help="where the outcome is told, as one line of JSON (default: where Kubernetes reads it)",
    )


def run(options: argparse.Namespace) -> int:
    """Fetch, prove, hand over; returns the exit code."""
    report, deadline = Report(sys.stderr), Deadline(options.deadline)
    with deadline.ended_by(signal.SIGTERM, signal.SIGINT):
        outcome = _outcome(options, deadline, report)
        report.end(outcome, options.termination_log)
    return _exit_code(outcome)


def _outcome(options: argparse.Namespace, deadline: Deadline, report: Report) -> FetchOutcome:
    try:
        return _fetch(options, deadline, report)
    except FetchProblem as problem:
        return FetchOutcome(ok=False, reason=problem.reason, message=problem.message)
    except OSError as error:
        report.defect(error)
        reason = FetchReason.NO_SPACE if error.errno in FULL else FetchReason.INTERNAL_ERROR
        return FetchOutcome(ok=False, reason=reason, message=f"the volume failed: {error.strerror}")
    except Exception as error:
        report.defect(error)
        said = f"the fetch failed unexpectedly ({type(error).__name__}); its log has the details"
        return FetchOutcome(ok=False, reason=FetchReason.INTERNAL_ERROR, message=said)


def _fetch(options: argparse.Namespace, deadline: Deadline, report: Report) -> FetchOutcome:
    task = _task(options)
    staging = make_staging(options.into)
    try:
        report.say("fetching", reference=options.reference, deadline_seconds=options.deadline)
        entries = read_answer(run_download(task | {"staging": str(staging)}, deadline, report))
        read = 0

        def tell(more: int) -> None:
            nonlocal read
            read += more
            deadline.check()
            report.progress("proving", read)

        proven = prove(staging, entries, tell)
        deadline.check()
        hand_over(staging, options.into)
    except BaseException:
        _discard_quietly(options.into, report)
        raise
    return FetchOutcome(
        ok=True,
        reference=options.reference,
        digest=options.digest,
        tree_digest=proven.tree_digest,
        files=proven.files,
        size=proven.size,
        seconds=deadline.elapsed,
    )


def _task(options: argparse.Namespace) -> dict[str, Any]:
    if not _REFERENCE.fullmatch(options.reference):
        raise _wrong(
            "--reference must be one version, as in acme/wandb-registry-model/churn:v3; an alias may move"
        )
    if not _DIGEST.fullmatch(options.digest):
        raise _wrong("--digest must be the 32 hexadecimal digits of a W&B manifest digest")
    if not re.fullmatch(r"https?://[^\s/]\S*", options.base_url or ""):
        raise _wrong("--base-url must be the address of the registry, as in https://api.wandb.ai")
    return {
        "reference": options.reference,
        "digest": options.digest,
        "baseUrl": options.base_url,
        "apiKey": _read_key(options.api_key_file),
        "requestSeconds": max(1, min(_REQUEST_SECONDS, int(options.deadline))),
        "maxBytes": options.max_bytes,
        "maxFiles": options.max_files,
    }


def _wrong(message: str) -> FetchProblem:
    return FetchProblem(FetchReason.INVALID_ARGUMENT, message)


def _read_key(path: Path | None) -> str:
    where = "WANDB_API_KEY" if path is None else str(path)
    try:
        key = (os.environ.get("WANDB_API_KEY", "") if path is None else path.read_text()).strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if not key:
        raise FetchProblem(
            FetchReason.ACCESS_DENIED,
            f"there is no API key at {where}; create the registry Secret in this namespace",
        )
    return key


def _exit_code(outcome: FetchOutcome) -> int:
    match outcome.reason:
        case None:
            return 0
        case FetchReason.INTERRUPTED:
            return 128 + signal.SIGTERM
        case FetchReason.INVALID_ARGUMENT:
            return 2
        case reason:
            return 1 if reason in PERMANENT else 3


def _discard_quietly(into: Path, report: Report) -> None:
    try:
        discard(into)
    except OSError as error:
        report.warn("what was fetched could not be removed", error=error.strerror)


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value
