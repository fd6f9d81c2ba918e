"""Plays a story in a world: round after round, and after each one all must come to rest.

Within a bound after the last fault what people ask for must hold, and then nothing may be written
any more. Meanwhile the invariants are checked after every write.
"""

import contextlib
import os
import tempfile
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from tests.faults.history import Change, History, Onlooker
from tests.faults.invariants import INVARIANTS
from tests.faults.rig import FaultSite, fault_site
from tests.faults.stage import Stage, patient
from tests.faults.story import Round
from tests.faults.wishes import Wish, Wishes
from tests.integration.nest import ROOT, Nest

from lockgate_sandbox.api import ApiClient, wait_until_found
from lockgate_sandbox.node_actor import NodeActor
from lockgate_sandbox.registry.running import start_registry
from lockgate_sandbox.running import RunningWorld

# From the end of the last fault until what is asked for holds. The longest way there is a candidate
# that never becomes ready: its deadline of 30 s has to pass.
BOUND_SECONDS = 45.0
REST_SECONDS = 1.2
# What no proxy counts.
FAULTS_BY_THEMSELVES = frozenset(
    {"kill", "terminate", "stop for a while", "clock", "API: refuses", "registry: refuses", "registry: hangs"}
)
CONTESTED_SECONDS = 60.0
LOOP_WRITES, LOOP_SECONDS = 60, 10.0


@dataclass(slots=True)
class Tally:
    """What was done and checked."""

    rounds: int = 0
    steps: int = 0
    faults: int = 0
    changes: int = 0
    checks: int = 0
    slowest: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Sum up."""
        for name in ("rounds", "steps", "faults", "changes", "checks"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.slowest = max(self.slowest, other.slowest)
        self.kinds += other.kinds


class Violation(Exception):
    """An invariant does not hold; `told` is what happened before."""

    def __init__(self, invariant: str, what: str, told: list[str]) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant
        self.what = what
        self.told = told


class Play:
    """One story under way."""

    def __init__(self, site: FaultSite, stage: Stage, history: History, wishes: Wishes) -> None:
        self.tally = Tally()
        self.site = site
        self._stage = stage
        self._history = history
        self._wishes = wishes
        self._found: list[tuple[str, str]] = []

    def check(self, change: Change) -> None:
        """Every invariant after one write; called on the onlooker's thread."""
        for invariant in INVARIANTS:
            self.tally.checks += 1
            try:
                wrong = invariant(self._history, change)
            except (KeyError, TypeError, AttributeError) as error:
                wrong = f"what was written cannot be judged: {error!r}"
            if wrong:
                self._found.append((invariant.__name__, f"{change.kind} {'/'.join(change.key)}: {wrong}"))

    def begin(self) -> None:
        """The first state: everything serves."""
        self._stage.set_up()
        self.site.operator.start()
        self._come_to_rest()

    def round(self, actions: Round) -> None:
        """Do one round and wait for rest; raises Violation."""
        self.tally.rounds += 1
        met_before = self.site.api.faults.met + self.site.registry_door.faults.met
        for action in actions:
            self.tally.steps += 1
            self.tally.kinds[action.kind] += 1
            self.tally.faults += action.kind in FAULTS_BY_THEMSELVES
            self._history.tell(str(action))
            self._stage.perform(action)
            time.sleep(action.pause)
            self._raise_found()
        self.tally.faults += self.site.api.faults.met + self.site.registry_door.faults.met - met_before
        self._come_to_rest()

    def _come_to_rest(self) -> None:
        if self._stage.calm():
            self._fail("the_operator_ends_only_when_told_to", "its process was gone")
        self._history.tell("-- all faults are over")
        began, left_alone = time.monotonic(), 0.0
        while (unmet := self._unmet()) or not self._rests():
            self._raise_found()
            if self._is_contested():
                # Who was changed by strangers many times within a minute waits for that minute to end.
                left_alone = min(time.monotonic() - began, CONTESTED_SECONDS)
            if not self.site.operator.runs:
                self._fail("the_operator_ends_only_when_told_to", "its process is gone")
            if time.monotonic() - began > BOUND_SECONDS + left_alone:
                self._fail(
                    "what_is_asked_for_holds_in_the_end" if unmet else "it_comes_to_rest_and_is_ready",
                    unmet or self._restless(),
                )
            if unmet:
                time.sleep(0.1)
        self._raise_found()
        self.tally.slowest = max(self.tally.slowest, time.monotonic() - began)
        self.tally.changes = self._history.changes
        self._check_secrets()
        self._next_round()

    def _is_contested(self) -> bool:
        found = (self._history.get("ModelDeployment", wish.key) for wish in self._wishes.wishes)
        return any("'Contested'" in str(one) for one in found)

    def _unmet(self) -> str | None:
        for wish in self._wishes.wishes:
            unmet = self._wishes.unmet(wish)
            if unmet:
                return f"{'/'.join(wish.key)}: {unmet}"
        return None

    def _rests(self) -> bool:
        self.tally.checks += 1
        before = self._writes()
        time.sleep(REST_SECONDS)
        return self._writes() == before and self._unmet() is None and self._is_well()

    def _is_well(self) -> bool:
        return all(self.site.operator.probe(name) == 200 for name in ("readyz", "healthz"))

    def _restless(self) -> str:
        probes = {name: self.site.operator.probe(name) for name in ("readyz", "healthz")}
        return f"probes: {probes}; last writes: {[str(call) for call in self.site.api.writes()[-3:]]}"

    def _writes(self) -> int:
        return max((call.number for call in self.site.api.writes() if call.resource != "events"), default=0)

    def _next_round(self) -> None:
        self._history.round_began = time.monotonic()
        self._history.whole_at_round = {
            wish.key: wish.size for wish in self._wishes.wishes if self._is_whole(wish)
        }

    def _is_whole(self, wish: Wish) -> bool:
        if not wish.exists or wish.in_the_way or wish.suspended:
            return False
        workload = self._history.get("Deployment", wish.key) or {}
        return bool(workload.get("status", {}).get("availableReplicas", 0) == wish.size)

    def _check_secrets(self) -> None:
        self.tally.checks += 1
        key = self.site.registry.keys["viewer"]
        for form in (key, b64encode(f"api:{key}".encode()).decode(), b64encode(key.encode()).decode()):
            if form in self.site.operator.log:
                self._fail("no_secret_is_told", "the registry's key is in the log")

    def _raise_found(self) -> None:
        self._check_loops()
        self._found += self._stage.broken
        if self._found:
            self._fail(*self._found[0])

    def _check_loops(self) -> None:
        since = time.monotonic() - LOOP_SECONDS
        busy = Counter(
            (call.resource, call.namespace, call.name) for call in self.site.api.writes() if call.at >= since
        )
        for place, count in busy.items():
            if count > LOOP_WRITES and place[0] != "events":
                self._fail("nothing_is_written_in_a_loop", f"{place}: {count} writes in {LOOP_SECONDS:g} s")

    def _fail(self, invariant: str, what: str) -> None:
        raise Violation(invariant, what, self.told())

    def told(self) -> list[str]:
        """The last actions and writes, in the order of time."""
        lines = [(at, text) for at, text in self._history.timeline]
        lines += [(call.at, f"    {call}") for call in self.site.api.writes()]
        lines.sort(key=lambda line: line[0])
        end = time.monotonic()
        happened = [f"{at - end:8.2f} s {text}" for at, text in lines[-60:]]
        load = f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        said = [f"    {line[:300]}" for line in self.site.operator.log.splitlines()[-25:]]
        return [*happened, load, "the operator's last words:", *said]


