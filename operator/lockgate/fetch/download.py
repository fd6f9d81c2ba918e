"""The part of a fetch that runs the registry's client, in a process that may be killed.

The client can hang for many minutes and does not check what it has transferred, so it runs under
its parent's deadline, and nothing that it brings is believed. Reads its task as JSON from
standard input, answers with one JSON line on standard output.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lockgate.errors import AccessDenied
from lockgate.fetch.manifest import Algorithm, Entry, check_manifest
from lockgate.fetch.outcome import FetchProblem, FetchReason
from lockgate.wandb_client.environment import isolate_environment
from lockgate.wandb_client.translate import is_absence, translate


def download(task: dict[str, Any]) -> list[Entry]:
    """Check the manifest, then bring its files into the staging directory; raises FetchProblem."""
    isolate_environment()
    import wandb

    api = wandb.Api(
        api_key=task["apiKey"], overrides={"base_url": task["baseUrl"]}, timeout=int(task["requestSeconds"])
    )
    artifact = api.artifact(task["reference"])
    manifest = artifact.manifest
    entries = [_entry(path, raw) for path, raw in sorted(manifest.entries.items())]
    found = manifest.digest()
    if found != task["digest"]:
        raise FetchProblem(
            FetchReason.DIGEST_MISMATCH,
            f"the manifest of {task['reference']} has digest {found} instead of {task['digest']}",
        )
    check_manifest(entries, max_bytes=task["maxBytes"], max_files=task["maxFiles"])
    needed, free = sum(entry.size for entry in entries), shutil.disk_usage(task["staging"]).free
    if needed > free:
        raise FetchProblem(
            FetchReason.NO_SPACE, f"the version has {needed} bytes, but only {free} are free on the volume"
        )
    artifact.download(root=task["staging"], skip_cache=True)
    return entries


def _entry(path: str, raw: Any) -> Entry:
    algorithm = getattr(raw, "digest_algorithm", None)
    is_xxh128 = algorithm is not None and "XXH128" in str(algorithm())
    return Entry(
        path=path,
        size=raw.size or 0,
        digest=raw.digest,
        algorithm=Algorithm.XXH128 if is_xxh128 else Algorithm.MD5,
        reference=raw.ref,
    )


def problem_of(reference: str, error: BaseException) -> FetchProblem:
    """What a failure of the client means for the fetch."""
    if isinstance(error, FetchProblem):
        return error
    if isinstance(error, OSError) and error.errno == 28:
        return FetchProblem(FetchReason.NO_SPACE, "the volume is full")
    absent = is_absence(error)
    if absent is not None:
        return FetchProblem(FetchReason.NOT_FOUND, f"the registry does not have {reference}")
    translated = translate(f"fetch {reference}", error)
    if isinstance(translated, AccessDenied):
        message = f"the registry refuses the API key for {reference}; check the Secret in this namespace"
        return FetchProblem(FetchReason.ACCESS_DENIED, message)
    return FetchProblem(FetchReason.REGISTRY_UNAVAILABLE, translated.message)


def answer(entries: Sequence[Entry]) -> str:
    """The answer of a download that came to its end."""
    return json.dumps({"entries": [asdict(entry) for entry in entries]})


def read_answer(text: str) -> list[Entry]:
    """Read the child's answer; raises FetchProblem with what it reports."""
    try:
        raw = json.loads(text.strip().splitlines()[-1])
        if "reason" in raw:
            raise FetchProblem(FetchReason(raw["reason"]), str(raw["message"]))
        return [Entry(**{**entry, "algorithm": Algorithm(entry["algorithm"])}) for entry in raw["entries"]]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise FetchProblem(
            FetchReason.INTERNAL_ERROR, "the registry's client ended without an answer"
        ) from error


def main() -> int:
    """Entry point of the child process."""
    task = json.load(sys.stdin)
    # The client prints at will; only our answer may reach the parent's pipe.
    pipe, sys.stdout = sys.stdout, sys.stderr
    try:
        text = answer(download(task))
    except Exception as error:
        problem = problem_of(task["reference"], error)
        text = json.dumps({"reason": problem.reason.value, "message": problem.message})
    pipe.write(text + "\n")
    pipe.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
