"""Thousands of random histories of one rollout; what must hold, holds after every step of each.

`LOCKGATE_SIMULATION_SEED` lives through other histories, `LOCKGATE_SIMULATION_EPISODES` through more
(28,000 make a million writes, and six minutes of a processor).
A history that breaks a promise is told from its seed on, so that it can be lived through again.
"""

import os
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.fakes.drawn import track_of
from tests.fakes.pods import BAD, DIFFERENT_FILES, NEVER_READY, SILENT
from tests.fakes.rollouts import DEADLINE, NAME, VERSIONS, LittleWorld

from lockgate.api.lifecycle import OnFailure, Settle, Supersede
from lockgate.api.status import HistoryEntry, Outcome, RolloutState
from lockgate.domain.observed import Observed
from lockgate.domain.plan import Course, Plan, Track
from lockgate.names import Reason
from lockgate.plan.failures import failure_of

SEED = int(os.environ.get("LOCKGATE_SIMULATION_SEED", "7"))
# A pod that can become ready stays so for that many minutes once in a hundred thousand.
STILL = 25
EPISODES = int(os.environ.get("LOCKGATE_SIMULATION_EPISODES", "120"))


SETTLED = (Settle(), Settle(debounce=timedelta(minutes=4)), Settle(soak=timedelta(minutes=20)))


