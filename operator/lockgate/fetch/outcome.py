"""What the fetch container tells through its termination message, and how to read it.

One line of JSON, under the 4096 bytes that the kubelet keeps. Reading is tolerant and bounded:
a message of another hand is no outcome, never an error. No client is imported here.
"""

import json
from dataclasses import dataclass
from enum import StrEnum

MESSAGE_LIMIT_BYTES = 4096
_SENTENCE_LIMIT = 600


class FetchReason(StrEnum):
    """Why a fetch failed; those of `PERMANENT` cannot be cured by trying again."""

    CORRUPT_FILE = "CorruptFile"
    DIGEST_MISMATCH = "DigestMismatch"
    EXTRA_FILE = "ExtraFile"
    MISSING_FILE = "MissingFile"
    ESCAPING_PATH = "EscapingPath"
    TOO_LARGE = "TooLarge"
    REFERENCE_ENTRY = "ReferenceEntry"
    DEADLINE = "Deadline"
    ACCESS_DENIED = "AccessDenied"
    NOT_FOUND = "NotFound"
    REGISTRY_UNAVAILABLE = "RegistryUnavailable"
    NO_SPACE = "NoSpace"
    INVALID_ARGUMENT = "InvalidArgument"
    INTERRUPTED = "Interrupted"
    INTERNAL_ERROR = "InternalError"


PERMANENT = frozenset(
    {
        FetchReason.CORRUPT_FILE,
        FetchReason.DIGEST_MISMATCH,
        FetchReason.EXTRA_FILE,
        FetchReason.MISSING_FILE,
        FetchReason.ESCAPING_PATH,
        FetchReason.TOO_LARGE,
        FetchReason.REFERENCE_ENTRY,
    }
)


class FetchProblem(Exception):
    """A fetch cannot go on; `message` is one sentence for a person."""

    def __init__(self, reason: FetchReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOutcome:
    """How a fetch ended. `size` is bytes; `tree_digest` names all files of the version."""

    ok: bool
    reason: FetchReason | None = None
    message: str = ""
    reference: str = ""
    digest: str = ""
    tree_digest: str = ""
    files: int = 0
    size: int = 0
    seconds: float = 0.0

    @property
    def permanent(self) -> bool:
        """Whether trying again cannot help."""
        return self.reason in PERMANENT


def format_outcome(outcome: FetchOutcome) -> str:
    """The termination message: one line, short enough for the kubelet to keep whole."""
    if outcome.ok:
        return json.dumps(
            {
                "ok": True,
                "reference": outcome.reference,
                "digest": outcome.digest,
                "treeDigest": outcome.tree_digest,
                "files": outcome.files,
                "bytes": outcome.size,
                "seconds": round(outcome.seconds, 3),
            }
        )
    reason = (outcome.reason or FetchReason.INTERNAL_ERROR).value
    return json.dumps({"ok": False, "reason": reason, "message": outcome.message[:_SENTENCE_LIMIT]})


def parse_outcome(text: str) -> FetchOutcome | None:
    """Read a termination message; None when it is not one of ours."""
    if len(text) > MESSAGE_LIMIT_BYTES:
        return None
    try:
        raw = json.loads(text)
        if raw["ok"] is True:
            return FetchOutcome(
                ok=True,
                reference=str(raw["reference"]),
                digest=str(raw["digest"]),
                tree_digest=str(raw["treeDigest"]),
                files=int(raw["files"]),
                size=int(raw["bytes"]),
                seconds=float(raw["seconds"]),
            )
        return FetchOutcome(ok=False, reason=FetchReason(raw["reason"]), message=str(raw["message"]))
    except (ValueError, KeyError, TypeError):
        return None
