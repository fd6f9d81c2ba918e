"""Plays outages: trouble comes, things change, trouble goes, and within seconds all is acted on.

Meanwhile /healthz is green, for a restart would help nothing, and /readyz is red whenever nothing
at all can be seen. What does not hold is told with seed and round, and the play goes on.
"""

import contextlib
import heapq
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from tests.faults.campaign import Stand
from tests.faults.history import History, Onlooker
from tests.faults.outages.changes import Changes, Check
from tests.faults.outages.draws import Round
from tests.faults.outages.sentry import Sentry
from tests.faults.outages.weather import Weather, must_be_red
from tests.faults.rig import FaultSite, fault_site
from tests.faults.stage import patient
from tests.integration.site import succeeds

from lockgate_sandbox.api import ApiClient, wait_until_found
from lockgate_sandbox.registry.running import start_registry

# From the API server's return until every change made meanwhile is acted on, and until /readyz is green.
RETURN_SECONDS = 15.0
# And until new pods serve, rollouts are over and all of that is told.
REST_SECONDS = 60.0
_EVERY_SECONDS = 0.05
# So many of the operator's last calls a story tells.
_CALLS = 60


@dataclass(slots=True)
class Tally:
    """What was met and how long it took."""

    rounds: int = 0
    changes: int = 0
    acted_meanwhile: int = 0
    slowest: float = 0.0
    slowest_change: str = "none"
    slowest_green: float = 0.0
    red_rounds: int = 0
    blind_rounds: int = 0
    met: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        met = ", ".join(f"{kind} {count}" for kind, count in sorted(self.met.items()))
        return (
            f"{self.rounds} rounds, {self.changes} changes ({self.acted_meanwhile} acted on before the "
            f"return), slowest from return to action {self.slowest:.1f} s ({self.slowest_change}), to a "
            f"green /readyz {self.slowest_green:.1f} s; /readyz red in {self.red_rounds} rounds, due in "
            f"{self.blind_rounds}; met: {met}; {len(self.violations)} violations"
        )


@dataclass(slots=True)
class _Made:
    """A change that was made."""

    said: str
    at: float
    check: Check
    acted_at: float | None = None


