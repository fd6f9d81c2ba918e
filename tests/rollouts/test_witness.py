"""The judge of every write: safe histories pass in silence, and each way to break one is told."""

from typing import Any

from tests.faults.history import Change
from tests.rollouts.witness import Judge

Json = dict[str, Any]
PLACE, OLD, NEW = "growth", "ferry-00000001", "ferry-00000002"


class Scene:
    """A judge, and writes for it to judge."""

    def __init__(self) -> None:
        self.judge = Judge(PLACE, "ferry")
        self._number = 0
        self.write("ModelDeployment", "ferry", {"replicas": 2})
        self.deployment(OLD, 2, version="v0")
        self.write("Service", OLD, {})
        self.route({OLD: 100})

    def write(self, kind: str, name: str, spec: Json | None, generation: int = 1, **more: Any) -> None:
        """An object is as it says from now on; without a spec it is gone."""
        self._number += 1
        place, before = (PLACE, name), self.judge.history.get(kind, (PLACE, name))
        metadata = {"namespace": PLACE, "name": name, "uid": name, "generation": generation}
        metadata |= {"resourceVersion": str(self._number), **more.pop("metadata", {})}
        found = before if spec is None else {"metadata": metadata, "spec": spec, **more}
        type_ = "DELETED" if spec is None else "MODIFIED"
        change = self.judge.history.take(kind, {"type": type_, "object": found}, float(self._number))
        assert change == Change(kind, place, before, None if spec is None else found, float(self._number))
        self.judge.take(change)

    def deployment(self, name: str, size: int, ready: int | None = None, *, version: str, updated: int = 9):
        """A workload of a version with so many pods."""
        available = size if ready is None else ready
        status = {"observedGeneration": 1, "replicas": size, "updatedReplicas": min(size, updated)}
        notes = {"annotations": {"lockgate.dev/model-version": version}}
        spec, said = {"replicas": size}, status | {"availableReplicas": available}
        self.write("Deployment", name, spec, metadata=notes, status=said)

    def route(self, weights: dict[str, int], *, served: bool = True, generation: int = 0):
        """The route gives so much to each, and the gateway says that it serves that, or nothing."""
        backends = [{"kind": "Service", "name": n, "port": 80, "weight": w} for n, w in weights.items()]
        generation = generation or self._number
        told = [
            {"type": type_, "status": "True", "observedGeneration": generation if served else 0}
            for type_ in ("Accepted", "ResolvedRefs")
        ]
        rules = [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": backends}]
        status = {"parents": [{"conditions": told}]}
        self.write("HTTPRoute", "ferry", {"rules": rules}, generation, status=status)

    def with_candidate(self) -> "Scene":
        """A candidate stands beside it, whole."""
        self.deployment(NEW, 2, version="v1")
        self.write("Service", NEW, {})
        return self

    def told(self) -> str:
        """All that was broken."""
        return "\n".join(self.judge.broken)


def test_a_rollout_from_one_to_the_other_breaks_nothing_and_its_shares_are_known():
    scene = Scene().with_candidate()
    scene.route({OLD: 90, NEW: 10})
    scene.route({OLD: 0, NEW: 100})
    scene.route({NEW: 100})
    scene.deployment(OLD, 0, version="v0")
    scene.write("Deployment", OLD, None)
    scene.write("Service", OLD, None)
    assert scene.told() == ""
    assert [window.weights for window in scene.judge.windows] == [
        {"v0": 100},
        {"v0": 90, "v1": 10},
        {"v1": 100},
    ]
    assert [window.end is None for window in scene.judge.windows] == [False, False, True]


def test_a_weight_for_who_has_no_available_pod_is_told():
    scene = Scene()
    scene.deployment(NEW, 1, 0, version="v1")
    scene.write("Service", NEW, {})
    scene.route({OLD: 99, NEW: 1})
    assert f"1 % for {NEW}, of which no pod is available" in scene.told()


def test_a_weight_that_rises_beyond_the_pods_that_carry_it_is_told():
    scene = Scene()
    scene.deployment(NEW, 1, version="v1")
    scene.write("Service", NEW, {})
    scene.route({OLD: 40, NEW: 60})
    assert f"60 % for {NEW}, of which 1 of 2 are available" in scene.told()


def test_weights_that_do_not_make_a_hundred_are_told():
    scene = Scene().with_candidate()
    scene.route({OLD: 90, NEW: 9})
    assert "the weights make 99" in scene.told()


def test_a_workload_that_is_shrunk_below_its_weight_is_told_and_one_that_keeps_enough_is_not():
    scene = Scene().with_candidate()
    scene.route({OLD: 50, NEW: 50})
    scene.deployment(OLD, 1, version="v0")
    assert scene.told() == ""
    scene.deployment(OLD, 0, version="v0")
    assert f"{OLD} is shrunk from 1 to 0 pods and its [50] % need 1" in scene.told()


def test_pods_that_the_gateway_may_still_ask_are_needed_though_the_route_names_them_no_more():
    scene = Scene().with_candidate()
    scene.route({NEW: 100}, served=False)
    scene.deployment(OLD, 0, version="v0")
    assert "is shrunk from 2 to 0 pods and its [100, None] % need 2" in scene.told()
    scene.write("Deployment", OLD, None)
    assert f"Deployment {OLD} is deleted while the route names it, with [100, None] %" in scene.told()


def test_a_workload_or_a_service_that_is_deleted_while_it_is_named_is_told():
    scene = Scene().with_candidate()
    scene.route({OLD: 100, NEW: 0})
    scene.write("Deployment", NEW, None)
    scene.write("Service", NEW, None)
    assert f"Deployment {NEW} is deleted while the route names it, with [0] %" in scene.told()
    assert f"Service {NEW} is deleted while the route names it" in scene.told()


def test_a_workload_may_go_once_the_route_names_it_no_more_and_nobody_was_sent_to_it():
    scene = Scene().with_candidate()
    scene.route({OLD: 100, NEW: 0})
    scene.route({OLD: 100}, served=False)
    scene.write("Deployment", NEW, None)
    assert scene.told() == ""
    scene.write("Service", NEW, None)
    assert f"Service {NEW} is deleted while the route names it" in scene.told()


def test_a_route_that_names_a_service_before_it_is_there_is_told():
    scene = Scene()
    scene.deployment(NEW, 2, version="v1")
    scene.route({OLD: 90, NEW: 10})
    assert f"the route names the Service {NEW}, which is not there" in scene.told()


def test_pods_that_are_lost_while_they_have_a_weight_are_told():
    scene = Scene()
    scene.deployment(OLD, 2, 0, version="v0")
    assert f"{OLD} has 100 % and no available pod" in scene.told()


def test_no_share_is_known_while_the_gateway_lags_or_pods_are_replaced_in_place():
    scene = Scene().with_candidate()
    scene.route({OLD: 50, NEW: 50}, served=False, generation=50)
    assert scene.judge.windows[-1].end is not None
    scene.route({OLD: 50, NEW: 50}, generation=50)
    assert scene.judge.windows[-1].weights == {"v0": 50, "v1": 50}
    scene.deployment(NEW, 2, version="v2", updated=1)
    assert scene.judge.windows[-1].end is not None
    scene.deployment(NEW, 2, version="v2")
    assert scene.judge.windows[-1].weights == {"v0": 50, "v2": 50}
