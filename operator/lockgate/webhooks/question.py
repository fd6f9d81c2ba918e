"""What is a service asked, and what does its answer say? Pure: texts and values on both sides.

An answer is written by a stranger: what is not just what was asked for says nothing, and never yes.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from lockgate.sentences import sentence

API_VERSION: Final = "gates.lockgate.dev/v1alpha1"
KIND: Final = "GateReview"
LARGEST_ANSWER: Final = 16 * 1024
_LONGEST_REASON: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A version as a service is told of it: its name for ever, on which registry server, what is claimed."""

    source: str
    uri: str
    version: str
    claim: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May this candidate begin to take stable's place? `stable` is None where nothing serves."""

    gate: str
    namespace: str
    name: str
    candidate: Named
    stable: Named | None

    def body(self) -> bytes:
        """What is sent."""
        stable = self.stable
        asked = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "gate": self.gate,
            "modelDeployment": {"namespace": self.namespace, "name": self.name},
            "candidate": _dict(self.candidate),
            "stable": None if stable is None else _dict(stable),
        }
        return json.dumps(asked, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Yes or no, and why, for people."""

    allowed: bool
    reason: str


def read_answer(status: int, raw: bytes) -> Answer:
    """What an answer says; ValueError with a sentence where it says nothing."""
    if 300 <= status < 400:
        raise ValueError(f"it sends elsewhere (status {status}), where nobody goes")
    if status != 200:
        raise ValueError(f"it answered with status {status}")
    if len(raw) > LARGEST_ANSWER:
        raise ValueError(f"its answer has more than {LARGEST_ANSWER // 1024} KiB")
    try:
        told = json.loads(raw.decode(), object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        raise ValueError("its answer is no JSON") from None
    if not isinstance(told, dict) or not isinstance(told.get("allowed"), bool):
        raise ValueError("its answer has no field allowed that is true or false")
    reason = told.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise ValueError("the reason in its answer is no text")
    said = sentence(reason, _LONGEST_REASON) if reason and reason.strip() else "it gave no reason"
    return Answer(allowed=told["allowed"], reason=said)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is there twice")
    return found


def _dict(named: Named) -> dict[str, str | None]:
    return {
        "source": named.source,
        "uri": named.uri,
        "version": named.version,
        "claim": named.claim,
    }
