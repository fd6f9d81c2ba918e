"""A ModelDeployment that served on ECS is deleted: it goes once nothing of it is left there."""

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.ecs import KEY, EcsRig, canary, target
from tests.fakes.rig import Rig

from lockgate.backends.chosen import Chosen
from lockgate.domain.resources import MODEL_DEPLOYMENT, Key, Object
from lockgate.errors import Conflict
from lockgate.reconciler import PassResult
from lockgate_sandbox.fake_ecs.tasks import Fate

HERE: dict[str, Any] = {"backend": {"deployment": {}}, "strategy": None, "traffic": None}


class LeavingRig(EcsRig):
    """With whoever holds the ModelDeployment while something of it is on ECS."""

    def __init__(self) -> None:
        super().__init__()
        elsewhere: Any = self.reconciler.backend
        chosen = Chosen(Rig.backend(self), elsewhere, self.store, self.cluster)
        self.reconciler = replace(self.reconciler, backend=chosen)

    async def look(self, key: Key = KEY) -> PassResult:
        """One pass; that which holds the ModelDeployment has made another of it and is done again."""
        try:
            return await super().look(key)
        except Conflict:
            return await super().look(key)

    def edit(self, **changes: Any) -> None:
        """Somebody writes something else into the spec."""
        found = self.cluster.objects[MODEL_DEPLOYMENT, KEY]
        self.cluster.put(MODEL_DEPLOYMENT, {**found, "spec": {**found["spec"], **changes}})

    @property
    def is_there(self) -> bool:
        """Whether the ModelDeployment is still held."""
        return (MODEL_DEPLOYMENT, KEY) in self.cluster.objects

    async def leave(self, passes: int = 12) -> None:
        """A person deletes it."""
        self.cluster.erase(MODEL_DEPLOYMENT, KEY)
        for _ in range(passes):
            if not self.is_there:
                return
            await self.reconciler.reconcile(KEY)
            self.wait(seconds=10)
            self.account.advance(10)


async def served() -> LeavingRig:
    rig = LeavingRig()
    rig.ask_for(canary(10))
    await rig.serve(1)
    return rig


def nothing_is_left(rig: LeavingRig) -> bool:
    return not rig.is_there and rig.service.status == "INACTIVE" and rig.there()["definitions"] == 0


async def test_it_goes_after_its_service():
    rig = await served()
    await rig.leave()
    assert nothing_is_left(rig)


async def test_it_goes_also_when_its_namespace_may_not_name_the_target_any_more():
    rig = await served()
    rig.targets["prod"] = target(namespaces=("others",))
    await rig.leave()
    assert nothing_is_left(rig)


@pytest.mark.parametrize("broken", [{"model": 7}, {"backend": {"ecs": 7}}, {"replicas": "many"}])
async def test_it_goes_also_with_a_spec_that_cannot_be_read(broken: Object):
    rig = await served()
    rig.edit(**broken)
    await rig.leave()
    assert nothing_is_left(rig)


async def test_it_goes_also_when_it_asks_for_the_cluster_since_its_first_version_failed_on_ecs():
    rig = LeavingRig()
    rig.ask_for(canary(10))
    rig.account.fates["v1"] = Fate.CRASHES
    await rig.point(1)
    await rig.play(beats=80)
    rig.edit(**HERE)
    await rig.beat()
    await rig.leave()
    assert nothing_is_left(rig)


async def test_it_goes_also_when_no_status_knows_where_it_was():
    rig = await served()
    rig.edit(**HERE)
    rig.forget_status()
    await rig.leave()
    assert nothing_is_left(rig)


async def test_it_goes_also_when_its_service_was_replaced_by_one_of_somebody_else():
    rig = await served()
    rig.service.tags["lockgate.dev/model-deployment-uid"] = "uid-of-another"
    before = rig.service.described(with_tags=True)
    await rig.leave()
    assert not rig.is_there
    assert rig.service.described(with_tags=True) == before


async def test_while_it_cannot_go_its_status_says_why_and_is_written_once():
    rig = await served()
    prod = rig.targets.pop("prod")
    await rig.leave()
    assert rig.is_there
    assert rig.verdict("Ready") == ("False", "BackendNotReady")
    assert "target prod" in rig.condition("Ready")["message"]
    writes = len(rig.cluster.writes)
    await rig.look()
    assert len(rig.cluster.writes) == writes
    rig.targets["prod"] = prod
    await rig.leave()
    assert nothing_is_left(rig)
