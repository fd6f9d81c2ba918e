"""How far a candidate has come, as numbers that only grow while it comes further.

The deadline of a rollout counts from the last of these steps and not from its begin, so that many
slow pods one after the other are no failure. Each number is bounded by the number of pods or by the
whole traffic, so a pod that fails over and over makes no progress for ever.
"""

from datetime import datetime, timedelta

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision, RolloutState
from lockgate.domain.marks import Marks
from lockgate.domain.observed import Observed
from lockgate.domain.patience import patience_with

# A step is told to the status only when it is worth a write: this part of the deadline later.
_TOLD_EVERY = 4
_TOLD_AT_LEAST = timedelta(seconds=5)


def marks_of(observed: Observed, candidate: Revision) -> Marks:
    """Pods of the candidate made, fetching, proved, ready; and, negative, older pods still there.

    Then pods asked for, and percent of the traffic as it is written and as it is served.
    """
    workload, pods = observed.runs(candidate), observed.pods_of(candidate)
    if workload is None or not workload.generation_observed:
        return ()
    return (
        workload.updated,
        sum(pod.fetch is not None for pod in pods),
        sum(pod.proof is not None for pod in pods),
        sum(pod.ready for pod in pods),
        workload.updated - workload.total,
        workload.replicas,
        *_weights(observed, workload.name),
    )


def _weights(observed: Observed, workload: str) -> tuple[int, int]:
    route = observed.route
    splits = (route.written, route.served) if route else (None, None)
    written, served = (dict(split.weights).get(workload, 0) if split else 0 for split in splits)
    return written, served


def time_of_progress(
    deployment: ModelDeployment, state: RolloutState, unmoved: timedelta, now: datetime
) -> datetime:
    """When the candidate last came further, moved only where that is worth telling."""
    assert state.candidate is not None
    patience = patience_with(deployment, state.candidate)
    told, seen = state.progressed_at, (now - unmoved).replace(microsecond=0)
    if told is None:
        return now
    is_stale = seen > told + max(patience / _TOLD_EVERY, _TOLD_AT_LEAST)
    is_ahead = told > now + _TOLD_AT_LEAST  # by a clock that was wrong
    return seen if is_stale or is_ahead else told
