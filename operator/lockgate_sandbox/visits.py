"""A client that asks for predictions without pause and counts the answers; runs inside the cluster.

Every request opens a connection of its own, so that each is routed anew. Prints one JSON line a
second: requests so far, failures so far, the last failure, answers by model version. Standard
library only.
"""

import collections
import http.client
import json
import sys
import threading
import time
import urllib.parse

THREADS = 4
TIMEOUT_SECONDS = 5
# At most 200 connections a second: a pod has 28,000 ports for those of the last minute, and a client
# that runs out of them would count its own shortage as a failure of the model.
PAUSE_SECONDS = 0.02


class Count:
    """What all threads have seen so far."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests = 0
        self.failed = 0
        self.last_failure = ""
        self.versions: collections.Counter[str] = collections.Counter()

    def add(self, version: str | None, failure: str) -> None:
        """One more answer, or failure."""
        with self.lock:
            self.requests += 1
            if version is None:
                self.failed += 1
                self.last_failure = failure
            else:
                self.versions[version] += 1

    def line(self) -> str:
        """The count as JSON."""
        with self.lock:
            return json.dumps(
                {
                    "requests": self.requests,
                    "failed": self.failed,
                    "lastFailure": self.last_failure,
                    "versions": dict(self.versions),
                }
            )


def visit(url: urllib.parse.SplitResult, body: bytes, count: Count) -> None:
    """Ask for ever."""
    while True:
        try:
            connection = http.client.HTTPConnection(
                url.hostname or "", url.port or 80, timeout=TIMEOUT_SECONDS
            )
            connection.request("POST", url.path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            connection.close()
            if response.status == 200:
                count.add(json.loads(answer)["model_version"], "")
            else:
                count.add(None, f"HTTP {response.status}")
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            count.add(None, repr(error))
        time.sleep(PAUSE_SECONDS)


def main() -> None:
    """Entry point: URL and request body."""
    url, body = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2].encode()
    count = Count()
    for _ in range(THREADS):
        threading.Thread(target=visit, args=(url, body, count), daemon=True).start()
    while True:
        print(count.line(), flush=True)
        time.sleep(1)


if __name__ == "__main__":
    main()
