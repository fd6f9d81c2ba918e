"""What the fetch container tells through its termination message, and how to read it.

One line of JSON, under the 4096 bytes that the kubelet keeps. Reading is tolerant and bounded:
a message of another hand is no outcome, never an error. No client is imported here.
"""

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lockgate.sentences import is_name, sentence

MESSAGE_LIMIT_BYTES = 4096
_SENTENCE_LIMIT_BYTES = 1500
_TEXT_LIMIT = 1500
_LARGEST_NUMBER = 2**63 - 1


class FetchReason(StrEnum):
    """Why a fetch failed; those of `PERMANENT` cannot be cured by trying again."""

    CORRUPT_FILE = "CorruptFile"
    DIGEST_MISMATCH = "DigestMismatch"
    EXTRA_FILE = "ExtraFile"
    MISSING_FILE = "MissingFile"
    ESCAPING_PATH = "EscapingPath"
    TOO_LARGE = "TooLarge"
    REFERENCE_ENTRY = "ReferenceEntry"
    UNKNOWN_SOURCE = "UnknownSource"
    DEADLINE = "Deadline"
    ACCESS_DENIED = "AccessDenied"
    NOT_FOUND = "NotFound"
    REGISTRY_UNAVAILABLE = "RegistryUnavailable"
    UNTRUSTED = "Untrusted"
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
        FetchReason.UNKNOWN_SOURCE,
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
    """How a fetch ended. `size` is bytes; `tree_digest` names all files of the version.

    `cached`: the bytes came from the cache, and no registry was asked.
    """

    ok: bool
    reason: FetchReason | None = None
    message: str = ""
    uri: str = ""
    claim: str = ""
    tree_digest: str = ""
    files: int = 0
    size: int = 0
    seconds: float = 0.0
    cached: bool = False

    @property
    def permanent(self) -> bool:
        """Whether trying again cannot help."""
        return self.reason in PERMANENT


def format_outcome(outcome: FetchOutcome) -> str:
    """The termination message: one line, short enough for the kubelet to keep whole."""
    if outcome.ok:
        return _line(
            {
                "ok": True,
                "uri": _shortened(outcome.uri),
                "claim": outcome.claim,
                "treeDigest": outcome.tree_digest,
                "files": outcome.files,
                "bytes": outcome.size,
                "seconds": round(outcome.seconds, 3),
                **({"cached": True} if outcome.cached else {}),
            }
        )
    reason = (outcome.reason or FetchReason.INTERNAL_ERROR).value
    return _line({"ok": False, "reason": reason, "message": _shortened(outcome.message)})


def parse_outcome(text: str) -> FetchOutcome | None:
    """Read a termination message; None when it is not one of ours."""
    if len(text) > MESSAGE_LIMIT_BYTES:
        return None
    try:
        raw = json.loads(text)
        match raw:
            case {"ok": True}:
                return _success(raw)
            case {"ok": False, "reason": reason, "message": str(message)}:
                return FetchOutcome(ok=False, reason=FetchReason(reason), message=sentence(message))
    # RecursionError: a message may be nothing but brackets.
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return None


def _success(raw: dict[str, Any]) -> FetchOutcome:
    return FetchOutcome(
        ok=True,
        uri=_text(raw["uri"]),
        claim=_text(raw["claim"]),
        tree_digest=_text(raw["treeDigest"]),
        files=_count(raw["files"]),
        size=_count(raw["bytes"]),
        seconds=_seconds(raw["seconds"]),
        cached=raw.get("cached") is True,
    )


def _text(value: object) -> str:
    if value != "" and not is_name(value, _TEXT_LIMIT):
        raise ValueError("not a text that names anything")
    return str(value)


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST_NUMBER:
        raise ValueError("not a count")
    return value


def _seconds(value: object) -> float:
    if type(value) not in (int, float) or not isinstance(value, (int, float)):
        raise ValueError("not a number of seconds")
    if not 0 <= value <= _LARGEST_NUMBER or not math.isfinite(value):
        raise ValueError("not a length of time")
    return float(value)


def _line(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)


def _shortened(sentence: str) -> str:
    """At most so many bytes, and nothing that cannot be written as UTF-8."""
    clean = sentence.encode("utf-8", "replace")[:_SENTENCE_LIMIT_BYTES].decode("utf-8", "ignore")
    return "".join(character if character.isprintable() else " " for character in clean)
