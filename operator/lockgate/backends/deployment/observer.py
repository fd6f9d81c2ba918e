"""Gathers what one plan needs, from what the watch last saw; costs a request only for a new
ReplicaSet.

Only objects that belong to the ModelDeployment count: a Deployment of the same name with another
controller is not observed, it is refused when it would be written; nor is any pod that merely
carries our labels.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from lockgate.api.spec import ModelDeployment
from lockgate.backends.deployment.facts import pod_facts, workload_facts
from lockgate.backends.deployment.lineage import Lineage
from lockgate.domain.observed import Observed, PodFacts, WorkloadFacts
from lockgate.domain.ports import Cluster, ClusterView
from lockgate.domain.resources import DEPLOYMENT, POD, Key, Object, controller_of
from lockgate.errors import LockgateError
from lockgate.observe.standstill import Standstill
from lockgate.plan.failures import recipe_of
from lockgate.plan.progress import marks_of


class Observer:
    """Reads the view of the cluster, and remembers what only time can tell."""

    def __init__(
        self,
        view: ClusterView,
        cluster: Cluster,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._view = view
        self._lineage = Lineage(cluster)
        self._standstill = Standstill(clock, monotonic)

    async def observe(self, deployment: ModelDeployment) -> tuple[Observed, LockgateError | None]:
        """Facts about the workload and its pods, and what kept some of the pods from being counted."""
        workload = self._view.get(DEPLOYMENT, deployment.key)
        controller = controller_of(workload) if workload else None
        if workload is None or controller is None or controller.get("uid") != deployment.uid:
            return self._timed(deployment, Observed()), None
        facts = workload_facts(workload)
        pods, unread = await self._pods(deployment, workload, facts)
        seen = tuple(sorted(map(pod_facts, pods), key=lambda pod: pod.name))
        return self._timed(deployment, Observed(workload=facts, pods=seen)), unread

    def forget(self, deployment: Key) -> None:
        """The ModelDeployment is gone."""
        self._lineage.forget(deployment)
        self._standstill.forget(deployment)

    async def _pods(
        self, deployment: ModelDeployment, workload: Object, facts: WorkloadFacts
    ) -> tuple[list[Object], LockgateError | None]:
        pods = tuple(self._view.children(POD, deployment.key))
        if not _says_anything_new(deployment, facts, map(pod_facts, pods)):
            return self._lineage.known(deployment.key, workload, pods), None
        try:
            return await self._lineage.of(deployment.key, workload, pods), None
        except LockgateError as error:
            return self._lineage.known(deployment.key, workload, pods), error

    def _timed(self, deployment: ModelDeployment, observed: Observed) -> Observed:
        candidate = deployment.status.rollout.candidate
        if candidate is None or deployment.suspend:
            self._standstill.rests(deployment.key)
            return observed
        recipe, marks = recipe_of(deployment, candidate), marks_of(observed, candidate)
        unmoved = self._standstill.unmoved(deployment, recipe, marks)
        return replace(observed, unmoved=unmoved)


def _says_anything_new(
    deployment: ModelDeployment, workload: WorkloadFacts, pods: Iterable[PodFacts]
) -> bool:
    """Whether it matters whose these pods are; at rest it does not, and nothing need be read."""
    status = deployment.status
    if status.rollout.candidate is not None or not workload.is_complete or status.proof is None:
        return True
    proofs = (pod.proof for pod in pods if pod.ended is None)
    return any(proof is not None and proof.tree_digest != status.proof.tree_digest for proof in proofs)
