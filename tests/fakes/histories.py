"""A history of one ModelDeployment: passes when the operator is woken, and how it all ends.

In the end all is as it was asked for. What must hold of each write is in promises.py, and what of each plan
in plans.py; what happens in a history is in tests/unit/test_simulated_traffic.py.
"""

from tests.fakes.plans import PromisedPlans
from tests.fakes.pods import BAD, DIFFERENT_FILES
from tests.fakes.rollouts import NAME, Killed
from tests.fakes.ways import Mood

from lockgate.api.lifecycle import Settle, Supersede
from lockgate.api.requests import Verb
from lockgate.api.shares import Role
from lockgate.api.status import Revision, RolloutState
from lockgate.api.strategy import BlueGreen, Rolling
from lockgate.domain.gate import YES, Holds
from lockgate.domain.observed import Observed
from lockgate.domain.plan import Course, Plan
from lockgate.names import Reason
from lockgate.plan.failures import failure_of
from lockgate.plan.reach import within_reach

# Longer than any pause, and than what is kept warm.
STILL = 26


class History(PromisedPlans):
    """A world whose every pass is held to the promises, and what happened in it."""

    def ask(self, text: str) -> None:
        """Somebody asks for something."""
        self.request, self.is_dirty = text, True

    def ask_for(self, verb: Verb, release: str | None = None) -> None:
        """The same, well written."""
        self.tokens += 1
        if verb is Verb.RETRY:
            self.failed.clear()
        self.ask(" ".join(filter(None, (verb.value, release, "by ada", f"#{self.tokens:08x}"))))

    def signature(self) -> tuple[object, ...]:
        """What a pass would see."""
        view = self.view
        return (view.workloads, view.pods, view.front, view.preview, view.route, view.word)

    def is_seen(self) -> bool:
        """Whether the operator has seen what others did to its objects."""
        names = set(self.view.workloads) == set(self.cluster.workloads)
        return names and self.view.route == self.route and self.view.front == self.front

    def is_woken(self) -> bool:
        """Whether the operator would look now by itself."""
        due = self.wake_at is not None and self.wake_at <= self.now
        return self.is_dirty or due or self.signature() != self.seen

    def a_pass(self) -> bool:
        """Plan, write, tell, unless it is killed; whether anything was written."""
        before, target = self.state, self.target()
        if target:
            self.meant.add(target.revision.version)
            self.meant_since.add(target.revision.version)
        plan = self.plan_now = self.plan()
        self.story.append((self.situation(), plan, self.observed, self.kill_after))
        self.check_plan(before, plan)
        self.patience.looks(self, target)
        try:
            wrote = self.apply(plan)
            if wrote is None:
                self.is_dirty = True
                return False
            told = self.tell(plan)
        except Killed:
            self.met["killed between two writes"] += 1
            self.patience.was_killed()
            self.restart()
            self.kill_after, self.is_dirty = None, True
            return True
        self.seen, self.is_dirty, self.wake_at = self.signature(), wrote, plan.wake
        if plan.state.candidate is None and plan.stage and self.is_seen():
            named = {track.workload for track in plan.stage.tracks}
            self.is_disturbed &= set(self.cluster.workloads) != named
        self.check_told(before, plan)
        self.check_there(plan)
        return wrote or told

    def check_there(self, plan: Plan) -> None:
        """What nobody waits for is there after every pass that saw all there is."""
        state, alone = plan.state, list(self.cluster.workloads) == [NAME]
        if not self.is_seen() or plan.stage is None:
            return
        if self.suspend and state.candidate is not None and alone and self.route is None:
            assert self.asked is not None
            assert self.front is None or self.front.workload or self.asked.paused, "held, and replaced on"
        self.check_dead(plan)

    def check_dead(self, plan: Plan) -> None:
        """Who was seen to be dead is sent nothing while stable lives in a workload of its own."""
        home = self.observed.runs(plan.state.stable) if plan.state.stable else None
        first = plan.stage.tracks[0] if plan.stage else None
        if home is None or first is None or not home.available or not self.replicas:
            return
        is_stable = (first.role, first.workload) == (Role.STABLE, home.name)
        if self.route is None or self.suspend or not is_stable:
            return
        for name, weight in self.route.written.weights:
            seen = self.observed.named(name)
            is_dead = seen is None or not seen.available
            assert not (weight and is_dead), f"{weight} % for {name}, of which nobody lives"

    def happens(self, seconds: float = 60) -> None:
        """Time passes; the operator looks when it is woken."""
        self.wait(seconds)
        self.check_two()
        if self.is_woken():
            self.a_pass()

    def check_two(self) -> None:
        """No third release answers, unless stable was gone altogether, or there is none yet."""
        if self.is_disturbed:
            return
        stable, ready = self.state.stable, self.cluster.ready
        homes = self.cluster.workloads.items()
        self.is_disturbed = stable is None or not any(
            one.release.is_same(stable) and ready(name) for name, one in homes
        )
        # Who replaces pods in place keeps those of before until others are there.
        mixed = any(not pod.release.is_same(self.asked.release) for pod in self.cluster.of(NAME))
        if not mixed and not self.is_disturbed:
            assert len(self.releases_answering()) <= 2, f"three answer: {self.answering()}"

    def end_faults(self) -> None:
        """The faults end, the hands rest."""
        self.cluster.is_kind, self.cluster.room, self.gateway.mood = True, 99, Mood.PROMPT
        self.kill_after, self.is_dirty = None, True

    def live_on(self) -> None:
        """Until nothing was written for so long that nothing will be."""
        still = ticks = 0
        while still < STILL:
            ticks += 1
            assert ticks < 900, "it never comes to rest"
            before = (self.writes, self.signature())
            self.happens()
            still = still + 1 if (self.writes, self.signature()) == before else 0
        self.look()
        assert not self.a_pass(), "something was left to do, and nobody woke it"

    def comes_to_rest(self, *, grants: bool) -> None:
        """It ends where it should."""
        self.end_faults()
        self.is_silent = self.suspend = False
        self.settle, self.elsewhere = Settle(), set()
        if not grants:
            self.supersede = Supersede.RESTART
        if grants:
            self.verdict = YES
        for _ in range(30):
            self.live_on()
            state = self.state
            if not grants or state.candidate is None or not self.is_waiting_for_approval():
                break
            self.ask_for(Verb.APPROVE, state.candidate.release)
        self.check_rest(grants=grants)

    def is_waiting_for_approval(self) -> bool:
        assert self.plan_now is not None
        return self.plan_now.decision.reason is Reason.WAITING_FOR_APPROVAL

    def check_rest(self, *, grants: bool) -> None:
        state, plan = self.state, self.plan_now
        assert plan is not None
        self.met[f"rests: {plan.decision.course.value}"] += 1
        if plan.decision.reason is Reason.DIGEST_CHANGED and state == RolloutState():
            return  # until a person comes
        # Who never proved itself, as no pod was asked for, may well be bad.
        is_good = state.stable is not None and int(state.stable.version[1:]) not in BAD
        # Who is held without ever having proved itself is given nothing that another hand took from it.
        is_whole = state.frozen is None or int(state.frozen.revision.version[1:]) not in BAD
        if (is_good and is_whole) or (state.candidate is None and state.stable is None):
            self.check_all_there(plan)
        if state.frozen is not None:
            assert plan.decision.course is Course.FROZEN
            return  # until somebody decides
        if state.candidate is not None:
            assert self.release.is_same(state.candidate)
            if state.stable is None:
                assert int(self.wanted.version[1:]) in BAD, "a good first version is not served"
                assert plan.decision.course is Course.STALLED
                return
            assert plan.decision.waits, "it neither goes on nor waits"
            if isinstance(self.strategy, BlueGreen) and state.step == 0:
                assert self.preview, "nobody can look at it"
            assert not grants or self.verdict.holds is not Holds.YES, "it waits for nothing"
            self.met["rests: waiting"] += 1
            return
        if int(self.wanted.version[1:]) not in BAD:
            failed = failure_of(self.deployment(), state, self.release)
            is_asked_anew = (self.release.release, self.retry) not in self.failed_ever
            assert not (failed and is_asked_anew) or self.has_lost, "a person wants it tried, and it is not"
            assert failed or self.release.is_same(state.stable), "a good version that was asked for serves"
        elif self.replicas and not self.has_lost:
            could_not_show = self.wanted.version == f"v{DIFFERENT_FILES}"
            assert could_not_show or not self.wanted.is_same(state.stable), "a bad version is nobody's stable"

    def check_all_there(self, plan: Plan) -> None:
        """What is planned is there, and nothing else."""
        stage = plan.stage
        assert stage is not None
        assert within_reach(stage, self.observed, self.replicas) == stage, "what is planned is out of reach"
        there = {name: (one.release.release, one.asked) for name, one in self.cluster.workloads.items()}
        asked = {track.workload: (track.release.release, track.replicas) for track in stage.tracks}
        assert there == asked, f"there is {there}, asked is {asked}"
        assert (self.route and self.route.written) == stage.split
        assert stage.split is None or self.gateway.serving == stage.split
        assert self.front is not None
        assert (self.front.workload, self.preview) == (stage.front, stage.preview)
        if self.state.stable and (self.state.frozen is None or not isinstance(self.strategy, Rolling)):
            home = self.observed.runs(self.state.stable)
            assert home is not None
            assert home.available == home.replicas, "stable is whole"

    def ends_by_abort(self) -> None:
        """From wherever it is an abort leads back, be it suspended or without an answer of the registry."""
        self.end_faults()
        self.suspend, self.is_silent = self.rng.random() < 0.4, self.rng.random() < 0.4
        candidate, stable = self.state.candidate, self.state.stable
        if candidate is None or stable is None or not self.release.is_same(candidate):
            return
        if self.state.unproven and self.replicas:
            return  # what no pod ever ran is no way back once pods are asked for
        self.met[f"an abort{' while suspended' if self.suspend else ''}"] += 1
        self.ask_for(Verb.ABORT)
        for _ in range(12):
            self.happens()
        state, stable = self.state, self.state.stable
        weights = dict(self.route.written.weights) if self.route and self.traffic else {}
        assert state.candidate is None, "an abort was not heard"
        assert stable is not None
        homes = {name for name, one in self.cluster.workloads.items() if one.release.is_same(stable)}
        assert {name for name, weight in weights.items() if weight} <= homes, f"{weights} after an abort"
        assert self.answering() <= homes, f"{self.answering()} answer after an abort"
        mine = [pod for pod in self.pods if pod.workload in homes and pod.ready]
        assert all(pod.release.is_same(stable) for pod in mine), "pods of who was aborted answer yet"
        is_whole = len(mine) >= self.replicas or int(stable.version[1:]) in BAD
        assert is_whole or self.suspend, "stable is whole again"

    def situation(self) -> str:
        """What is asked for now."""
        return (
            f"{self.now:%H:%M} {type(self.strategy).__name__}{' gateway' if self.traffic else ''} "
            f"x{self.replicas} wants {self.wanted.version}{'?' if self.is_silent else ''}"
            f"{' suspended' if self.suspend else ''}"
        )

    def told(self) -> str:
        """The last passes of the story."""
        return "\n".join(_passed(*each) for each in self.story)


def _passed(situation: str, plan: Plan, observed: Observed, kill_after: int | None) -> str:
    state, stage, route = plan.state, plan.stage, observed.route
    asked = stage and [(each.workload[-4:], each.release.version, each.replicas) for each in stage.tracks]
    there = [
        (each.name[-4:], each.revision and each.revision.version, each.replicas, each.available)
        for each in observed.workloads
    ]
    return (
        f"{situation}: {_name(state.stable)}<-{_name(state.candidate)}[{state.step}"
        f"{' reached' if state.reached_at else ''}] {plan.decision.course}, {plan.decision.reason} "
        f"{f'kill after {kill_after}' if kill_after is not None else ''}\n"
        f"    ideal {asked} {stage and stage.split and stage.split.weights} front {stage and stage.front} "
        f"{plan.answer and (plan.answer.request[:30], plan.answer.outcome.value)}\n"
        f"    there {there} written {route and route.written.weights} "
        f"served {route and route.served and route.served.weights} front {observed.front} "
        f"unmoved {observed.unmoved}"
    )


def _name(revision: Revision | None) -> str:
    return revision.version if revision else "-"
