"""Compares what the versions of a model answered to the same requests; runs inside the cluster.

Follows the logs of model pods, whose server tells of each answer, and counts by model and release how
many were answered by another release as well, and how many of those differ. Serves that to Prometheus.
Asks no model anything. Standard library only.
"""

import collections
import contextlib
import http.client
import http.server
import json
import os
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PORT = 9100
LABEL = "lockgate.dev/model-deployment"
RELEASE = "lockgate.dev/release"
# Numbers that are as near as this are the same answer.
TOLERANCE = 0.02
# Requests that are remembered until another release answers them, of all models together.
MOST_REQUESTS = 20_000
LOOK_SECONDS = 1.0
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

Values = tuple[Any, ...]


class Comparison:
    """What was answered, and how often two releases differed; several threads tell it."""

    def __init__(self, most_requests: int = MOST_REQUESTS) -> None:
        self._most = most_requests
        self._lock = threading.Lock()
        self._heard: collections.OrderedDict[tuple[str, str], dict[str, Values]] = collections.OrderedDict()
        self._answers: collections.Counter[tuple[str, str]] = collections.Counter()
        self._disagreements: collections.Counter[tuple[str, str]] = collections.Counter()

    def hear(self, model: str, release: str, request: str, values: Values) -> None:
        """A release of a model answered a request; what it answers to it again is not heard."""
        with self._lock:
            heard = self._heard.setdefault((model, request), {})
            if release in heard:
                return
            for other, known in heard.items():
                for each in (release, other):
                    self._answers[model, each] += 1
                    self._disagreements[model, each] += differ(values, known)
            heard[release] = values
            while len(self._heard) > self._most:
                self._heard.popitem(last=False)

    def page(self) -> str:
        """The counts in Prometheus' text format."""
        with self._lock:
            counts = (
                ("answers", "Answers that another release gave as well.", dict(self._answers)),
                ("disagreements", "Those of them that differ.", dict(self._disagreements)),
            )
        lines = []
        for name, words, found in counts:
            lines += [f"# HELP comparison_{name}_total {words}", f"# TYPE comparison_{name}_total counter"]
            lines += [
                f'comparison_{name}_total{{model="{model}",of="{release}"}} {number}'
                for (model, release), number in sorted(found.items())
            ]
        return "\n".join(lines) + "\n"


def differ(one: Values, other: Values) -> bool:
    """Whether two answers are not the same."""
    return len(one) != len(other) or not all(map(_is_near, one, other))


def _is_near(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= TOLERANCE
    return bool(one == other)


def read_line(line: bytes) -> tuple[str, Values] | None:
    """The request and the values of a line of a log; None for whatever else is logged."""
    with contextlib.suppress(ValueError, RecursionError):
        match json.loads(line):
            case {"request": str(request), "values": list(values)}:
                return request, tuple(values)
    return None


class Cluster:
    """The API server, as this pod's account sees it."""

    def __init__(self) -> None:
        self._host = os.environ["KUBERNETES_SERVICE_HOST"]
        self._port = int(os.environ["KUBERNETES_SERVICE_PORT"])
        self._tls = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))

    @contextlib.contextmanager
    def reading(self, path: str, **query: str) -> Any:
        """The answer of a GET, to be read line by line; raises OSError or HTTPException."""
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._tls, timeout=60)
        try:
            token = (_ACCOUNT / "token").read_text()
            asked = f"{path}?{urllib.parse.urlencode(query)}"
            connection.request("GET", asked, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            if answer.status != 200:
                raise OSError(f"the API server answered {answer.status} to {path}")
            yield answer
        finally:
            connection.close()

    def pods(self) -> Iterable[dict[str, Any]]:
        """Those that serve models and run."""
        with self.reading("/api/v1/pods", labelSelector=LABEL) as answer:
            listed = json.load(answer)
        return [pod for pod in listed["items"] if pod["status"].get("phase") == "Running"]


def follow(cluster: Cluster, pod: dict[str, Any], comparison: Comparison) -> None:
    """Hear what a pod answers, until its log ends."""
    metadata, container = pod["metadata"], pod["spec"]["containers"][0]["name"]
    labels, namespace = metadata["labels"], metadata["namespace"]
    model, release = f"{namespace}/{labels[LABEL]}", labels[RELEASE]
    path = f"/api/v1/namespaces/{namespace}/pods/{metadata['name']}/log"
    # A log that was cut is taken up a moment before; what is heard twice counts once.
    with cluster.reading(path, container=container, follow="true", sinceSeconds="5") as lines:
        for line in lines:
            if told := read_line(line):
                comparison.hear(model, release, *told)


def follow_all(cluster: Cluster, comparison: Comparison) -> None:
    """Follow every model pod there is, for ever."""
    followed: dict[str, threading.Thread] = {}
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            for pod in cluster.pods():
                uid = pod["metadata"]["uid"]
                if uid not in followed or not followed[uid].is_alive():
                    followed[uid] = threading.Thread(
                        target=_follow_quietly, args=(cluster, pod, comparison), daemon=True
                    )
                    followed[uid].start()
        followed = {uid: thread for uid, thread in followed.items() if thread.is_alive()}
        time.sleep(LOOK_SECONDS)


def _follow_quietly(cluster: Cluster, pod: dict[str, Any], comparison: Comparison) -> None:
    # A pod that is silent or going is asked again for as long as it is listed.
    with contextlib.suppress(OSError, http.client.HTTPException, KeyError):
        follow(cluster, pod, comparison)


def main() -> None:
    """Entry point."""
    comparison = Comparison()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = comparison.page().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    threading.Thread(target=follow_all, args=(Cluster(), comparison), daemon=True).start()
    http.server.ThreadingHTTPServer(("", PORT), Page).serve_forever()


if __name__ == "__main__":
    main()
