"""Entries of the ledger: written once, never taken from or given to somebody else."""

from copy import deepcopy
from typing import Any

import pytest
from tests.fakes.builders import deployment
from tests.fakes.cluster import FakeCluster
from tests.fakes.facts import release

from lockgate.apply.ledger import Ledger, entry_key
from lockgate.domain.resources import CONTROLLER_REVISION, Object
from lockgate.errors import AlreadyExists, Conflict, NotOwned
from lockgate.watch.store import Store

V1 = release(1)
KEY = ("growth", "churn-00000001")
TEMPLATE = {"spec": {"containers": [{"name": "server"}]}}
NOT_OURS = (
    "ControllerRevision churn-00000001 exists in namespace growth and does not belong to the ModelDeployment"
    "; delete or rename it"
)


def entry(uid: str | None = "uid-1", **data: Any) -> Object:
    owner = {"kind": "ModelDeployment", "name": "churn", "uid": uid, "controller": True}
    metadata = {"name": KEY[1], "namespace": KEY[0], "ownerReferences": [owner] if uid else []}
    return {"metadata": metadata, "data": {"template": TEMPLATE, **data}, "revision": 1}


@pytest.fixture
def cluster() -> FakeCluster:
    cluster = FakeCluster(Store())
    cluster.server.collecting = False  # whose owner is missing here is not what these tests are about
    return cluster


@pytest.fixture
def ledger(cluster: FakeCluster) -> Ledger:
    return Ledger(cluster)


def held(cluster: FakeCluster) -> Object:
    return cluster.objects[CONTROLLER_REVISION, KEY]


def test_an_entry_is_called_after_the_model_deployment_and_its_release():
    assert entry_key(deployment(), V1) == KEY


async def test_an_entry_is_written_once_however_often_its_release_begins(cluster, ledger):
    for _ in range(3):
        await ledger.enter(entry())
    assert cluster.writes == ["create ControllerRevision"] * 3, "of which the last two were refused"
    assert held(cluster)["data"] == {"template": TEMPLATE}
    assert await ledger.template(deployment(), V1) == TEMPLATE


async def test_an_entry_with_other_data_gives_way_as_what_it_holds_cannot_be_changed(cluster, ledger):
    await ledger.enter(entry(image="old"))
    before = held(cluster)["metadata"]["uid"]
    await ledger.enter(entry(image="new"))
    assert cluster.writes[1:] == [
        "create ControllerRevision",
        "delete ControllerRevision",
        "create ControllerRevision",
    ]
    assert held(cluster)["data"]["image"] == "new"
    assert held(cluster)["metadata"]["uid"] != before


async def test_an_entry_without_data_gives_way(cluster, ledger):
    bare = entry()
    del bare["data"]
    cluster.put(CONTROLLER_REVISION, bare)
    await ledger.enter(entry())
    assert held(cluster)["data"] == {"template": TEMPLATE}


@pytest.mark.parametrize("uid", ["uid-2", None], ids=["of another", "of nobody"])
async def test_what_is_not_ours_is_neither_read_nor_changed_nor_struck(cluster, ledger, uid):
    cluster.put(CONTROLLER_REVISION, entry(uid, image="theirs"))
    before = deepcopy(held(cluster))
    for act in (
        ledger.enter(entry()),
        ledger.template(deployment(), V1),
        ledger.strike(deployment(), V1),
    ):
        with pytest.raises(NotOwned) as told:
            await act
        assert told.value.message == NOT_OURS
    assert held(cluster) == before


async def test_an_entry_that_belongs_to_nobody_takes_the_place_of_no_other(cluster, ledger):
    cluster.put(CONTROLLER_REVISION, entry(None))
    with pytest.raises(NotOwned):
        await ledger.enter(entry(None, image="new"))
    assert held(cluster)["data"] == {"template": TEMPLATE}


async def test_an_entry_that_goes_in_the_same_instant_is_told(cluster, ledger):
    async def refuses(resource, obj):
        raise AlreadyExists("it is there")

    cluster.create = refuses
    with pytest.raises(Conflict) as told:
        await ledger.enter(entry())
    assert told.value.message == "the ledger entry churn-00000001 went away meanwhile"


async def test_of_a_release_without_an_entry_there_is_no_template(ledger):
    assert await ledger.template(deployment(), V1) is None


@pytest.mark.parametrize("data", [None, "text", {}, {"template": "text"}, {"template": None}])
async def test_of_an_entry_that_cannot_be_read_there_is_no_template(cluster, ledger, data):
    cluster.put(CONTROLLER_REVISION, entry() | {"data": data})
    assert await ledger.template(deployment(), V1) is None


async def test_what_is_struck_is_that_entry_and_no_other(cluster, ledger):
    other = entry()
    other["metadata"] = {**other["metadata"], "name": "churn-00000002"}
    await ledger.enter(entry())
    await ledger.enter(other)
    await ledger.strike(deployment(), V1)
    await ledger.strike(deployment(), V1)
    assert list(cluster.objects) == [(CONTROLLER_REVISION, ("growth", "churn-00000002"))]
    assert cluster.writes.count("delete ControllerRevision") == 1
