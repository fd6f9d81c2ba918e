"""What is served, and what is known of it while requests come and go. Knows nothing of HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .metrics import Metrics
from .model import Model


class Service:
    """One model, the requests that are under way, and whether it turns clients away."""

    def __init__(self, model: Model, max_body_bytes: int, *, tells_answers: bool = False) -> None:
        """Bodies above `max_body_bytes` are to be refused; `tells_answers` wants each answer logged."""
        self.model = model
        self.max_body_bytes = max_body_bytes
        self.tells_answers = tells_answers
        self.metrics = Metrics(model.name, model.version)
        self.draining = False
        self._under_way = 0
        self._quiet = threading.Condition()

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

    def quiet_within(self, seconds: float) -> bool:
        """Whether all requests under way are answered within so many seconds."""
        with self._quiet:
            return self._quiet.wait_for(lambda: self._under_way == 0, seconds)
