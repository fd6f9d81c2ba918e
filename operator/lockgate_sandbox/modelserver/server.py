"""The listening side: how the server takes clients in, and how it lets go of them.

Draining has an order: not ready first, so that every proxy turns away, while requests are still
answered; each answer then closes its connection; last, requests under way are finished.
"""

from __future__ import annotations

import sys
import threading
from functools import partial
from http.server import ThreadingHTTPServer

from .handler import Handler
from .service import Service


class ModelServer(ThreadingHTTPServer):
    """Serves one model until told to drain."""

    daemon_threads = True
    # Waiting for threads would also wait for idle keep-alive connections; requests are counted instead.
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        """Bind `address`."""
        self._service = service
        super().__init__(address, partial(Handler, service))

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up; everything else is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def drain(self, seconds: float, hurry: threading.Event, grace: float = 20.0) -> bool:
        """Turn not-ready, serve on for `seconds` (less when `hurry` is set), then stop listening.

        Returns whether all requests under way were answered within `grace` seconds after that.
        """
        self._service.draining = True
        hurry.wait(seconds)
        self.shutdown()
        self.server_close()
        return self._service.quiet_within(grace)
