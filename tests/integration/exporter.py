"""A model server as Prometheus sees it: the sandbox's own page of metrics, filled as a test wants."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lockgate_sandbox.modelserver.metrics import CONTENT_TYPE, Metrics


@dataclass
class Exporter:
    """So many requests a second, of which so many fail, each of that many seconds.

    With the scrape of number `crashes_at` all counters begin anew, as those of a server that crashed do.
    """

    requests: float = 10.0
    failures: float = 0.0
    seconds: float = 0.01
    crashes_at: int = 0
    scrapes: int = 0
    address: str = ""
    _metrics: Metrics = field(default_factory=lambda: Metrics("churn", "v1"))
    _until: float = field(default_factory=time.monotonic)
    _owed: list[float] = field(default_factory=lambda: [0.0, 0.0])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self) -> str:
        """What a scrape reads: all that came since the last one is counted first."""
        with self._lock:
            self.scrapes += 1
            if self.scrapes == self.crashes_at:
                self._metrics = Metrics("churn", "v1")
            passed, self._until = time.monotonic() - self._until, time.monotonic()
            for index, (status, rate) in enumerate(
                ((200, self.requests - self.failures), (500, self.failures))
            ):
                self._owed[index] += rate * passed
                whole, self._owed[index] = divmod(self._owed[index], 1.0)
                for _ in range(int(whole)):
                    self._metrics.observe(status, self.seconds)
            return self._metrics.page()


@contextmanager
def serving(exporter: Exporter) -> Iterator[Exporter]:
    """The exporter behind HTTP on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = exporter.page().encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        exporter.address = f"127.0.0.1:{server.server_address[1]}"
        running = threading.Thread(target=server.serve_forever, args=(0.05,))
        running.start()
        try:
            yield exporter
        finally:
            server.shutdown()
            running.join()
