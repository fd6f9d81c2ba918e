"""Gathers what one plan needs, from what the watch last saw; costs a request only for a new
ReplicaSet.

Only objects that belong to the ModelDeployment count: a Deployment of the same name with another
controller is not observed, it is refused when it would be written; nor is any pod that merely
carries our labels.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from lockgate.api.spec import ModelDeployment
from lockgate.backends.deployment.facts import arm_facts, pod_facts
from lockgate.backends.deployment.lineage import Lineage
from lockgate.backends.deployment.route import parent_of, read_route
from lockgate.backends.deployment.served import Served, Word, word_of
from lockgate.backends.kinds import KINDS, Kind
from lockgate.backends.unmoved import timed
from lockgate.domain.observed import ArmFacts, Observed, PodFacts, RouteFacts, WorkloadFacts
from lockgate.domain.ports import Cluster, ClusterView, Sight
from lockgate.domain.resources import (
    HTTP_ROUTE,
    MODEL_DEPLOYMENT,
    POD,
    SERVICE,
    Key,
    Object,
    Resource,
    controller_of,
)
from lockgate.domain.split import TrafficSplit
from lockgate.errors import LockgateError
from lockgate.gateways.offered import NO_GATEWAYS, Gateway
from lockgate.names import LABEL_WORKLOAD
from lockgate.observe.standstill import Standstill


class Observer:
    """Reads the view of the cluster, and remembers what only time can tell."""

    def __init__(
        self,
        view: ClusterView,
        cluster: Cluster,
        sight: Sight,
        gateways: Mapping[str, Gateway] = NO_GATEWAYS,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._view = view
        self._sight = sight
        self._gateways = gateways
        self._lineage = Lineage(cluster)
        self._standstill = Standstill(clock, monotonic)
        self._served = Served()

    async def observe(self, deployment: ModelDeployment) -> tuple[Observed, LockgateError | None]:
        """Facts about the workloads and their pods, and what kept some of the pods from being counted."""
        workloads = self._workloads(deployment)
        made = [kind.maker(self._view, seen) for kind, seen in workloads]
        facts = tuple(kind.facts(seen, by) for (kind, seen), by in zip(workloads, made, strict=True))
        pods, unread = await self._pods(deployment, [each for each in made if each is not None], facts)
        observed = Observed(
            workload=next((each for each in facts if each.name == deployment.name), None),
            others=tuple(each for each in facts if each.name != deployment.name),
            pods=tuple(sorted(map(pod_facts, pods), key=lambda pod: pod.name)),
            route=self._route(deployment, facts),
            front=self._front(deployment),
            arms=self._arms(deployment),
        )
        return timed(self._standstill, deployment, observed), unread

    def may_be_served(self, deployment: ModelDeployment) -> frozenset[str] | None:
        """The workloads to which the gateway may be sending requests; None when that is unknown."""
        return self._served.named(deployment.key)

    def forget(self, deployment: Key) -> None:
        """The ModelDeployment is gone."""
        self._lineage.forget(deployment)
        self._standstill.forget(deployment)
        self._served.forget(deployment)

    def _workloads(self, deployment: ModelDeployment) -> list[tuple[Kind, Object]]:
        """In the order of their names; of two with one name that of the first kind counts."""
        found: dict[str, tuple[Kind, Object]] = {}
        for kind in KINDS.values():
            seen = {
                each["metadata"]["name"]: each for each in self._view.children(kind.resource, deployment.key)
            }
            if deployment.name not in seen and (named := self._view.get(kind.resource, deployment.key)):
                # Somebody may have changed the label by which it would be found.
                seen[deployment.name] = named
            for name, each in seen.items():
                if _is_ours(deployment, each):
                    found.setdefault(name, (kind, each))
        return [found[name] for name in sorted(found)]

    def _of_its_name(self, deployment: ModelDeployment, resource: Resource) -> Object | None:
        found = self._view.get(resource, deployment.key)
        return found if found is not None and _is_ours(deployment, found) else None

    def _arms(self, deployment: ModelDeployment) -> tuple[ArmFacts, ...]:
        there = self._view.children(MODEL_DEPLOYMENT, deployment.key)
        facts = [arm_facts(each) for each in there if _is_ours(deployment, each)]
        return tuple(sorted(facts, key=lambda arm: arm.name))

    def _front(self, deployment: ModelDeployment) -> str | None:
        service = self._of_its_name(deployment, SERVICE)
        front: str | None = (service["spec"].get("selector") or {}).get(LABEL_WORKLOAD) if service else None
        return front

    def _route(self, deployment: ModelDeployment, workloads: Sequence[WorkloadFacts]) -> RouteFacts | None:
        route = self._of_its_name(deployment, HTTP_ROUTE)
        if route is None:
            self._no_route(deployment)
            return None
        written, is_ours = read_route(route, deployment.name)
        word = self._word(deployment, route)
        if written is None or not is_ours:
            # Whatever it says beside, the gateway may do as well: nothing that was known holds.
            self._served.lost(deployment.key)
            says = f"HTTPRoute {deployment.name} says something else than was written into it"
            word = (False, word[1] or says)
        return self._served.facts(deployment.key, written or _all_to_one(deployment, workloads), word)

    def _no_route(self, deployment: ModelDeployment) -> None:
        """None is seen; whether none is there is another question."""
        key = deployment.key
        if may_be_unseen(self._sight, self._gateways, deployment):
            self._served.lost(key)
        elif deployment.traffic is None:
            self._served.forget(key)
        else:
            self._served.nothing(key)

    def _word(self, deployment: ModelDeployment, route: Object) -> Word:
        """What the gateway says that the ModelDeployment means; of another one nothing is believed."""
        named = deployment.traffic.gateway if deployment.traffic else ""
        gateway = self._gateways.get(named)
        return (False, None) if gateway is None else word_of(route, parent_of(gateway), gateway.controller)

    async def _pods(
        self, deployment: ModelDeployment, workloads: Sequence[Object], facts: Sequence[WorkloadFacts]
    ) -> tuple[list[Object], LockgateError | None]:
        if not workloads:
            return [], None
        pods = tuple(self._view.children(POD, deployment.key))
        if not _says_anything_new(deployment, facts, map(pod_facts, pods)):
            return self._lineage.known(deployment.key, workloads, pods), None
        try:
            return await self._lineage.of(deployment.key, workloads, pods), None
        except LockgateError as error:
            return self._lineage.known(deployment.key, workloads, pods), error


def may_be_unseen(sight: Sight, gateways: Mapping[str, Gateway], deployment: ModelDeployment) -> bool:
    """Whether there may be a route of this ModelDeployment that cannot be seen."""
    is_known = sight.sees(HTTP_ROUTE, deployment.namespace) or sight.lacks(HTTP_ROUTE)
    return bool(gateways) and not is_known


def _is_ours(deployment: ModelDeployment, obj: Object) -> bool:
    return (controller_of(obj) or {}).get("uid") == deployment.uid


def _all_to_one(deployment: ModelDeployment, workloads: Sequence[WorkloadFacts]) -> TrafficSplit:
    """A route that leads to nobody of ours, as if it led to whom most can be asked of.

    Nothing can be said of such a route; so the pods of that one stay, and whoever is to get anything
    beside it must be able to carry it.
    """
    most = max(workloads, key=lambda each: each.available, default=None)
    return TrafficSplit(weights=((most.name if most else deployment.name, 100),))


def _says_anything_new(
    deployment: ModelDeployment, workloads: Sequence[WorkloadFacts], pods: Iterable[PodFacts]
) -> bool:
    """Whether it matters whose these pods are; at rest it does not, and nothing need be read."""
    status = deployment.status
    are_complete = all(workload.is_complete for workload in workloads)
    if status.rollout.candidate is not None or not are_complete or status.proof is None:
        return True
    proofs = (pod.proof for pod in pods if pod.ended is None)
    return any(proof is not None and proof.tree_digest != status.proof.tree_digest for proof in proofs)
