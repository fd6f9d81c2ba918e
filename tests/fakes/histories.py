"""A history of one ModelDeployment: passes when the operator is woken, and what must hold of each of them.

The promises of single writes are in `promises.py`. Here is what is promised of plans and of what is told:
nothing begins or ends unasked, no step is left before what holds it lets go, nobody who was given up comes
back, and in the end all is as it was asked for. What happens in a history is in
tests/unit/test_simulated_traffic.py.
"""

import random
from collections import Counter, deque
from datetime import datetime

from tests.fakes.patience import Patience
from tests.fakes.pods import BAD, DIFFERENT_FILES
from tests.fakes.promises import PromisedWorld
from tests.fakes.rollouts import NAME, Killed
from tests.fakes.ways import Mood

from lockgate.api.lifecycle import OnFailure, Settle, Supersede
from lockgate.api.requests import Verb
from lockgate.api.status import Outcome, Revision, RolloutState, Trigger
from lockgate.api.strategy import BlueGreen, Canary, Pause, Rolling, Shadow
from lockgate.domain.gate import YES, GateVerdict, Holds
from lockgate.domain.observed import Observed
from lockgate.domain.patience import patience_with
from lockgate.domain.plan import Course, Plan
from lockgate.names import Reason
from lockgate.plan.failures import failure_of
from lockgate.plan.reach import within_reach

# Longer than any pause, and than what is kept warm.
STILL = 26
NOT_YET = GateVerdict(holds=Holds.NOT_YET, sentence="it is being measured")


