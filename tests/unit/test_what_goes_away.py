"""What is needed no more goes in the order that was asked for, as it was seen, and only if it is ours."""

from copy import deepcopy

import pytest
from structlog.testing import capture_logs
from tests.fakes.builders import deployment
from tests.fakes.cluster import FakeCluster

from lockgate.apply.applier import Applier
from lockgate.domain.resources import DEPLOYMENT, SERVICE, Object, Resource
from lockgate.errors import Conflict, NotOwned
from lockgate.names import LABEL_MANAGED_BY, MANAGED_BY
from lockgate.watch.store import Store

KEY = ("growth", "old")


class Site:
    """An applier on a fake cluster in which a workload and its Service are left over."""

    def __init__(self) -> None:
        self.store = Store()
        self.cluster = FakeCluster(self.store)
        self.applier = Applier(self.cluster, self.store, lambda: 1000.0)
        self.strays = [(resource, self.left_over(resource)) for resource in (SERVICE, DEPLOYMENT)]

    def left_over(self, resource: Resource, uid: str = "uid-1") -> Object:
        owner = {"apiVersion": "x/v1", "kind": "ModelDeployment", "name": "churn", "uid": uid}
        metadata = {"name": KEY[1], "namespace": KEY[0], "labels": {LABEL_MANAGED_BY: MANAGED_BY}}
        metadata["ownerReferences"] = [owner | {"controller": True}]
        spec = {"replicas": 1, "template": {"metadata": {}}, "selector": {}}
        return self.cluster.put(resource, {"kind": resource.kind, "metadata": metadata, "spec": spec})

    def seen(self) -> list[str]:
        """What the operator believes to be there."""
        return [r.kind for r in (SERVICE, DEPLOYMENT) if self.store.get(r, KEY) is not None]

    def there(self) -> list[str]:
        """What is there."""
        return [r.kind for r in (SERVICE, DEPLOYMENT) if (r, KEY) in self.cluster.objects]

    async def remove(self) -> tuple[str, ...]:
        return await self.applier.remove(deployment(), self.strays)


async def test_all_of_it_goes_in_its_order_and_is_told():
    site = Site()
    with capture_logs() as logs:
        assert await site.remove() == ("Service old", "Deployment old")
    assert site.cluster.writes == ["delete Service", "delete Deployment"]
    assert (site.there(), site.seen()) == ([], [])
    told = [(each["event"], each["what"], each["namespace"]) for each in logs]
    assert told == [
        ("deleted what is needed no more", name, "growth") for name in ("Service old", "Deployment old")
    ]


async def test_the_next_pass_finds_it_gone_though_no_watch_has_told():
    site = Site()
    site.cluster.lag()
    await site.remove()
    assert (site.there(), site.seen()) == ([], [])


@pytest.mark.parametrize("uid", ["uid-2", ""])
async def test_what_is_of_others_stays_and_so_does_what_comes_after_it(uid):
    site = Site()
    site.strays[0] = (SERVICE, site.left_over(SERVICE, uid))
    with pytest.raises(NotOwned, match="Service old exists in namespace growth"):
        await site.remove()
    assert site.there() == ["Service", "Deployment"]
    assert site.cluster.writes == []


async def test_what_changed_since_it_was_seen_stays_and_is_looked_at_anew():
    site = Site()
    site.cluster.lag()
    touched = deepcopy(site.cluster.objects[SERVICE, KEY])
    touched["spec"]["type"] = "NodePort"
    site.cluster.put(SERVICE, touched)
    with pytest.raises(Conflict):
        await site.remove()
    assert site.there() == ["Service", "Deployment"]
    assert site.store.get(SERVICE, KEY)["spec"]["type"] == "NodePort"


async def test_what_is_made_anew_after_it_went_is_a_child_like_any_other():
    site = Site()
    await site.remove()
    site.strays = [(DEPLOYMENT, site.left_over(DEPLOYMENT))]
    assert await site.remove() == ("Deployment old",)
    assert site.there() == []
