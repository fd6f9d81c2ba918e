"""A client that asks for predictions at a constant rate and counts the answers; runs inside the cluster.

Told by one JSON argument whom to ask, what, how often and over how many connections at most. Prints
a JSON line four times a second: what it counted since it began, and in the last second alone. It tries
nothing twice. Standard library only.
"""

import collections
import http.client
import json
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterable
from typing import Any

TIMEOUT_SECONDS = 5
TELL_SECONDS = 0.25
# What is told of the last answer that was none: its status and so much of its words.
FAILURE_LENGTH = 120
# Durations are kept in steps of a tenth of a millisecond, so that those of a whole day take little room.
STEPS_PER_SECOND = 10_000

# When it came, the version that gave it ("" for a failure), and its duration in steps.
Answer = tuple[float, str, int]


class Tally:
    """How many requests, how many failed, which version answered how many, and how long they took."""

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self.versions: collections.Counter[str] = collections.Counter()
        self.steps: collections.Counter[int] = collections.Counter()
        for answer in answers:
            self.add(answer)

    def add(self, answer: Answer) -> None:
        """One more answer, or failure."""
        _, version, steps = answer
        self.versions[version] += 1
        self.steps[steps] += 1

    def told(self) -> dict[str, Any]:
        """It all as JSON; durations in milliseconds."""
        versions = dict(self.versions)
        failed = versions.pop("", 0)
        p50, p99 = self._milliseconds(0.50), self._milliseconds(0.99)
        requests = self.versions.total()
        return {"requests": requests, "failed": failed, "versions": versions, "p50": p50, "p99": p99}

    def _milliseconds(self, share: float) -> float:
        """The duration that this share of all did not exceed."""
        left = share * self.steps.total()
        for steps in sorted(self.steps):
            left -= self.steps[steps]
            if left <= 0:
                return steps * 1000 / STEPS_PER_SECOND
        return 0.0


class Count:
    """What all threads have seen so far."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.total = Tally()
        self.recent: collections.deque[Answer] = collections.deque()
        self.last_failure = ""

    def add(self, version: str, failure: str, seconds: float) -> None:
        """One more answer by a version, or a failure, and how long it took."""
        answer = (time.monotonic(), version, int(seconds * STEPS_PER_SECOND))
        with self.lock:
            self.total.add(answer)
            self.recent.append(answer)
            self.last_failure = failure or self.last_failure

    def line(self) -> str:
        """The count as JSON, with its moment by the clock that all processes of a machine share."""
        with self.lock:
            now = time.monotonic()
            before = now - 1
            while self.recent and self.recent[0][0] < before:
                self.recent.popleft()
            lately = Tally(self.recent).told()
            beside = {"lastFailure": self.last_failure, "lastSecond": lately, "at": now}
            return json.dumps({**self.total.told(), **beside})


class Pace:
    """When the next request is due, whichever thread is free for it.

    Nothing is made up for: a moment at which no thread was free is lost, so that a standstill is not
    followed by a rush.
    """

    def __init__(self, rate: float) -> None:
        self.lock = threading.Lock()
        self.every = 1 / rate
        self.due = time.monotonic()

    def wait(self) -> None:
        """Return when it is time for this thread's next request."""
        with self.lock:
            now = time.monotonic()
            self.due = max(self.due + self.every, now)
            due = self.due
        time.sleep(due - now)


def visit(asked: dict[str, Any], pace: Pace, count: Count) -> None:
    """Ask for ever, over one connection at a time."""
    url = urllib.parse.urlsplit(asked["url"])
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=TIMEOUT_SECONDS)
    headers = {"Content-Type": "application/json", **asked["headers"]}
    while True:
        pace.wait()
        version = failure = ""
        began = time.perf_counter()
        try:
            connection.request("POST", url.path, asked["body"].encode(), headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status == 200:
                version = str(json.loads(answer)["model_version"])
            else:
                failure = f"HTTP {response.status} {answer.decode(errors='replace')}"
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            failure = repr(error)
            connection.close()
        count.add(version, failure.strip()[:FAILURE_LENGTH], time.perf_counter() - began)
        if not asked["keepAlive"]:
            connection.close()


def main() -> None:
    """Entry point: the one argument."""
    asked = json.loads(sys.argv[1])
    pace, count = Pace(asked["rate"]), Count()
    for _ in range(asked["inFlight"]):
        threading.Thread(target=visit, args=(asked, pace, count), daemon=True).start()
    while True:
        time.sleep(TELL_SECONDS)
        print(count.line(), flush=True)


if __name__ == "__main__":
    main()
