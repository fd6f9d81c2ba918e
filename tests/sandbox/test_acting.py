"""What a stand-in can rely on, whatever happens to the API server; with a client that follows a script."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import wait_until

from lockgate_sandbox import acting
from lockgate_sandbox.acting import Acting
from lockgate_sandbox.api import ApiError

Json = dict[str, Any]


def thing(name: str) -> Json:
    return {"metadata": {"uid": name}}


class Scripted:
    """An API server that gives one list after the other, each followed by some events, and then is away."""

    lists: tuple[tuple[list[str], list[Json]], ...] = ()

    def __init__(self, _kubeconfig: Path, timeout: float = 0) -> None:
        self._left = list(self.lists)
        self._events: list[Json] = []
        self._aborted = threading.Event()

    def get(self, path: str, **_: str) -> Json:
        if not self._left:
            raise OSError("away")
        names, self._events = self._left.pop(0)
        return {"items": list(map(thing, names)), "metadata": {"resourceVersion": "1"}}

    def watch(self, path: str, **_: str) -> Iterator[Json]:
        yield from self._events

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


@pytest.fixture
def actor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Acting]:
    monkeypatch.setattr(acting, "ApiClient", Scripted)
    monkeypatch.setattr(acting, "_AGAIN_SECONDS", 0.01)
    made = Acting(Path())
    yield made
    made.stop()


def test_what_went_in_a_gap_of_the_watch_is_told_as_gone(
    actor: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"type": "ERROR", "object": {"code": 410}}
    added = {"type": "ADDED", "object": thing("c")}
    monkeypatch.setattr(Scripted, "lists", ((["a", "b"], [added, error]), (["b"], [])))
    told: list[tuple[str, str]] = []
    actor.watch("/things", lambda event: told.append((event["type"], event["object"]["metadata"]["uid"])))
    actor.start()
    wait_until("the second list is told", lambda: len(told) == 6)
    assert told[:3] == [("MODIFIED", "a"), ("MODIFIED", "b"), ("ADDED", "c")]
    assert sorted(told[3:5]) == [("DELETED", "a"), ("DELETED", "c")]
    assert told[5] == ("MODIFIED", "b")


def test_what_is_due_is_done_in_the_order_of_its_time(actor: Acting) -> None:
    done: list[str] = []

    def plan() -> None:
        actor.later(0.02, lambda: done.append("later"))
        actor.later(0.01, lambda: done.append("sooner"))

    actor.soon(plan)
    actor.start()
    wait_until("both are done", lambda: len(done) == 2)
    assert done == ["sooner", "later"]


@pytest.mark.parametrize(
    ("trouble", "tries"),
    [
        (OSError("away"), 2),
        (ApiError(500, "ill"), 2),
        (ApiError(404, "gone"), 1),
        (ApiError(409, "other"), 1),
    ],
    ids=str,
)
def test_what_failed_is_tried_again_unless_its_object_is_gone_or_another(
    actor: Acting, trouble: Exception, tries: int
) -> None:
    tried: list[str] = []

    def fail_once() -> None:
        tried.append("it")
        if len(tried) == 1:
            raise trouble

    actor.soon(fail_once)
    after: list[str] = []
    actor.soon(lambda: actor.later(0.1, lambda: after.append("it")))
    actor.start()
    wait_until("what was due long after is done", lambda: after)
    assert len(tried) == tries
