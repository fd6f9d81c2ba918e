"""`lockgate fetch`: the init container's program, from arguments to exit code."""

import argparse
import math
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from lockgate.domain.fetched import PERMANENT, FetchOutcome, FetchProblem, FetchReason
from lockgate.fetch.caching import Brought, Caching, proving
from lockgate.fetch.child import run_download
from lockgate.fetch.deadline import Deadline
from lockgate.fetch.download import read_answer
from lockgate.fetch.handover import discard, hand_over, make_staging
from lockgate.fetch.proof import Proven, prove
from lockgate.fetch.report import TERMINATION_LOG, Report
from lockgate.fetch.sources import SOURCES, Source, source_of
from lockgate.fetch.space import FULL

_REQUEST_SECONDS = 30
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
    schemes = ", ".join(f"{scheme}://" for scheme in SOURCES)
    add("--uri", required=True, metavar="URI", help=f"the version to fetch, of one of {schemes}")
    add("--claim", metavar="CLAIM", help="what the registry claims of its bytes, if it claims anything")
    add(
        "--expect-tree",
        metavar="sha256:HEX",
        help="what pods proved of this version before; other files under its digest are refused",
    )
    add(
        "--into",
        required=True,
        type=Path,
        metavar="DIR",
        help="an empty directory to fill; what an earlier fetch left in it is removed first",
    )
    urls, keys = (
        ", ".join(variables)
        for variables in zip(*((one.URL_VARIABLE, one.KEY_VARIABLE) for one in SOURCES.values()), strict=True)
    )
    add("--base-url", metavar="URL", help=f"the registry (default: {urls})")
    add("--api-key-file", type=Path, metavar="PATH", help=f"file with the API key (default: {keys})")
    add("--api-key-variable", metavar="NAME", help="environment variable with it, where there is no file")
    add(
        "--ca-bundle",
        type=Path,
        metavar="PATH",
        help="PEM file of authorities to trust beside the system's; proxies come from HTTPS_PROXY, "
        "HTTP_PROXY and NO_PROXY",
    )
    add("--deadline", type=_seconds, default=900, metavar="SECONDS", help="for everything (default: 900)")
    add("--max-bytes", type=_count, default=100 * 2**30, metavar="N", help="of all files (default: 100 GiB)")
    add("--max-files", type=_count, default=10_000, metavar="N", help="number of files (default: 10000)")
    add("--cache", type=Path, metavar="DIR", help="where proved versions are kept; it may be away or full")
    add("--cache-max-bytes", type=_count, default=100 * 2**30, metavar="N", help="of all that is kept there")
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
    source = source_of(options.uri)
    _check(source, options)
    cache = _cache(options, deadline, report)
    staging = make_staging(options.into)
    try:
        report.say("fetching", uri=options.uri, deadline_seconds=options.deadline)
        kept = None if cache is None else _bring(cache, staging, options)
        if kept is not None and not _is_expected(kept[1], options):
            report.warn("the cache holds other files under this digest", tree=kept[1].tree_digest)
            kept = None
        entries, proven = kept or _download(source, options, deadline, report)
        if not _is_expected(proven, options):
            raise FetchProblem(
                FetchReason.DIGEST_MISMATCH,
                f"the registry gave other files than pods have proved of this version before: tree "
                f"{proven.tree_digest} and not {options.expect_tree}, under the same claim",
            )
        deadline.check()
        hand_over(staging, options.into, entries)
    except BaseException:
        _discard_quietly(options.into, report)
        raise
    seconds = deadline.elapsed
    if cache is not None and kept is None:
        cache.keep(options.into, entries)
    return FetchOutcome(
        ok=True,
        uri=options.uri,
        claim=options.claim or "",
        tree_digest=proven.tree_digest,
        files=proven.files,
        size=proven.size,
        seconds=seconds,
        cached=kept is not None,
    )


def _is_expected(proven: Proven, options: argparse.Namespace) -> bool:
    return options.expect_tree in (None, proven.tree_digest)


def _bring(cache: Caching, staging: Path, options: argparse.Namespace) -> Brought | None:
    return cache.bring(staging, max_bytes=options.max_bytes, max_files=options.max_files)


def _download(source: Source, options: argparse.Namespace, deadline: Deadline, report: Report) -> Brought:
    staging = make_staging(options.into)  # what a cache brought half is gone
    entries = read_answer(run_download(_task(source, options, staging), deadline, report))
    return entries, prove(staging, entries, proving(deadline, report))


def _cache(options: argparse.Namespace, deadline: Deadline, report: Report) -> Caching | None:
    if options.cache is None or options.claim is None:
        return None  # without a claim nothing that lies there can be told from anything else
    return Caching(
        directory=options.cache,
        uri=options.uri,
        claim=options.claim,
        max_bytes=options.cache_max_bytes,
        deadline=deadline,
        report=report,
    )


def _check(source: Source, options: argparse.Namespace) -> None:
    try:
        source.check(options.uri, options.claim)
    except ValueError as error:
        raise _wrong(f"--uri and --claim cannot be used: {error}") from None
    if not re.fullmatch(r"https?://[^\s/]\S*", _base_url(source, options)):
        raise _wrong("--base-url must be the address of the registry, as in https://registry.example.com")


def _task(source: Source, options: argparse.Namespace, staging: Path) -> dict[str, Any]:
    return {
        "uri": options.uri,
        "claim": options.claim,
        "baseUrl": _base_url(source, options),
        "apiKey": _read_key(options.api_key_variable or source.KEY_VARIABLE, options.api_key_file),
        "caBundle": str(options.ca_bundle.absolute()) if options.ca_bundle else None,
        "requestSeconds": max(1, min(_REQUEST_SECONDS, int(options.deadline))),
        "maxBytes": options.max_bytes,
        "maxFiles": options.max_files,
        "staging": str(staging),
    }


def _base_url(source: Source, options: argparse.Namespace) -> str:
    return options.base_url or os.environ.get(source.URL_VARIABLE, "")


def _wrong(message: str) -> FetchProblem:
    return FetchProblem(FetchReason.INVALID_ARGUMENT, message)


def _read_key(variable: str, path: Path | None) -> str:
    where = variable if path is None else str(path)
    try:
        key = (os.environ.get(where, "") if path is None else path.read_text()).strip()
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
