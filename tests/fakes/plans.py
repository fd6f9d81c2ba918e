"""What is promised of every plan, and of what is told of it, whoever it was that asked.

Nothing begins or ends unasked, no step is left before what holds it lets go, what a person was granted is
done, and nobody who was given up comes back. The promises of single writes are in promises.py, those of
when a rollout begins in patience.py. When there is a pass is not asked here (histories.py).
"""

import random
from collections import Counter, deque
from datetime import datetime

from tests.fakes.patience import Patience
from tests.fakes.pods import BAD, DIFFERENT_FILES
from tests.fakes.promises import PromisedWorld

from lockgate.api.lifecycle import OnFailure
from lockgate.api.requests import RequestOutcome, Verb
from lockgate.api.status import Outcome, Revision, RolloutState, Trigger
from lockgate.api.strategy import BlueGreen, Canary, Pause, Shadow
from lockgate.domain.gate import GateVerdict, Holds
from lockgate.domain.observed import Observed
from lockgate.domain.patience import patience_with
from lockgate.domain.plan import Course, Plan
from lockgate.names import Reason

NOT_YET = GateVerdict(holds=Holds.NOT_YET, sentence="it is being measured")


class PromisedPlans(PromisedWorld):
    """Every plan is checked; an AssertionError tells of what was broken."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.story: deque[tuple[str, Plan, Observed, int | None]] = deque(maxlen=30)
        self.met: Counter[str] = Counter()
        self.meant: set[str] = set()
        """Every version that was asked for, ever and since stable is what it is."""
        self.meant_since: set[str] = set()
        self.failed: set[tuple[str | None, str]] = set()
        self.failed_ever: set[tuple[str | None, str]] = set()
        """By release and by how often people asked for it: since a person asked for another try, and ever."""
        self.patience = Patience()
        self.trees: dict[str, str] = {}
        self.has_lost = False
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

    def check_plan(self, before: RolloutState, plan: Plan) -> None:
        state = plan.state
        if before.candidate is not None and not before.candidate.is_same(state.candidate):
            told = any(entry.revision.is_same(before.candidate) for entry in plan.finished)
            assert told or before.unproven, "a rollout ended without a word"
        hands_off = plan.decision.reason is Reason.DIGEST_CHANGED and state == RolloutState()
        if before.stable is not None and not self.suspend and not hands_off:
            assert plan.stage is not None, "what serves is never left without a stage"
        if self.suspend and plan.stage is not None and state.candidate is None and before.candidate is None:
            self.met["goes back while suspended"] += 1
        if state.candidate is None:
            left = (state.step, state.reached_at, state.approvals, state.hurried, state.frozen)
            assert left == (0, None, (), False, None), "what was of a rollout outlives it"
        self.check_granted(before, plan)
        self.check_reached(before, plan)
        for known in (state.stable, state.candidate):
            if known is not None and known.tree and known.version in self.trees and not self.has_lost:
                assert known.tree == self.trees[known.version], "another tree for one version"

    def check_told(self, before: RolloutState, plan: Plan) -> None:
        after = plan.state
        began = after.candidate is not None and not after.candidate.is_same(before.candidate)
        is_kept_out = plan.decision.course is Course.QUARANTINED
        assert not (is_kept_out and self.pin), "kept out, although a person has pinned it"
        self.met["kept out by a failure elsewhere"] += is_kept_out
        for entry in plan.finished:
            self.met[entry.outcome.value] += 1
            if entry.outcome is Outcome.ABORTED:
                self.check_aborted(before, plan, entry.revision)
            elif entry.outcome is Outcome.SUPERSEDED and before.frozen is not None:
                self.met["frozen, and superseded"] += 1
                if after.failed != before.failed:
                    self.failed.add((entry.revision.release, self.retry))
                    self.failed_ever.add((entry.revision.release, self.retry))
        if began and after.candidate and not self.has_lost:
            assert (after.candidate.release, self.retry) not in self.failed, "tried again unasked"
            assert after.candidate.version in self.meant
            self.check_is_tried(before, after, after.candidate)
        if after.stable is not None and not after.stable.is_same(before.stable):
            self.check_new_stable(before, plan)
        self.patience.is_told(self, before, plan)
        self.check_frozen(before, plan)
        if began:
            self.check_beginning(after)
        promoted = any(entry.outcome is Outcome.PROMOTED for entry in plan.finished)
        assert not (began and promoted), "two steps in one pass"
        goes_on = before.candidate is not None and before.candidate.is_same(after.candidate)
        # Where no pod ever ran, the first that does is a first version, and held by nobody.
        is_first = before.stable is None or (before.unproven and before.fallback is None)
        was_last = promoted and before.candidate is not None and not is_first
        if (goes_on and after.step > before.step) or was_last:
            self.check_step_left(before, plan)
        self.check_heeded(before, plan)

    def check_beginning(self, after: RolloutState) -> None:
        """Whoever begins does so in the first step, and nothing that the one before was given is its own."""
        assert after.step == 0, f"it begins in step {after.step}"
        assert after.reached_at is None, "it begins where it has been already"
        assert not after.approvals, "it begins with what was approved of another"
        assert not after.hurried, "it begins as hurried as another was"
        assert after.frozen is None, "it begins held"

    def check_granted(self, before: RolloutState, plan: Plan) -> None:
        """What a person was granted is done in this very pass."""
        asked_of, after = before.candidate, plan.state
        if is_granted(plan, Verb.ABORT):
            ended = [e.revision for e in plan.finished if e.outcome is Outcome.ABORTED]
            assert any(each.is_same(asked_of) for each in ended), "an abort was granted, and goes on"
        if is_granted(plan, Verb.APPROVE) and after.candidate and not plan.finished:
            # A step that the present strategy has not is none: it begins anew in the first.
            step = before.step if before.step <= self.steps_held() else 0
            assert any(each.step == step for each in after.approvals), (
                "what was approved is not known any more"
            )

    def check_is_tried(self, before: RolloutState, after: RolloutState, candidate: Revision) -> None:
        """What failed elsewhere is tried for a person, or where nothing else serves."""
        if candidate.version not in self.elsewhere:
            return
        # What failed here as well is tried again for a person alone.
        has_failed = any(failure.revision.is_same(candidate) for failure in before.failed)
        by_person = bool(self.pin) or before.at_once or has_failed or after.trigger is Trigger.RETRIED
        assert by_person or before.stable is None or before.unproven, "tried although it failed elsewhere"
        self.met["failed elsewhere, and tried for a person"] += by_person and before.stable is not None

    def check_step_left(self, before: RolloutState, plan: Plan) -> None:
        """A step is left when it was reached, and what held it let go."""
        self.met["steps left"] += 1
        if before.hurried or plan.state.hurried or is_granted(plan, Verb.PROMOTE):
            return
        pause = self.pause_at(before.step)
        if pause is not None and pause.duration is None:
            approved = any(each.step == before.step for each in before.approvals)
            assert approved or is_granted(plan, Verb.APPROVE), "nobody approved it"
        if pause is not None and pause.duration is not None:
            assert before.reached_at is not None, "a step that was not reached is left"
            assert self.now >= before.reached_at + pause.duration, "its time is not over"
        if self.analysis is not None and before.step < self.steps_held():
            assert self.verdict.holds is Holds.YES, "nothing speaks for it"

    def check_heeded(self, before: RolloutState, plan: Plan) -> None:
        """What speaks against a candidate that is where it is judged ends it, or has it held."""
        after = plan.state
        stays = before.candidate is not None and before.candidate.is_same(after.candidate)
        is_judged = before.reached_at is not None and after.reached_at is not None
        if not (stays and is_judged and before.frozen is None and self.analysis and not self.suspend):
            return
        if before.step != after.step or after.step >= self.steps_held() or after.hurried:
            return
        is_against = self.verdict.holds is Holds.NO
        assert not is_against or after.frozen is not None, "what was measured against it is not heeded"

    def check_reached(self, before: RolloutState, plan: Plan) -> None:
        """A step is reached when the gateway serves what it asks for, and not when it is written."""
        after, stage = plan.state, plan.stage
        if after.candidate is None or after.reached_at is None or stage is None or stage.split is None:
            return
        is_new = before.reached_at is None or after.step != before.step
        self.splits()
        if is_new and not self.has_lied and self.route is not None and self.route == self.view.route:
            assert self.gateway.serving == self.route.written, "reached, and the gateway does otherwise"

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
        self.failed_ever.add((revision.release, self.retry))
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
            assert is_granted(plan, Verb.ABORT), "nobody asked for it"
        if reason is Reason.ANALYSIS_FAILED:
            assert self.verdict.holds is Holds.NO

    def check_frozen(self, before: RolloutState, plan: Plan) -> None:
        """Who is held is let go by a person, by another wish or by wrong files, and by nobody else."""
        was, now = before.frozen, plan.state.frozen
        if now is not None and was is None:
            self.met[f"frozen: {now.reason.value}"] += 1
            self.frozen_at = (self.generation, self.retry)
            assert self.on_failure is OnFailure.FREEZE, "held, though it was to be taken back"
            assert plan.state.stable is not None
            late = now.reason is Reason.PROGRESS_DEADLINE_EXCEEDED
            assert not late or self.observed.unmoved >= patience_with(self.deployment(), now.revision)
        if was is None or now is not None:
            return
        asked = any(is_granted(plan, verb) for verb in (Verb.ABORT, Verb.PROMOTE, Verb.RETRY))
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
        could_not_show = number == DIFFERENT_FILES and len(pods) == 1
        assert number not in BAD or could_not_show, f"a bad version serves: {stable.version}"
        assert len(self.observed.trees_of(stable)) == 1
        if not recovered:
            assert len(pods) >= self.replicas > 0


def is_granted(plan: Plan, verb: Verb) -> bool:
    """Whether this very pass grants such a request."""
    answer = plan.answer
    granted = answer is not None and answer.outcome is RequestOutcome.ACCEPTED
    return granted and answer is not None and answer.request.startswith(verb.value)
