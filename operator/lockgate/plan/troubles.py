"""What makes a candidate worth giving up, and what stands in its way, in a sentence. Pure."""

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision
from lockgate.domain.observed import Observed
from lockgate.domain.patience import patience_with
from lockgate.names import Reason
from lockgate.sentences import listed

FETCH_ATTEMPTS_BEFORE_ABORT = 3
Problem = tuple[Reason, str]


def failure(
    deployment: ModelDeployment, candidate: Revision, observed: Observed, *, is_on_its_way: bool = True
) -> Problem | None:
    """Why the candidate is to be given up; None while it is worth waiting for.

    Only who is on the way to a step can be late: what holds a step once it is reached may take days.
    """
    if len(observed.proved(candidate)) > 1:
        return Reason.DIGEST_CHANGED, "its pods were given different files under one digest"
    if observed.given_up:
        return Reason.ROLLED_BACK, observed.given_up
    for pod in observed.pods_of(candidate):
        fetch = pod.fetch
        if fetch and fetch.problem and fetch.permanent and fetch.attempts >= FETCH_ATTEMPTS_BEFORE_ABORT:
            return Reason.FETCH_FAILED, f"pod {pod.name} could not fetch it: {fetch.problem}"
    if is_on_its_way and observed.unmoved >= (patience := patience_with(deployment, candidate)):
        seconds = int(patience.total_seconds())
        why = _what_stands_in_the_way(candidate, observed)
        return Reason.PROGRESS_DEADLINE_EXCEEDED, f"it came no further for {seconds} s{why}"
    return None


def is_worth_keeping(candidate: Revision, observed: Observed, reason: Reason) -> bool:
    """Whether a first version that cannot be promoted goes on, as there is nothing to go back to.

    It does unless its files are wrong and so nobody would miss it.
    """
    serves = any(pod.ready for pod in observed.pods_of(candidate))
    return reason is Reason.PROGRESS_DEADLINE_EXCEEDED or (reason is Reason.FETCH_FAILED and serves)


def _what_stands_in_the_way(candidate: Revision, observed: Observed) -> str:
    pods = observed.pods_of(candidate)
    for pod in pods:
        if pod.trouble:
            return f"; pod {pod.name}: {pod.trouble}"
    for pod in pods:
        if pod.ready and not pod.proof:
            return f"; pod {pod.name} is ready but has not proved its files"
    workload = observed.runs(candidate)
    if workload is not None and workload.problem:
        return f"; {workload.problem}"
    if observed.route is not None and observed.route.problem:
        return f"; its route: {observed.route.problem}"
    ended = sorted({pod.ended for pod in observed.pods if pod.ended and candidate.is_same(pod.revision)})
    # Without their names: each pod that ends is followed by another, and the sentence is to stay.
    return f"; its pods were ended by the cluster: {listed(ended)}" if ended else ""
