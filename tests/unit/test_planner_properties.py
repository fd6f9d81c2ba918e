"""Whatever happens in whatever order, the planner keeps its promises."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.fakes.builders import T0, deployment, revision
from tests.fakes.drawn import track_of

from lockgate.api.status import ModelDeploymentStatus, Outcome, Proof, Revision, RolloutState
from lockgate.domain.observed import FetchFacts, Observed, PodFacts, Target, WorkloadFacts
from lockgate.domain.plan import Course
from lockgate.plan.planner import plan_rollout

revisions = st.integers(1, 4).map(revision)
states = st.builds(
    RolloutState,
    stable=st.none() | revisions,
    candidate=st.none() | revisions,
    step=st.integers(0, 3),
    started_at=st.just(T0),
)
workloads = st.none() | st.builds(
    WorkloadFacts,
    name=st.just("churn"),
    revision=st.none() | revisions,
    replicas=st.integers(0, 3),
    updated=st.integers(0, 3),
    total=st.integers(0, 3),
    available=st.integers(0, 3),
    generation_observed=st.booleans(),
)
pods = st.builds(
    PodFacts,
    name=st.text("abc", min_size=1, max_size=3),
    revision=st.none() | revisions,
    ready=st.booleans(),
    deleting=st.booleans(),
)
targets = st.none() | st.builds(Target, revision=revisions, pinned=st.booleans())


def in_state(state: RolloutState, **spec: object):
    return replace(deployment(**spec), status=ModelDeploymentStatus(observed_generation=1, rollout=state))


@given(states, targets, workloads, st.integers(0, 3600))
def test_a_version_that_serves_is_never_left_without_a_workload(state, target, workload, seconds):
    plan = plan_rollout(in_state(state), target, Observed(workload=workload), T0 + timedelta(seconds=seconds))
    if state.stable is not None:
        assert plan.stage is not None
        assert track_of(plan).replicas == 2


@given(states, workloads, st.integers(0, 3600))
def test_without_an_answer_of_the_registry_no_new_version_begins(state, workload, seconds):
    plan = plan_rollout(in_state(state), None, Observed(workload=workload), T0 + timedelta(seconds=seconds))
    known = {r.version for r in (state.stable, state.candidate, workload and workload.revision) if r}
    named = {r.version for r in (plan.state.stable, plan.state.candidate) if r}
    assert named <= known


@given(states, targets, workloads)
def test_a_version_is_promoted_only_when_the_whole_workload_is_of_it(state, target, workload):
    plan = plan_rollout(in_state(state), target, Observed(workload=workload), T0)
    promoted = [entry for entry in plan.finished if entry.outcome is Outcome.PROMOTED]
    for entry in promoted:
        assert workload is not None
        assert entry.revision.is_same(workload.revision)
        assert workload.is_complete


@given(states, targets, workloads)
def test_a_suspended_deployment_plans_at_most_that_pods_stay_as_they_are(state, target, workload):
    before = in_state(state, suspend=True)
    plan = plan_rollout(before, target, Observed(workload=workload), T0)
    assert plan.finished == ()
    assert plan.state.candidate == state.candidate
    if plan.stage is not None:
        assert track_of(plan).paused
        assert workload is not None
        assert (track_of(plan).release, track_of(plan).replicas) == (workload.revision, workload.replicas)
        assert not workload.paused


@given(states, targets, workloads)
def test_one_call_moves_at_most_one_step(state, target, workload):
    plan = plan_rollout(in_state(state), target, Observed(workload=workload), T0)
    began = plan.state.candidate is not None and not plan.state.candidate.is_same(state.candidate)
    promoted = any(entry.outcome is Outcome.PROMOTED for entry in plan.finished)
    assert not (began and promoted)


@given(targets, workloads, st.lists(pods, max_size=4).map(tuple))
def test_without_a_state_only_what_is_seen_to_serve_is_stable(target, workload, seen):
    plan = plan_rollout(in_state(RolloutState()), target, Observed(workload=workload, pods=seen), T0)
    stable = plan.state.stable
    ready = [pod for pod in seen if pod.ready and not pod.deleting and pod.revision]
    serving = [pod.revision for pod in ready]
    if workload is None or workload.revision is None:
        assert stable is None
        return
    replaced = [revision for revision in serving if not revision.is_same(workload.revision)]
    serves = [workload.revision] if workload.is_complete else replaced or serving
    assert stable is None or any(revision.is_same(stable) for revision in serves)
    if plan.finished and workload.replicas:
        trees = {pod.fetch.proof.tree_digest for pod in ready if pod.fetch and pod.fetch.proof}
        assert workload.is_complete, "nothing has ended that is under way"
        assert len(trees) >= 1, "nothing was promoted that proved nothing"
    bare = [pod for pod in ready if not (pod.fetch and pod.fetch.proof)]
    trees = {pod.fetch.proof.tree_digest for pod in seen if pod.fetch and pod.fetch.proof}
    if target and serves and not bare and len(trees) == 1 and workload.replicas:
        wanted = [revision for revision in serves if revision.is_same(target.revision)]
        assert wanted or stable is not None, "the way back is lost"


class Rollouts(RuleBasedStateMachine):
    """Aliases move, pods come and go, time passes, passes are repeated or lost."""

    def __init__(self) -> None:
        super().__init__()
        self.state = RolloutState()
        self.alias: Revision | None = None
        self.desired: Revision | None = None
        self.running: Revision | None = None
        self.complete = False
        self.now = self.moved_at = T0
        self.seen: set[str] = set()

    @rule(number=st.integers(1, 4))
    def alias_moves(self, number: int) -> None:
        self.alias = self.desired = revision(number)
        self.seen.add(self.alias.version)

    @rule()
    def registry_is_silent(self) -> None:
        self.alias = None

    @rule()
    def pods_come_out(self) -> None:
        self.complete = self.running is not None

    @rule(seconds=st.integers(1, 400))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(killed_before_status=st.booleans())
    def a_pass(self, killed_before_status: bool) -> None:
        plan = self.plan()
        track = track_of(plan)
        if track and not track.release.is_same(self.running):
            self.running, self.complete, self.moved_at = track.release, False, self.now
        if not killed_before_status:
            self.state = plan.state

    def plan(self):
        workload = self.running and WorkloadFacts(
            name="churn",
            revision=self.running,
            replicas=2,
            updated=2 if self.complete else 1,
            total=2,
            available=2,
            generation_observed=True,
        )
        target = self.alias and Target(revision=self.alias, pinned=False)
        proof = FetchFacts(attempts=1, proof=Proof(tree_digest="sha256:7", files=1, size=1))
        pods = tuple(
            PodFacts(name=f"p{n}", revision=self.running, ready=True, deleting=False, fetch=proof)
            for n in range(2 if self.complete else 0)
        )
        observed = Observed(workload=workload, pods=pods, unmoved=self.now - self.moved_at)
        desired = self.alias or self.desired
        deployment = in_state(self.state)
        known = replace(deployment.status, desired=desired)
        return plan_rollout(replace(deployment, status=known), target, observed, self.now)

    @invariant()
    def only_versions_that_were_asked_for_run(self) -> None:
        assert self.running is None or self.running.version in self.seen

    @invariant()
    def an_aborted_version_stays_away_while_nothing_changes(self) -> None:
        if any(failure.revision.is_same(self.alias) for failure in self.state.failed):
            plan = self.plan()
            assert plan.state.candidate is None
            track = track_of(plan)
            assert track is not None
            assert plan.state.stable is None or not track.release.is_same(self.alias)
            assert plan.state.stable is not None or track.replicas == 0

    @invariant()
    def with_constant_inputs_it_comes_to_rest(self) -> None:
        world = (self.state, self.running, self.complete, self.moved_at)
        try:
            for _ in range(6):
                self.a_pass(False)
                self.pods_come_out()
            before = self.state
            self.a_pass(False)
            assert self.state == before
            assert self.state.candidate is None or self.plan().decision.course is Course.STALLED
        finally:
            self.state, self.running, self.complete, self.moved_at = world


TestRollouts = Rollouts.TestCase
TestRollouts.settings = settings(max_examples=60, stateful_step_count=30)
