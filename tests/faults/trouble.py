"""What goes wrong in a story: with the registry, the API server, the operator's process and its clock."""

import threading
import time
from collections.abc import Callable
from typing import Any

from tests.faults.behaviours import (
    Answer,
    Behaviour,
    Cut,
    CutStream,
    Delay,
    EndStream,
    Match,
    SayInStream,
    Swallow,
    Swap,
    Truncate,
    html,
)
from tests.faults.rig import FaultSite

from lockgate_sandbox.registry.faults import Fault, FaultKind

# Five are promised; the machine may have much else to do.
TERMINATION_SECONDS = 15.0


class Trouble:
    """Arms faults at the proxies and ends, stops and confuses the operator."""

    def __init__(self, site: FaultSite) -> None:
        self.site = site
        self.broken: list[tuple[str, str]] = []
        self._helpers: list[threading.Timer] = []

    def relieve(self) -> None:
        """End every fault, and wait for those that end by themselves."""
        for helper in self._helpers:
            helper.join(10)
        self._helpers.clear()
        self.site.no_faults()

    # the registry

    def _registry_cut(self, times: int) -> None:
        self.site.registry_door.fault(Match(), Cut(), times)

    def _registry_answers(self, status: int, times: int) -> None:
        self.site.registry_door.fault(Match(), Answer(status), times)

    def _registry_html(self, times: int) -> None:
        self.site.registry_door.fault(Match(), html(), times)

    def _registry_hangs(self, seconds: float) -> None:
        self.site.registry.faults.add(Fault(kind=FaultKind.HANG))
        self._later(seconds, self.site.registry.faults.clear)

    def _registry_refuses(self, seconds: float) -> None:
        self.site.registry_door.close_door()
        self._later(seconds, self.site.registry_door.open_door)

    def _registry_denies(self) -> None:
        self.site.registry.faults.add(Fault(kind=FaultKind.DENY, user="viewer", registry="model"))

    # the API server

    def _api_answers(self, verb: str, status: int, resource: str, times: int) -> None:
        headers = {"Retry-After": "1"} if status == 429 else {}
        self._api(verb, resource, Answer(status, None, headers), times)

    def _api_swallows(self, verb: str, resource: str, times: int) -> None:
        self._api(verb, resource, Swallow(), times)

    def _api_half_an_answer(self, verb: str, resource: str, times: int) -> None:
        self._api(verb, resource, Truncate(), times)

    def _api_html(self, verb: str, resource: str, times: int) -> None:
        self._api(verb, resource, html(), times)

    def _api_slow(self, verb: str, resource: str, seconds: float) -> None:
        self._api(verb, resource, Delay(seconds), 3)

    def _api_refuses(self, seconds: float) -> None:
        self.site.api.close_door()
        self._later(seconds, self.site.api.open_door)

    def _watch_ends(self, resource: str, code: int) -> None:
        self._api("watch", resource, EndStream(code), 1)

    def _watch_cut(self, resource: str, mid: bool) -> None:
        self._api("watch", resource, CutStream(in_mid_line=mid), 1)

    def _watch_garbage(self, resource: str) -> None:
        self._api("watch", resource, SayInStream(b"<html>"), 1)

    def _watch_swaps(self, resource: str) -> None:
        self._api("watch", resource, Swap(), 1)

    def _api(self, verb: str, resource: str, behaviour: Behaviour, times: int) -> None:
        self.site.api.fault(Match(verb=verb, resource=resource), behaviour, times)

    # the operator itself

    def _kill(self) -> None:
        if self.site.operator.runs:
            self.site.operator.restart()

    def _terminate(self) -> None:
        if not self.site.operator.runs:
            return
        if not self.site.operator.ends_within(TERMINATION_SECONDS):
            self.broken.append(("sigterm_ends_it_in_time", f"it ran on for {TERMINATION_SECONDS:g} s"))
            self.site.operator.kill()
        self.site.operator.start()

    def _stop_for_a_while(self, seconds: float) -> None:
        if self.site.operator.runs:
            self.site.operator.pause()
            time.sleep(seconds)
            self.site.operator.resume()

    def _clock(self, seconds: float) -> None:
        self.site.operator.jump(seconds)

    def _later(self, seconds: float, call: Callable[[], Any]) -> None:
        thread = threading.Timer(seconds, call)
        thread.daemon = True
        thread.start()
        self._helpers.append(thread)
