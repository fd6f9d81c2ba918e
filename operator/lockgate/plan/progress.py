"""How far a candidate has come, as numbers that only grow while it comes further.

The deadline of a rollout counts from the last of these steps and not from its begin, so that many
slow pods one after the other are no failure. Each number is bounded by the number of pods, so a
pod that fails over and over makes no progress for ever.
"""

from datetime import datetime, timedelta

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision, RolloutState
from lockgate.domain.marks import Marks
from lockgate.domain.observed import Observed

# A step is told to the status only when it is worth a write: this part of the deadline later.
_TOLD_EVERY = 4
_TOLD_AT_LEAST = timedelta(seconds=5)


def marks_of(observed: Observed, candidate: Revision) -> Marks:
    """Pods of the candidate made, fetching, proved, ready; and, negative, older pods still there."""
    workload, pods = observed.runs(candidate), observed.pods_of(candidate)
    if workload is None or not workload.generation_observed:
        return ()
    return (
        workload.updated,
        sum(pod.fetch is not None for pod in pods),
        sum(pod.proof is not None for pod in pods),
        sum(pod.ready for pod in pods),
        workload.updated - workload.total,
    )


def time_of_progress(
    deployment: ModelDeployment, state: RolloutState, unmoved: timedelta, now: datetime
) -> datetime:
    """When the candidate last came further, moved only where that is worth telling."""
    told, seen = state.progressed_at, (now - unmoved).replace(microsecond=0)
    if told is None:
        return now
    is_stale = seen > told + max(deployment.progress_deadline / _TOLD_EVERY, _TOLD_AT_LEAST)
    is_ahead = told > now + _TOLD_AT_LEAST  # by a clock that was wrong
    return seen if is_stale or is_ahead else told
