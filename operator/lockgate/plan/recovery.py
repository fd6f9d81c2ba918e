"""What is believed when no status can be read: what runs and has proved itself, and nothing more.

A status is missing because it was lost, or because the first one was never written. Nobody can
tell which; so what serves keeps its place as the way back, and what has yet to prove itself is a
candidate like any other. Pure.
"""

from dataclasses import replace
from datetime import datetime

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import HistoryEntry, Outcome, Revision, RolloutState, Trigger
from lockgate.domain.observed import Observed, Target, WorkloadFacts


def recovered(
    deployment: ModelDeployment, target: Target | None, observed: Observed, now: datetime
) -> tuple[RolloutState, tuple[HistoryEntry, ...]]:
    """The state to go on from, and the rollout that nobody was told the end of."""
    state, workload = deployment.status.rollout, main_of(observed, target)
    serving = serving_by_itself(observed, target)
    if state != RolloutState() or workload is None or serving is None:
        return state, ()
    if workload.is_complete and (workload.replicas == 0 or _is_proved(serving, workload, observed)):
        serving = replace(serving, tree=next(iter(observed.trees_of(serving)), None))
        unproven = not any(pod.ready for pod in observed.pods_of(serving))
        ended = () if unproven and deployment.replicas else _untold(deployment, serving, now)
        return RolloutState(stable=serving, unproven=unproven), ended
    if not serving.is_same(workload.revision):
        return RolloutState(stable=serving), ()
    # Beside another a first version does not roll out: who most requests come to was there before.
    has_company = any(each.replicas for each in observed.workloads if each.name != workload.name)
    if target is None and not has_company:
        begun = RolloutState(
            candidate=serving, started_at=now, progressed_at=now, trigger=Trigger.FIRST_ROLLOUT
        )
        return begun, ()
    is_other = target is not None and not target.revision.is_same(serving)
    keeps_its_place = (is_other or has_company) and not _is_doubtful(serving, observed)
    return RolloutState(stable=serving if keeps_its_place else None), ()


def completed(state: RolloutState, observed: Observed) -> RolloutState:
    """The state with the release of what serves, where a status of before releases names a version only."""
    main = main_of(observed)
    stable, runs = state.stable, main.revision if main else None
    if stable is None or stable.release or runs is None or not runs.release:
        return state
    if not stable.is_same_version(runs):
        return state
    return replace(state, stable=replace(stable, release=runs.release, runtime=runs.runtime))


def is_torn(deployment: ModelDeployment, target: Target | None, observed: Observed) -> bool:
    """Whether what runs is of different files, and nothing says if it served before: hands off."""
    serving = serving_by_itself(observed, target)
    if deployment.status.rollout != RolloutState() or serving is None:
        return False
    is_wanted = target is None or target.revision.is_same(serving)
    return is_wanted and len(observed.trees_of(serving)) > 1


def main_of(observed: Observed, target: Target | None = None) -> WorkloadFacts | None:
    """The workload that most requests reach, by what is there alone.

    Where all pods answer and nobody tells whose are stable's, it is those that are not wanted now: who is
    wanted is on its way.
    """
    by_route = dict(observed.route.written.weights) if observed.route else {}
    for name in (observed.front, max(by_route, key=lambda each: by_route[each], default=None)):
        if (named := observed.named(name)) is not None:
            return named
    if observed.workload is not None:
        return observed.workload
    wanted = target.revision if target else None
    unwanted = [each for each in observed.others if each.available and not _is_of(each, wanted)]
    return max(unwanted or observed.others, key=lambda workload: workload.available, default=None)


def _is_of(workload: WorkloadFacts, release: Revision | None) -> bool:
    return release is not None and release.is_same(workload.revision)


def serving_by_itself(observed: Observed, target: Target | None = None) -> Revision | None:
    """The version that serves by what runs alone: amid a rollout, the one that is being replaced."""
    workload = main_of(observed, target)
    if workload is None or workload.revision is None:
        return None
    if workload.is_complete:
        return workload.revision
    if workload in observed.others:
        # Its pods are never replaced by those of another release.
        return workload.revision if workload.available else None
    elsewhere = [other.revision for other in observed.others]
    ready = [
        pod.revision
        for pod in observed.pods
        if pod.revision and pod.ready and not pod.deleting and not any(map(pod.revision.is_same, elsewhere))
    ]
    replaced = [revision for revision in ready if not revision.is_same(workload.revision)]
    return max(replaced or ready, key=ready.count, default=None)


def _is_proved(revision: Revision, workload: WorkloadFacts, observed: Observed) -> bool:
    """Whether every ready pod of it proved the same files, and the workload has no pod that is not seen."""
    ready = sum(pod.ready for pod in observed.pods_of(revision))
    return ready >= workload.replicas and not _is_doubtful(revision, observed)


def _is_doubtful(revision: Revision, observed: Observed) -> bool:
    bare = any(pod.ready and not pod.proof for pod in observed.pods_of(revision))
    return bare or len(observed.trees_of(revision)) > 1


def _untold(deployment: ModelDeployment, serving: Revision, now: datetime) -> tuple[HistoryEntry, ...]:
    promoted = (e.revision for e in deployment.status.history if e.outcome is Outcome.PROMOTED)
    if serving.is_same(next(promoted, None)):
        return ()
    entry = HistoryEntry(
        revision=serving,
        outcome=Outcome.PROMOTED,
        trigger=Trigger.FIRST_ROLLOUT,
        finished_at=now,
        message="found complete and proved; no status told of its rollout",
    )
    return (entry,)
