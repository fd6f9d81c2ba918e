"""What the operator has asked of the API server, as the API server's audit log tells it.

A request is in the log before it is answered, so whoever has seen an effect finds the request too;
what the operator does beside its passes (Events, lists) may come later and must be waited for.
"""

import json
from functools import lru_cache
from pathlib import Path

from lockgate_sandbox.api import Json
from lockgate_sandbox.running import RunningWorld

OPERATOR = "system:serviceaccount:lockgate-system:lockgate"


def of_the_operator(world: RunningWorld) -> list[Json]:
    """Every finished request of the operator's identity, in any namespace, in their order."""
    return [entry for entry in _lines(world, OPERATOR) if entry["user"]["username"] == OPERATOR]


def in_namespace(world: RunningWorld, namespace: str) -> list[Json]:
    """The operator's finished requests in one namespace, lists and watches aside."""
    return [
        entry
        for entry in _lines(world, namespace)
        if (entry.get("userAgent") or "").startswith("lockgate/")
        and entry["verb"] not in ("list", "watch")
        and (entry.get("objectRef") or {}).get("namespace") == namespace
    ]


def finished(world: RunningWorld, agent: str) -> list[Json]:
    """Every finished request of a program, by how it calls itself."""
    return [entry for entry in _lines(world, agent) if (entry.get("userAgent") or "").startswith(agent)]


def told(entries: list[Json]) -> str:
    """One line a request, for whoever reads why a test failed."""
    return "\n".join(map(_told, entries)) or "no request"


def _told(entry: Json) -> str:
    place = entry.get("objectRef") or {}
    what = "/".join(filter(None, (place.get("resource"), place.get("subresource"))))
    where = "/".join(filter(None, (place.get("namespace"), place.get("name"))))
    return (
        f"{entry['requestReceivedTimestamp']} {entry['verb']} {what or entry['requestURI']} {where or '-'} "
        f"-> {entry['responseStatus'].get('code')} by {entry.get('userAgent')}"
    )


class _Tail:
    """The lines of one log with some words in them, each of which is read and parsed once."""

    def __init__(self, log: Path, part: str) -> None:
        self._log, self._part = log, part.encode()
        self._at = 0
        self._found: list[Json] = []

    def read(self) -> list[Json]:
        """All that are finished so far."""
        with self._log.open("rb") as log:
            log.seek(self._at)
            # The last may be half written.
            new, _, _ = log.read().rpartition(b"\n")
        if new:
            self._at += len(new) + 1
        for line in new.splitlines():
            # By far the most are others', and not worth parsing.
            if self._part in line:
                entry = json.loads(line)
                if entry["stage"] == "ResponseComplete":
                    self._found.append(entry)
        return list(self._found)


@lru_cache(maxsize=4)
def _tail(log: Path, part: str) -> _Tail:
    """Who waits asks many times, and a log grows over all tests of a session."""
    return _Tail(log, part)


def _lines(world: RunningWorld, part: str) -> list[Json]:
    return _tail(world.audit_log, part).read()
