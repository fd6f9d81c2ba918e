"""The HTTP side: which path answers what, and how the server lets go of its clients.

Draining has an order: not ready first, so that every proxy turns away, while requests are still
answered; each answer then closes its connection; last, requests under way are finished.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

from .handler import Handler
from .metrics import Metrics
from .model import Model


class ModelServer(ThreadingHTTPServer):
    """Serves one model until told to drain."""

    daemon_threads = True
    # Waiting for threads would also wait for idle keep-alive connections; requests are counted instead.
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], model: Model, max_body_bytes: int) -> None:
        """Bind `address`; bodies above `max_body_bytes` are refused."""
        self.model = model
        self.max_body_bytes = max_body_bytes
        self.metrics = Metrics(model.name, model.version)
        self.draining = False
        self._under_way = 0
        self._quiet = threading.Condition()
        super().__init__(address, Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up; everything else is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @contextmanager
    def request(self) -> Iterator[None]:
        """A request under way: from its arrival until its answer is out."""
        with self._quiet:
            self._under_way += 1
        try:
            yield
        finally:
            with self._quiet:
                self._under_way -= 1
                self._quiet.notify_all()

    def drain(self, seconds: float, hurry: threading.Event, grace: float = 20.0) -> bool:
        """Turn not-ready, serve on for `seconds` (less when `hurry` is set), then stop listening.

        Returns whether all requests under way were answered within `grace` seconds after that.
        """
        self.draining = True
        hurry.wait(seconds)
        self.shutdown()
        self.server_close()
        with self._quiet:
            return self._quiet.wait_for(lambda: self._under_way == 0, grace)
