"""What people ask of a rollout, as one line of text, and what the operator answered.

The line is the annotation `lockgate.dev/request` of a ModelDeployment, typed by hand or by
`kubectl lockgate`:

    VERB [RELEASE] [by WHO] [because WHY] [#TOKEN]

Verb, release and token are words; who and why may have several. A token only makes a text another
one than before, so that the same can be asked twice. Whoever asked waits until `status.lastRequest`
holds the same text. Nothing here decides whether a request is granted. Pure.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lockgate.sentences import cause, is_name, sentence

REQUEST_LIMIT: Final = 512
"""Characters of a request, and of what the status repeats of one."""
GRAMMAR: Final = "VERB [RELEASE] [by WHO] [because WHY] [#TOKEN]"
_BY, _BECAUSE = "by", "because"
_HEX = "[0-9a-f]{8}"
_RELEASE, _TOKEN = re.compile(_HEX), re.compile(f"#({_HEX})")


class Verb(StrEnum):
    """What can be asked for."""

    APPROVE = "approve"
    """Let this very release go on where it waits for an approval."""
    PROMOTE = "promote"
    """Skip what pauses, approvals and analyses are left; never proof, availability or routing."""
    ABORT = "abort"
    """Go back to stable, and stay there."""
    RETRY = "retry"
    """Try a version again that was aborted."""


class RequestOutcome(StrEnum):
    """What the operator made of a request."""

    ACCEPTED = "Accepted"
    REFUSED = "Refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; with a release it holds for a candidate of that release only.

    `text` is the line as it was written, or as `format_request` writes it where there was none.
    ValueError, with a sentence that says how to write it, for what no line can say.
    """

    verb: Verb
    release: str | None = None
    by: str | None = None
    reason: str | None = None
    token: str | None = None
    text: str = ""

    def __post_init__(self) -> None:
        _check(self)
        if not self.text:
            object.__setattr__(self, "text", format_request(self))
        if len(self.text) > REQUEST_LIMIT:
            raise ValueError(
                f"it has {len(self.text)} characters; write at most {REQUEST_LIMIT}, and the rest where "
                "people look it up"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRequest:
    """The operator's answer to the last request that it saw: the text of it, what came of it, and why."""

    request: str
    outcome: RequestOutcome
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "request", acknowledged(self.request))
        object.__setattr__(self, "message", cause(self.message))


def acknowledged(text: str) -> str:
    """How a status repeats a request: as it was, or as much as fits of what is no request at all.

    Whoever compares an annotation with `status.lastRequest.request` compares this of it.
    """
    return text if is_name(text, REQUEST_LIMIT) else sentence(text, REQUEST_LIMIT)


def unanswered(text: str, last: LastRequest | None) -> str:
    """The request of an annotation that has no answer in the status yet; empty where there is none."""
    return "" if last is not None and last.request == acknowledged(text) else text


def format_request(request: Request) -> str:
    """The line that says this; `parse_request` reads the same from it."""
    words = [
        request.verb.value,
        request.release,
        request.by and f"{_BY} {request.by}",
        request.reason and f"{_BECAUSE} {request.reason}",
        request.token and f"#{request.token}",
    ]
    return " ".join(filter(None, words))


def parse_request(text: str) -> Request:
    """Read a line; ValueError with a sentence that says what is wrong with it and how to write it."""
    if len(text) > REQUEST_LIMIT:
        raise ValueError(f"it has {len(text)} characters; write at most {REQUEST_LIMIT}")
    if not text.isprintable():
        raise ValueError(f"it has characters that cannot be seen; write {GRAMMAR} on one line")
    words = text.split()
    verb = _verb(words.pop(0) if words else "")
    token = _TOKEN.fullmatch(words[-1]) if words else None
    if token:
        words.pop()
    release = words.pop(0) if words and _RELEASE.fullmatch(words[0]) else None
    by = reason = None
    if words and words[0] == _BY:
        end = words.index(_BECAUSE) if _BECAUSE in words else len(words)
        by, words = " ".join(words[1:end]), words[end:]
    if words and words[0] == _BECAUSE:
        reason, words = " ".join(words[1:]), []
    if words:
        raise ValueError(_stray(verb, words[0], release))
    return Request(
        verb=verb, release=release, by=by, reason=reason, token=token[1] if token else None, text=text
    )


def verb_of(text: str) -> str:
    """The verb of a line, for those who count; empty for what is no request."""
    try:
        return parse_request(text).verb.value
    except ValueError:
        return ""


def _verb(word: str) -> Verb:
    try:
        return Verb(word)
    except ValueError:
        known = ", ".join(verb.value for verb in Verb)
        said = f"{_quoted(word)} is nothing that can be asked for" if word else "it is empty"
        raise ValueError(f"{said}; write {GRAMMAR}, with one of {known} as VERB") from None


def _stray(verb: Verb, word: str, release: str | None) -> str:
    if word.startswith("#"):
        return f"{_quoted(word)} is no token; write # and eight of 0-9a-f at the very end, or nothing"
    if release is None:
        return (
            f"{_quoted(word)} is no release; write the eight digits of status.candidate.release there, "
            f"and a reason after {_BECAUSE}, as in: {verb} 3fa9c1d2 {_BECAUSE} latency is well"
        )
    return f"nothing is known of {_quoted(word)} there; write who asks after {_BY}, and why after {_BECAUSE}"


def _check(request: Request) -> None:
    if request.release is None and request.verb is Verb.APPROVE:
        raise ValueError(
            "an approval is for one release; write it after the word, as in: approve 3fa9c1d2 "
            "(status.candidate.release says which)"
        )
    for name, value in (("release", request.release), ("token", request.token)):
        if value is not None and not _RELEASE.fullmatch(value):
            raise ValueError(f"the {name} {_quoted(value)} is not eight of 0-9a-f")
    for word, prose in ((_BY, request.by), (_BECAUSE, request.reason)):
        if prose is not None and (not prose.isprintable() or not prose or " ".join(prose.split()) != prose):
            raise ValueError(f"nothing readable stands after {word}; write a few words, or leave it out")
    if request.by is not None and _BECAUSE in request.by.split():
        raise ValueError(f"who asks cannot be called {_BECAUSE}; that word begins the reason")
    last = request.reason or request.by
    if last and request.token is None and _TOKEN.fullmatch(last.split()[-1]):
        raise ValueError(f"{_quoted(last.split()[-1])} at the end is read as a token; add a word after it")


def _quoted(word: str) -> str:
    return f'"{sentence(word, 40)}"'