class History(PromisedWorld):
    """A world whose every pass is held to the promises, and what happened in it."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.story: deque[tuple[str, Plan, Observed, int | None]] = deque(maxlen=30)
        self.met: Counter[str] = Counter()
        self.meant: set[str] = set()
        """Every version that was asked for, ever and since stable is what it is."""
        self.meant_since: set[str] = set()
        self.failed: set[tuple[str | None, str]] = set()
        self.patience = Patience()
        self.trees: dict[str, str] = {}
        self.has_lost = self.is_disturbed = False
        self.verdict = NOT_YET
        self.frozen_at: tuple[int, str] = (0, "")
        self.tokens = 0
        self.wake_at: datetime | None = None
        self.seen: object = None
        self.is_dirty = True
        self.plan_now: Plan | None = None

    def measured(self) -> GateVerdict | None:
        state = self.state
        if self.analysis is None or state.candidate is None or state.reached_at is None or self.suspend:
            return None
        if state.frozen is not None:
            return None
        return self.verdict

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
        return wrote or told

    def check_plan(self, before: RolloutState, plan: Plan) -> None:
        state = plan.state
        hands_off = plan.decision.reason is Reason.DIGEST_CHANGED and state == RolloutState()
        if before.stable is not None and not self.suspend and not hands_off:
            assert plan.stage is not None, "what serves is never left without a stage"
        if self.suspend and plan.stage is not None and state.candidate is None and before.candidate is None:
            self.met["goes back while suspended"] += 1
        for known in (state.stable, state.candidate):
            if known is not None and known.tree and known.version in self.trees and not self.has_lost:
                assert known.tree == self.trees[known.version], "another tree for one version"

    def check_told(self, before: RolloutState, plan: Plan) -> None:
        after = plan.state
        began = after.candidate is not None and not after.candidate.is_same(before.candidate)
        self.met["kept out by a failure elsewhere"] += plan.decision.course is Course.QUARANTINED
        for entry in plan.finished:
            self.met[entry.outcome.value] += 1
            if entry.outcome is Outcome.ABORTED:
                self.check_aborted(before, plan, entry.revision)
            elif entry.outcome is Outcome.SUPERSEDED and before.frozen is not None:
                self.met["frozen, and superseded"] += 1
                if after.failed != before.failed:
                    self.failed.add((entry.revision.release, self.retry))
        if began and after.candidate and not self.has_lost:
            assert (after.candidate.release, self.retry) not in self.failed, "tried again unasked"
            assert after.candidate.version in self.meant
            self.check_is_tried(before, after, after.candidate)
        if after.stable is not None and not after.stable.is_same(before.stable):
            self.check_new_stable(before, plan)
        self.patience.is_told(self, before, plan)
        self.check_frozen(before, plan)
        promoted = any(entry.outcome is Outcome.PROMOTED for entry in plan.finished)
        assert not (began and promoted), "two steps in one pass"
        goes_on = before.candidate is not None and before.candidate.is_same(after.candidate)
        # Where no pod ever ran, the first that does is a first version, and held by nobody.
        is_first = before.stable is None or (before.unproven and before.fallback is None)
        was_last = promoted and before.candidate is not None and not is_first
        if (goes_on and after.step > before.step) or was_last:
            self.check_step_left(before, after)

    def check_is_tried(self, before: RolloutState, after: RolloutState, candidate: Revision) -> None:
        """What failed elsewhere is tried for a person, or where nothing else serves."""
        if candidate.version not in self.elsewhere:
            return
        # What failed here as well is tried again for a person alone.
        has_failed = any(failure.revision.is_same(candidate) for failure in before.failed)
        by_person = bool(self.pin) or before.at_once or has_failed or after.trigger is Trigger.RETRIED
        assert by_person or before.stable is None or before.unproven, "tried although it failed elsewhere"
        self.met["failed elsewhere, and tried for a person"] += by_person and before.stable is not None

    def check_step_left(self, before: RolloutState, after: RolloutState) -> None:
        """A step is left when it was reached, and what held it let go."""
        self.met["steps left"] += 1
        if before.hurried or after.hurried or self.asked_for(Verb.PROMOTE):
            return
        pause = self.pause_at(before.step)
        if pause is not None and pause.duration is None:
            approved = any(each.step == before.step for each in before.approvals)
            assert approved or self.asked_for(Verb.APPROVE), "nobody approved it"
        if pause is not None and pause.duration is not None:
            assert before.reached_at is not None, "a step that was not reached is left"
            assert self.now >= before.reached_at + pause.duration, "its time is not over"
        if self.analysis is not None and before.step < self.steps_held():
            assert self.verdict.holds is Holds.YES, "nothing speaks for it"

    def asked_for(self, verb: Verb) -> bool:
        """Whether the request that stands there now is this one."""
        return self.request.startswith(verb.value)

    def pause_at(self, step: int) -> Pause | None:
        """What holds a step of the present strategy."""
        if isinstance(self.strategy, BlueGreen | Shadow):
            return self.strategy.pause if step == 0 else None
        steps = self.strategy.steps if isinstance(self.strategy, Canary) else ()
        return steps[step].pause if step < len(steps) else None

    def steps_held(self) -> int:
        """How many steps of the present strategy are before the last one."""
        if isinstance(self.strategy, Canary):
            return len(self.strategy.steps)
        return 1 if isinstance(self.strategy, BlueGreen | Shadow) else 0

    def check_aborted(self, before: RolloutState, plan: Plan, revision: Revision) -> None:
        self.failed.add((revision.release, self.retry))
        reason = plan.state.failed[0].reason
        self.met[f"aborted: {reason.value}"] += 1
        by_itself = reason in (Reason.PROGRESS_DEADLINE_EXCEEDED, Reason.ANALYSIS_FAILED)
        if by_itself and before.stable is not None and not before.unproven:
            assert self.on_failure is OnFailure.ROLLBACK, "taken back, though it was to be held"
        if by_itself and before.frozen is not None:
            return  # whoever does not want it held any more takes it back as it was then
        if reason is Reason.PROGRESS_DEADLINE_EXCEEDED and before.candidate:
            assert before.reached_at is None, "held, and given up as if it were late"
            assert self.observed.unmoved >= patience_with(self.deployment(), before.candidate)
        if reason is Reason.ABORTED_BY_REQUEST:
            assert self.asked_for(Verb.ABORT), "nobody asked for it"
        if reason is Reason.ANALYSIS_FAILED:
            assert self.verdict.holds is Holds.NO

    def check_frozen(self, before: RolloutState, plan: Plan) -> None:
        """Who is held is let go by a person, by another wish or by wrong files, and by nobody else."""
        was, now = before.frozen, plan.state.frozen
        if now is not None and was is None:
            self.met[f"frozen: {now.reason.value}"] += 1
            self.frozen_at = (self.generation, self.retry)
            assert self.on_failure is OnFailure.FREEZE
            assert plan.state.stable is not None
            late = now.reason is Reason.PROGRESS_DEADLINE_EXCEEDED
            assert not late or self.observed.unmoved >= patience_with(self.deployment(), now.revision)
        if was is None or now is not None:
            return
        asked = any(map(self.asked_for, (Verb.ABORT, Verb.PROMOTE, Verb.RETRY)))
        edited = self.frozen_at != (self.generation, self.retry)
        moved = not self.release.is_same(before.candidate)
        ended = [plan.state.failed[0].reason] if plan.finished and plan.state.failed else []
        is_wrong = bool({Reason.DIGEST_CHANGED, Reason.FETCH_FAILED} & set(ended))
        self.met["thawed"] += plan.state.candidate is not None and plan.state.candidate.is_same(
            before.candidate
        )
        assert asked or edited or moved or is_wrong or self.has_lost, "let go by nobody"

    def check_new_stable(self, before: RolloutState, plan: Plan) -> None:
        stable, recovered = plan.state.stable, before == RolloutState()
        assert stable is not None
        since, candidate = self.meant_since, plan.state.candidate
        self.meant_since = {candidate.version} if candidate else set()
        if (recovered and not plan.finished) or stable.is_same(before.fallback):
            return
        assert stable.version in self.meant
        if before.stable is not None and not self.has_lost:
            assert stable.version in since, "stable changes to what nobody asked for since"
        if stable.tree:
            self.trees.setdefault(stable.version, stable.tree)
        if plan.state.unproven:
            assert self.replicas == 0 or recovered
            return
        number = int(stable.version[1:])
        pods = [pod for pod in self.observed.pods_of(stable) if pod.ready]
        assert number not in BAD or (number == DIFFERENT_FILES and len(pods) == 1)
        assert len(self.observed.trees_of(stable)) == 1
        if not recovered:
            assert len(pods) >= self.replicas > 0

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
            assert not grants or self.verdict.holds is not Holds.YES, "it waits for nothing"
            self.met["rests: waiting"] += 1
            return
        if int(self.wanted.version[1:]) not in BAD:
            failed = failure_of(self.deployment(), state, self.release)
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
