"""Is the candidate there as a whole: every pod of it available and proved, and no other pod left?"""

from datetime import datetime

from lockgate.domain.gate import YES, Evidence, GateVerdict, Holds


def available(evidence: Evidence, now: datetime) -> GateVerdict:
    """Holds when the whole workload is of the candidate and every pod proved the same files.

    Where no pods are asked for there is nothing to wait for; the version is then unproven.
    """
    candidate, observed = evidence.candidate, evidence.observed
    workload = evidence.home
    if workload is None or not candidate.is_same(workload.revision):
        return _not_yet("its pods are not asked for yet")
    if workload.replicas != evidence.replicas or not workload.is_complete:
        return _not_yet("its pods are not available yet")
    if evidence.replicas == 0:
        return YES
    pods = [pod for pod in observed.pods_of(candidate) if pod.ready]
    if not len(pods) == sum(pod.proof is not None for pod in pods) >= evidence.replicas:
        return _not_yet("not all its pods have proved their files")
    return YES if len(observed.proved(candidate)) == 1 else _not_yet("its pods proved different files")


def _not_yet(sentence: str) -> GateVerdict:
    return GateVerdict(holds=Holds.NOT_YET, sentence=sentence)