class History(LittleWorld):
    """A world whose every pass is held to the promises."""

    def __init__(self, rng: random.Random, *, chaos: bool) -> None:
        super().__init__(rng)
        self.chaos = chaos
        self.story: list[str] = []
        self.meant: set[str] = set()
        self.started = self.ended = 0
        self.lost_memory = self.lost_pod = self.hands_off = False
        self.carried = 0
        self.failed: set[tuple[str | None, str]] = set()
        self.proved: set[str] = set()
        self.rollout: tuple[object, ...] = ()
        self.come: tuple[int, ...] = ()
        self.moved, self.moved_in, self.looked_in = 0.0, self.process, self.process

    def a_pass(self, kill: str = "") -> bool:
        """Plan, write, tell, possibly killed in between; whether anything was written."""
        before, target = self.state, self.target()
        if target:
            self.meant.add(target.revision.version)
        self.watch_progress()
        plan = self.plan()
        self.hands_off = plan.stage is None and plan.decision.reason is Reason.DIGEST_CHANGED
        self.story.append(
            f"pass {target and target.revision.version}: {_name(plan.state.stable)} <- "
            f"{_name(plan.state.candidate)}, {plan.decision.course}, {_shown(track_of(plan))} {kill}"
        )
        self.check_plan(before, plan)
        if kill == "before any write":
            return False
        wrote = self.apply(plan)
        self.look()
        if wrote is None or kill == "between two writes":
            return bool(wrote)
        self.check_told(before, plan)
        return self.tell(plan) or bool(wrote)

    def watch_progress(self) -> None:
        """When the candidate last came further, as anybody can see who looks at each pass."""
        candidate, view = self.state.candidate, Observed(pods=self.view.pods)
        rollout = (candidate and candidate.release, self.retry, self.suspend)
        pods = view.pods_of(candidate) if candidate else ()
        old = len(view.pods) - len(pods)
        # A process knows what has changed since its first look, and not what came about before that.
        seen_in, self.looked_in = self.process if self.looked_in == self.process else 0, self.process
        come = (len(pods), sum(pod.fetch is not None for pod in pods), sum(pod.ready for pod in pods), -old)
        if rollout != self.rollout:
            self.rollout, self.come = rollout, come
            self.moved, self.moved_in = self.monotonic, seen_in
        elif any(now > before for now, before in zip(come, self.come, strict=True)):
            self.come = tuple(map(max, come, self.come))
            self.moved, self.moved_in = self.monotonic, seen_in

    def check_plan(self, before: RolloutState, plan: Plan) -> None:
        track, known = track_of(plan), self.observed.workload
        if self.suspend:
            assert plan.state.stable is None or before == RolloutState() or plan.state.stable == before.stable
            assert not (track and known and known.paused), "it stands still already"
            if track and not track.paused and plan.state.candidate is None:
                assert track.release.is_same(plan.state.stable), "only the way back goes on"
                return
            assert track is None or (self.asked and track.paused)
            if track and self.asked and self.view.versions.get(NAME) == self.asked.version:
                assert track.release.is_same(self.asked.release)
                assert track.replicas == self.asked.asked
            return
        stalls = plan.decision.reason is Reason.PROGRESS_DEADLINE_EXCEEDED
        if stalls and plan.state.candidate:
            self.check_late(plan.state.candidate.version)
        if track is not None:
            given_up = plan.state.stable is None and plan.decision.course is Course.STALLED
            assert track.replicas == self.replicas or (given_up and track.replicas == 0)
            assert track.paused <= (plan.decision.course is Course.FROZEN)
        hands_off = plan.decision.reason is Reason.DIGEST_CHANGED and plan.state == RolloutState()
        if before.stable is not None and self.asked is not None and not hands_off:
            assert track is not None, "what serves is never left without a workload"
        if self.target() is None and track is not None:
            asked = self.asked and self.asked.release
            told = (before.stable, before.candidate, before.fallback, asked)
            failed = [failure.revision for failure in before.failed]
            seen = [pod.revision for pod in self.observed.pods]
            assert any(track.release.is_same(each) for each in (*told, *failed, *seen))

    def check_told(self, before: RolloutState, plan: Plan) -> None:
        after = plan.state
        began = after.candidate is not None and not after.candidate.is_same(before.candidate)
        self.started += began
        for entry in plan.finished:
            self.check_ended(before, entry)
        # Who was suspended may have pods although none are asked for any more.
        if after.stable is not None and not after.unproven and (self.replicas or after.stable.tree):
            self.proved.add(after.stable.version)
        self.ended += len(plan.finished)
        if began and after.candidate and not self.lost_memory:
            assert (after.candidate.release, self.retry) not in self.failed, "tried again unasked"
            assert after.candidate.version in self.meant
        if after.stable is not None and not after.stable.is_same(before.stable):
            self.check_new_stable(before, plan)
        promoted = any(entry.outcome is Outcome.PROMOTED for entry in plan.finished)
        self.started += promoted and before.candidate is None  # begun by a pass that told nobody
        assert not (began and promoted), "two steps in one pass"

    def check_ended(self, before: RolloutState, entry: HistoryEntry) -> None:
        if before.frozen is not None and entry.revision.is_same(before.candidate):
            self.failed.add((entry.revision.release, self.retry))
            return
        if entry.outcome is not Outcome.ABORTED:
            return
        self.failed.add((entry.revision.release, self.retry))
        if int(entry.revision.version[1:]) not in BAD - {NEVER_READY, SILENT}:
            self.check_late(entry.revision.version)

    def check_late(self, version: str) -> None:
        if self.lost_memory:
            return
        # What was before the first look of this process counts for half; from then on every second is known.
        stood = self.monotonic - max(self.moved, self.begun)
        patience = DEADLINE if self.moved_in == self.process else DEADLINE / 2
        assert stood >= patience.total_seconds(), f"{version} was given up after {stood} s"

    def check_new_stable(self, before: RolloutState, plan: Plan) -> None:
        stable, recovered = plan.state.stable, before == RolloutState()
        assert stable is not None
        if (recovered and not plan.finished) or stable.is_same(before.fallback):
            return
        assert stable.version in self.meant
        pods = self.observed.pods_of(stable)
        if plan.state.unproven:
            assert self.replicas == 0
            fallback = plan.state.fallback
            assert self.lost_memory or fallback is None or fallback.version in self.proved
            assert before.stable is None or before.unproven or before.stable.is_same(fallback)
        else:
            # One pod alone cannot differ from others; with more of them it shows.
            number = int(stable.version[1:])
            workload = self.observed.workload
            asked = workload.replicas if recovered and workload else self.replicas
            assert number not in BAD or (number == DIFFERENT_FILES and asked == 1)
            assert sum(pod.ready for pod in pods) >= asked > 0
            assert len(self.observed.trees_of(stable)) == 1

    def check_world(self) -> None:
        ready = sum(pod.ready for pod in self.pods)
        if not self.lost_pod and self.asked is not None:
            assert ready >= min(self.carried, self.asked.asked), "fewer pods serve than did"
        self.carried = ready

    def live_on(self) -> None:
        """Until nothing has moved for so long that nothing will: pods come further by chance alone."""
        still, begun = 0, self.monotonic
        while still < STILL or self.monotonic < begun + 40 * 60:
            assert self.monotonic < begun + 24 * 3600, "it never comes to rest"
            before = [pod.facts() for pod in self.pods]
            wrote = self.a_pass()
            self.wait(60)
            self.check_world()
            moved = before != [pod.facts() for pod in self.pods]
            # Where nothing may be touched, pods that fetch wrong bytes go on until a person comes.
            still = 0 if wrote or (moved and not self.hands_off) else still + 1

    def comes_to_rest(self) -> None:
        """The faults end, the hands rest: it ends where it should, and then nothing is written."""
        self.is_silent, self.suspend = False, False
        self.generation += 1
        self.look()
        self.live_on()
        self.look()
        wrote = [self.a_pass() for _ in range(5)]
        assert not any(wrote), "still writing at rest"
        state, wanted = self.state, self.wanted
        if not self.lost_memory:
            assert self.started - self.ended == (state.candidate is not None)
        if int(wanted.version[1:]) not in BAD:
            failed = failure_of(self.deployment(), state, self.release) or state.frozen
            assert failed or self.release.is_same(state.stable), "a good version that was asked for serves"
        elif self.replicas and not self.lost_memory:
            could_not_show = wanted.version == f"v{DIFFERENT_FILES}"
            assert could_not_show or not wanted.is_same(state.stable), "a bad version is nobody's stable one"
            # A process that told nobody before its end leaves pods of which nobody knows since when.
            is_known = wanted.is_same(state.stable) or wanted.is_same(state.candidate)
            if not is_known and not self.hands_off:
                assert failure_of(self.deployment(), state, self.release)
                assert self.asked is not None
                assert state.stable or self.asked.asked == 0, "wrong bytes are fetched for ever"
        serving = {pod.number for pod in self.pods if pod.ready}
        assert len(serving) <= 1 or state.stable is None or state.frozen