@contextlib.contextmanager
def staged(
    world: RunningWorld,
    identity: Path,
    actor: NodeActor,
    code: Path = ROOT / "operator",
    nest: Nest | None = None,
) -> Iterator[Play]:
    """Two fresh namespaces, a registry and an operator, ready to begin."""
    namespaces = tuple(f"f-{token_hex(3)}-{number}" for number in range(2))
    history = History()
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as scratch,
        start_registry() as registry,
        ApiClient(world.kubeconfig) as client,
        Onlooker(world.kubeconfig, set(namespaces), history) as onlooker,
        fault_site(
            world,
            identity,
            namespaces[0],
            registry,
            actor,
            Path(scratch),
            code=code,
            nest=nest,
            LOCKGATE_WATCH_NAMESPACES=",".join(namespaces),
        ) as site,
    ):
        for name in namespaces:
            client.post("/api/v1/namespaces", {"metadata": {"name": name}})
            wait_until_found(client, f"/api/v1/namespaces/{name}/serviceaccounts/default", within=15)
        wishes = Wishes.of(history, namespaces)
        stage = Stage(site, history, wishes)
        play = Play(site, stage, history, wishes)
        onlooker.on_change = play.check
        try:
            yield play
        finally:
            site.operator.kill()
            stage.client.close()
            for name in namespaces:
                with patient():
                    client.delete(f"/api/v1/namespaces/{name}")