class Outages:
    """A world under way, round after round."""

    def __init__(self, site: FaultSite, changes: Changes, sentry: Sentry) -> None:
        self.tally = Tally()
        self._site = site
        self._changes = changes
        self._sentry = sentry
        self._story: list[tuple[float, str]] = []
        self._wrong: list[str] = []

    def begin(self) -> None:
        """Everything serves."""
        self._changes.set_up()
        self._site.operator.start()
        if unmet := self._wait(REST_SECONDS, self._changes.unmet):
            raise RuntimeError(f"it did not begin: {unmet}\n{self._site.operator.log[-3000:]}")

    def round(self, number: int, drawn: Round, name: str) -> bool:
        """One outage; whether it came to rest afterwards."""
        began = time.monotonic()
        self._story, self._wrong = [(began, f"trouble for {drawn.seconds:g} s")], []
        weather = Weather(self._site.api, drawn)
        made = self._meanwhile(weather, drawn, began)
        weather.clear()
        returned = time.monotonic()
        self._tell("all is back")
        self._see_action(made, returned)
        self._judge_probes(drawn, began, returned)
        unmet = self._wait(returned + REST_SECONDS - time.monotonic(), self._changes.unmet)
        if unmet:
            self._wrong.append(f"{REST_SECONDS:g} s after the return all is not at rest: {unmet}")
        if not self._site.operator.runs:
            self._wrong.append("the operator's process has ended")
        self._sum_up(drawn, weather, made, returned)
        self._file(f"{name}, round {number}", drawn)
        return unmet is None and self._site.operator.runs

    def _meanwhile(self, weather: Weather, drawn: Round, began: float) -> list[_Made]:
        made: list[_Made] = []
        planned: list[tuple[float, int, int, Callable[[], object]]] = []
        for order, (at, rank, call) in enumerate(weather.events()):
            planned.append((at, rank, order, call))
        for order, change in enumerate(drawn.changes):
            planned.append((change.at * drawn.seconds, 2, order, lambda c=change: self._change(c, made)))
        heapq.heapify(planned)
        while planned:
            at, _, _, call = heapq.heappop(planned)
            time.sleep(max(0.0, began + at - time.monotonic()))
            call()
        time.sleep(max(0.0, began + drawn.seconds - time.monotonic()))
        return made

    def _change(self, change: object, made: list[_Made]) -> None:
        check = self._changes.make(change)
        if check is not None:
            self._tell(str(change))
            made.append(_Made(str(change), time.monotonic(), check))

    def _see_action(self, made: list[_Made], returned: float) -> None:
        for one in made:
            if one.check() is None:
                one.acted_at = returned
        self.tally.acted_meanwhile += sum(one.acted_at is not None for one in made)
        late = returned + RETURN_SECONDS
        while (open_ := [one for one in made if one.acted_at is None]) and time.monotonic() < late:
            time.sleep(_EVERY_SECONDS)
            for one in open_:
                if one.check() is None:
                    one.acted_at = time.monotonic()
                    self._tell(f"  acted on: {one.said}")
        for one in open_:
            self._wrong.append(f"{one.said}: {one.check()} {RETURN_SECONDS:g} s after the return")

    def _judge_probes(self, drawn: Round, began: float, returned: float) -> None:
        green = self._wait(returned + RETURN_SECONDS - time.monotonic(), self._not_green)
        if green:
            self._wrong.append(f"{RETURN_SECONDS:g} s after the return {green}")
        self.tally.slowest_green = max(self.tally.slowest_green, self._green_after(returned))
        for at, code in self._sentry.between("healthz", began, time.monotonic()):
            if code != 200:
                self._wrong.append(f"/healthz answered {code or 'nothing'} after {at - began:.1f} s")
                break
        spans = must_be_red(drawn)
        self.tally.blind_rounds += bool(spans)
        for begin, end in spans:
            for at, code in self._sentry.between("readyz", began + begin, began + end):
                if code != 503:
                    self._wrong.append(f"/readyz answered {code or 'nothing'} after {at - began:.1f} blind s")
                    break
        self.tally.red_rounds += any(c == 503 for _, c in self._sentry.between("readyz", began, returned))

    def _not_green(self) -> str | None:
        code = self._site.operator.probe("readyz")
        return None if code == 200 else f"/readyz answers {code or 'nothing'}"

    def _green_after(self, returned: float) -> float:
        answers = self._sentry.between("readyz", returned, time.monotonic())
        reds = [at for at, code in answers if code != 200]
        return max(reds, default=returned) - returned

    def _wait(self, seconds: float, unmet: Check) -> str | None:
        late = time.monotonic() + seconds
        while said := unmet():
            if time.monotonic() > late:
                return said
            time.sleep(_EVERY_SECONDS)
        return None

    def _tell(self, text: str) -> None:
        self._story.append((time.monotonic(), text))

    def _sum_up(self, drawn: Round, weather: Weather, made: list[_Made], returned: float) -> None:
        self.tally.rounds += 1
        self.tally.changes += len(made)
        self.tally.met.update(weather.kinds_met())
        for one in made:
            took = (one.acted_at or time.monotonic()) - returned
            if took > self.tally.slowest:
                self.tally.slowest, self.tally.slowest_change = took, one.said

    def _file(self, where: str, drawn: Round) -> None:
        if not self._wrong:
            return
        began = self._story[0][0]
        told = sorted(self._story + self._sentry.turns(began) + self._calls(began))
        lines = [f"{where}: {wrong}" for wrong in self._wrong]
        lines += [f"  trouble: {trouble}" for trouble in drawn.troubles]
        lines.append(f"  load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        lines += [f"  {at - began:7.2f} s {text}" for at, text in told]
        lines += ["  the operator's last words:"]
        lines += [f"    {line[:300]}" for line in self._site.operator.log.splitlines()[-40:]]
        self.tally.violations.append("\n".join(lines))

    def _calls(self, began: float) -> list[tuple[float, str]]:
        calls = [call for call in list(self._site.api.calls) if call.verb != "watch"]
        return [(call.at, f"    {call}") for call in calls if call.at >= began][-_CALLS:]


def play_outages(
    stand: Stand,
    rounds: Iterable[tuple[int, Round]],
    *,
    until: float,
    name: str,
    tell: Callable[[str], None],
) -> Tally:
    """Play numbered rounds until a moment (of the monotonic clock), or until one comes to no rest."""
    with staged(stand) as one:
        one.begin()
        for number, drawn in rounds:
            if time.monotonic() > until:
                break
            troubles = "; ".join(map(str, drawn.troubles))
            tell(f"outages: round {number}, {drawn.seconds:g} s: {troubles}")
            told = len(one.tally.violations)
            rests = one.round(number, drawn, name)
            for story in one.tally.violations[told:]:
                tell(story)
            if not rests:
                break
        return one.tally


@contextlib.contextmanager
def staged(stand: Stand) -> Iterator[Outages]:
    """Two fresh namespaces, a registry and an operator, ready to begin."""
    namespaces = tuple(f"o-{token_hex(3)}-{number}" for number in range(2))
    history = History()
    stand.actor.behaviour = succeeds
    with (
        tempfile.TemporaryDirectory(prefix="outages-") as scratch,
        start_registry() as registry,
        ApiClient(stand.world.kubeconfig) as client,
        Onlooker(stand.world.kubeconfig, set(namespaces), history),
        fault_site(
            stand.world,
            stand.identity,
            namespaces[0],
            registry,
            stand.actor,
            Path(scratch),
            code=stand.code,
            nest=stand.nest,
            LOCKGATE_WATCH_NAMESPACES=",".join(namespaces),
        ) as site,
    ):
        for name in namespaces:
            client.post("/api/v1/namespaces", {"metadata": {"name": name}})
            wait_until_found(client, f"/api/v1/namespaces/{name}/serviceaccounts/default", within=15)
        changes = Changes(site, history, namespaces)
        try:
            with Sentry(site.operator) as sentry:
                yield Outages(site, changes, sentry)
        finally:
            site.operator.kill()
            with patient():
                changes.tear_down()
            for name in namespaces:
                with patient():
                    client.delete(f"/api/v1/namespaces/{name}")