def _name(revision: object) -> str:
    return getattr(revision, "version", "-")


def _shown(workload: Track | None) -> str:
    if workload is None:
        return "nothing"
    return f"{workload.replicas} of {workload.release.version}" + (" paused" if workload.paused else "")


def _edit(world: History, **fields: object) -> None:
    for name, value in fields.items():
        setattr(world, name, value)
    world.generation += 1


def _kill(world: History) -> None:
    world.a_pass(world.rng.choice(["before any write", "between two writes", "after the last write"]))
    world.restart()


def _lose_status(world: History) -> None:
    world.status, world.lost_memory = {}, True


def _pod_dies(world: History) -> None:
    if world.pods:
        world.rng.choice(world.pods).ready = False
        world.lost_pod = True


def _jump(world: History) -> None:
    world.now += timedelta(seconds=world.rng.choice([-3600, 3600, 400 * 86400, -400 * 86400]))


def _scale(world: History) -> None:
    _edit(world, replicas=world.rng.choice([0, 1, 2, 3, 5]))
    world.carried = 0


ACTIONS: tuple[tuple[int, bool, Callable[[History], object]], ...] = (
    (30, False, lambda w: w.a_pass()),
    (15, False, lambda w: (w.control(), w.look())),
    (15, False, lambda w: (w.kubelet(), w.look())),
    (10, False, lambda w: w.wait(w.rng.choice([5, 60, 300, 700]))),
    (10, False, lambda w: setattr(w, "alias", w.rng.choice([1, 2, 3, 3, 4, 5, 6, 7]))),
    (3, False, lambda w: setattr(w, "is_silent", not w.is_silent)),
    (2, False, _scale),
    (2, False, lambda w: _edit(w, suspend=not w.suspend)),
    (2, False, lambda w: _edit(w, pin=w.rng.choice([0, 1, 2, 3, 4]))),
    (2, False, lambda w: _edit(w, limit=w.rng.choice([3, 10, 20]))),
    (1, False, lambda w: _edit(w, cpu=w.cpu + 1)),
    (1, False, lambda w: setattr(w, "runtime", w.rng.choice([1, 2, 3]))),
    (1, False, lambda w: setattr(w, "retry", w.retry + "x")),
    (1, False, lambda w: _edit(w, on_failure=w.rng.choice(list(OnFailure)))),
    (1, False, lambda w: _edit(w, settle=w.rng.choice(SETTLED))),
    (4, True, _kill),
    (3, True, lambda w: (w.control(), w.kubelet())),  # and the watch lags
    (2, True, _jump),
    (1, True, _pod_dies),
    (1, True, _lose_status),
)


def live(seed: int, *, chaos: bool) -> History:
    """One history, to its rest."""
    rng = random.Random(seed)
    world = History(rng, chaos=chaos)
    world.on_failure, world.supersede = rng.choice(list(OnFailure)), rng.choice(list(Supersede))
    actions = [(weight, act) for weight, wild, act in ACTIONS if chaos or not wild]
    weights, acts = [weight for weight, _ in actions], [act for _, act in actions]
    try:
        for _ in range(rng.randint(20, 120)):
            act = rng.choices(acts, weights)[0]
            act(world)
            world.check_world()
        world.comes_to_rest()
    except AssertionError as error:
        story = "\n".join(world.story[-25:])
        raise AssertionError(f"history {seed} (chaos={chaos}): {error}\n{story}") from error
    return world


@pytest.mark.parametrize("chaos", [False, True], ids=["calm", "chaos"])
def test_whatever_happens_in_whatever_order_the_promises_hold(chaos):
    steps = writes = 0
    for n in range(EPISODES):
        world = live(SEED * 10**6 + n, chaos=chaos)
        steps, writes = steps + len(world.story), writes + world.writes
    assert (steps > 50 * EPISODES, writes > 12 * EPISODES) == (True, True), (steps, writes)


def test_the_histories_meet_what_they_are_meant_to_meet():
    """Promises kept in a world where nothing happens would be worth nothing."""
    seen = set()
    for n in range(160):
        world = live(SEED * 10**6 + n, chaos=True)
        seen |= {entry.outcome for entry in world.deployment().status.history}
        seen |= {"unproven"} if "unproven" in str(world.status) else set()
        seen |= {line.split(", ")[1] for line in world.story}
    assert set(Outcome) <= seen
    # What failed elsewhere is drawn in test_simulated_traffic.py.
    drawn = set(Course) - {Course.QUARANTINED}
    assert {"unproven", *(course.value for course in drawn)} <= seen
    assert {VERSIONS[number].version for number in BAD} == {"v4", "v5", "v6", "v7"}
