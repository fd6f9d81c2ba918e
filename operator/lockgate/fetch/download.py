"""The part of a fetch that runs the registry's client, in a process that may be killed.

The client can hang for many minutes and does not check what it has transferred, so it runs under
its parent's deadline, and nothing that it brings is believed. Reads its task as JSON from
standard input, answers with one JSON line on standard output.
"""

import contextlib
import errno
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from lockgate.errors import AccessDenied
from lockgate.fetch.digests import Algorithm, manifest_digest
from lockgate.fetch.manifest import Entry, check_count, check_manifest
from lockgate.fetch.outcome import FetchProblem, FetchReason
from lockgate.wandb_client.environment import isolate_environment
from lockgate.wandb_client.translate import is_absence, translate

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def download(task: dict[str, Any]) -> list[Entry]:
    """Check the manifest, then bring its files into the staging directory; raises FetchProblem."""
    isolate_environment()
    import wandb

    reference = task["reference"]
    with _meaning(lambda error: _while_finding(reference, error)):
        api = wandb.Api(
            api_key=task["apiKey"],
            overrides={"base_url": task["baseUrl"]},
            timeout=int(task["requestSeconds"]),
        )
        artifact = api.artifact(reference)
    # Before the manifest, which itself may be too large to be read.
    check_count(artifact.file_count, max_files=task["maxFiles"])
    with _meaning(lambda error: _while_transferring(reference, error)):
        manifest = artifact.manifest
        entries = [_entry(path, raw) for path, raw in sorted(manifest.entries.items())]
        algorithm = _algorithm(manifest.digest_algorithm)
    size = check_manifest(entries, max_bytes=task["maxBytes"], max_files=task["maxFiles"])
    _check_digest(task, entries, algorithm)
    _check_space(task["staging"], size)
    with _meaning(lambda error: _while_downloading(reference, error)):
        artifact.download(root=task["staging"], skip_cache=True)
    return entries


def _entry(path: str, raw: Any) -> Entry:
    return Entry(
        path=path,
        size=raw.size,
        digest=raw.digest,
        algorithm=_algorithm(raw.digest_algorithm()),
        reference=raw.ref,
    )


def _algorithm(theirs: object) -> Algorithm:
    return Algorithm.XXH128 if "XXH128" in str(theirs) else Algorithm.MD5


def _check_digest(task: dict[str, Any], entries: list[Entry], algorithm: Algorithm) -> None:
    found = manifest_digest([(entry.path, entry.digest) for entry in entries], algorithm)
    if found != task["digest"]:
        raise FetchProblem(
            FetchReason.DIGEST_MISMATCH,
            f"the manifest of {task['reference']} has digest {found} instead of {task['digest']}",
        )


def _check_space(staging: str, needed: int) -> None:
    free = shutil.disk_usage(staging).free
    if needed > free:
        raise FetchProblem(
            FetchReason.NO_SPACE,
            f"the version has {needed} bytes, but only {free} are free on the volume; give it more",
        )


@contextlib.contextmanager
def _meaning(of: Callable[[Exception], FetchProblem]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise of(error) from error


def _while_finding(reference: str, error: Exception) -> FetchProblem:
    if is_absence(error) is not None:
        return FetchProblem(
            FetchReason.NOT_FOUND,
            f"the registry does not have {reference}, or the API key of this namespace may not see it",
        )
    translated = translate(f"fetch {reference}", error)
    if isinstance(translated, AccessDenied):
        return _refused(reference)
    return FetchProblem(FetchReason.REGISTRY_UNAVAILABLE, translated.message)


def _while_downloading(reference: str, error: Exception) -> FetchProblem:
    match error:
        case OSError(errno=number) if number in FULL:
            return FetchProblem(FetchReason.NO_SPACE, "the volume is full; give it more")
        case KeyError():
            return FetchProblem(
                FetchReason.EXTRA_FILE, f"the registry lists files of {reference} that its manifest has not"
            )
    return _while_transferring(reference, error)


def _while_transferring(reference: str, error: Exception) -> FetchProblem:
    match getattr(getattr(error, "response", None), "status_code", None):
        case 401 | 403:
            return _refused(reference)
        case 404 | 410:
            return FetchProblem(
                FetchReason.MISSING_FILE,
                f"files of {reference} are gone from the registry's storage; log the model anew",
            )
    translated = translate(f"fetch {reference}", error)
    if isinstance(translated, AccessDenied):
        return _refused(reference)
    return FetchProblem(FetchReason.REGISTRY_UNAVAILABLE, translated.message)


def _refused(reference: str) -> FetchProblem:
    return FetchProblem(
        FetchReason.ACCESS_DENIED,
        f"the registry refuses the API key for {reference}; check the Secret in this namespace "
        "and that its owner may download",
    )


def read_answer(text: str) -> list[Entry]:
    """Read the child's answer; raises FetchProblem with what it reports."""
    try:
        raw = json.loads(text)
        if "reason" in raw:
            raise FetchProblem(FetchReason(raw["reason"]), str(raw["message"]))
        return [Entry(**{**entry, "algorithm": Algorithm(entry["algorithm"])}) for entry in raw["entries"]]
    except (ValueError, KeyError, TypeError) as error:
        raise FetchProblem(
            FetchReason.INTERNAL_ERROR,
            "the registry's client ended without an answer; it may have run out of memory",
        ) from error


def _answer(task: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"entries": [asdict(entry) for entry in download(task)]}
    except FetchProblem as problem:
        return {"reason": problem.reason.value, "message": problem.message}


def _end_with(lifeline: int) -> None:
    """Wait until the parent is gone, and then be gone at once."""
    os.read(lifeline, 1)
    os._exit(1)


def main() -> int:
    """Entry point of the child process; its argument is the pipe that the parent holds open."""
    threading.Thread(target=_end_with, args=(int(sys.argv[1]),), daemon=True).start()
    task = json.load(sys.stdin)
    # The client prints at will; only our answer may reach the parent's pipe.
    pipe, sys.stdout = sys.stdout, sys.stderr
    pipe.write(json.dumps(_answer(task)))
    pipe.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
