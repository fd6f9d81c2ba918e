"""What the API server promises, as steps that the real one and the fake one both go through.

Each script is run by test_fake_cluster.py on the fake and by tests/integration on the real one.
`lockgate` writes through the operator's own door; everybody else has a name of their own.
"""

from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any, Protocol

import pytest

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, SERVICE, Key, Object, Resource
from lockgate.errors import AlreadyExists, Conflict, NotOwned
from lockgate.names import LABEL_MANAGED_BY, MANAGED_BY

CONFIG_MAP = Resource(group="", version="v1", kind="ConfigMap", plural="configmaps")
POD_TEMPLATE = Resource(group="", version="v1", kind="PodTemplate", plural="podtemplates")
LOCKGATE, OTHER = "lockgate", "other"


class World(Protocol):
    """An API server with an empty namespace."""

    namespace: str

    async def apply(
        self, resource: Resource, obj: Object, by: str = LOCKGATE, force: bool = False
    ) -> Object: ...
    async def write_status(self, resource: Resource, obj: Object) -> Object: ...
    async def create(self, resource: Resource, obj: Object) -> Object: ...
    async def replace(self, resource: Resource, obj: Object, subresource: str = "") -> Object: ...
    async def delete(self, resource: Resource, key: Key, *, foreground: bool = False) -> None: ...
    async def get(self, resource: Resource, key: Key) -> Object | None: ...
    async def gone(self, resource: Resource, key: Key) -> None:
        """Returns when the object is gone; fails when it stays."""

    async def told(self, resource: Resource) -> list[str]:
        """The types of the events that the operator's watch was told of since the beginning."""


Script = Callable[[World], Awaitable[None]]
SCRIPTS: list[Script] = []


def script(steps: Script) -> Script:
    SCRIPTS.append(steps)
    return steps


def made(world: World, resource: Resource, name: str = "churn", **fields: Any) -> Object:
    metadata = {"name": name, "namespace": world.namespace} | fields.pop("metadata", {})
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **fields}


def config(world: World, data: dict[str, str], name: str = "churn", **metadata: Any) -> Object:
    return made(world, CONFIG_MAP, name, data=data, metadata=metadata)


def template(world: World, *containers: Object) -> Object:
    pod = {"metadata": {"labels": {"app": "churn"}}, "spec": {"containers": list(containers)}}
    return made(world, POD_TEMPLATE, template=pod)


def container(name: str = "server", **fields: Any) -> Object:
    return {"name": name, "image": "registry.example/one:1", **fields}


def containers(obj: Object) -> dict[str, Object]:
    return {each["name"]: each for each in obj["template"]["spec"]["containers"]}


def version(obj: Object) -> str:
    number: str = obj["metadata"]["resourceVersion"]
    return number


def owner(obj: Object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


@script
async def an_apply_of_what_is_there_keeps_the_version_and_tells_nobody(world: World) -> None:
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}]
    labels = {LABEL_MANAGED_BY: MANAGED_BY}
    service = made(world, SERVICE, metadata={"labels": labels}, spec={"selector": {"a": "b"}, "ports": ports})
    first = await world.apply(SERVICE, service)
    assert version(await world.apply(SERVICE, service)) == version(first)
    service["spec"]["selector"] = {"c": "d"}
    changed = await world.apply(SERVICE, service)
    assert int(version(changed)) > int(version(first))
    assert changed["spec"]["selector"] == {"c": "d"}, "a selector is replaced as a whole"
    assert await world.told(SERVICE) == ["ADDED", "MODIFIED"]


@script
async def what_loses_the_managed_label_is_gone_for_the_watch(world: World) -> None:
    spec = {"selector": {"a": "b"}, "ports": [{"port": 80}]}
    labels = {LABEL_MANAGED_BY: MANAGED_BY}
    service = await world.apply(SERVICE, made(world, SERVICE, metadata={"labels": labels}, spec=spec))
    service["metadata"]["labels"] = {}
    await world.replace(SERVICE, service)
    service = await world.apply(SERVICE, made(world, SERVICE, spec=spec))
    assert not service["metadata"].get("labels")
    assert await world.told(SERVICE) == ["ADDED", "DELETED"]


@script
async def a_field_of_another_conflicts_only_with_another_value(world: World) -> None:
    await world.apply(CONFIG_MAP, config(world, {"x": "1", "y": "1"}))
    await world.apply(CONFIG_MAP, config(world, {"x": "1"}), by=OTHER)
    with pytest.raises(NotOwned):
        await world.apply(CONFIG_MAP, config(world, {"x": "2"}), by=OTHER)
    taken = await world.apply(CONFIG_MAP, config(world, {"x": "2"}), by=OTHER, force=True)
    assert taken["data"] == {"x": "2", "y": "1"}
    with pytest.raises(NotOwned):
        await world.apply(CONFIG_MAP, config(world, {"x": "1", "y": "1"}))
    left = await world.apply(CONFIG_MAP, config(world, {"y": "1"}))
    assert left["data"] == {"x": "2", "y": "1"}
    assert (await world.apply(CONFIG_MAP, config(world, {"z": "1"})))["data"] == {"x": "2", "z": "1"}


@script
async def a_field_no_longer_applied_goes_unless_another_owns_it_too(world: World) -> None:
    await world.apply(CONFIG_MAP, config(world, {"x": "1", "y": "1", "z": "1"}, labels={"a": "1"}))
    await world.apply(CONFIG_MAP, config(world, {"y": "1"}), by=OTHER)
    less = await world.apply(CONFIG_MAP, config(world, {"z": "1"}))
    assert less["data"] == {"y": "1", "z": "1"}
    assert not less["metadata"].get("labels")
    still = await world.apply(CONFIG_MAP, config(world, {"x": "3"}), by=OTHER)
    assert still["data"] == {"x": "3", "z": "1"}


@script
async def a_change_by_hand_takes_the_field_and_force_takes_it_back(world: World) -> None:
    edited = await world.apply(CONFIG_MAP, config(world, {"x": "1", "y": "1"}))
    edited["data"]["x"] = "9"
    await world.replace(CONFIG_MAP, edited)
    with pytest.raises(NotOwned):
        await world.apply(CONFIG_MAP, config(world, {"x": "1", "y": "1"}))
    back = await world.apply(CONFIG_MAP, config(world, {"x": "1", "y": "1"}), force=True)
    assert back["data"] == {"x": "1", "y": "1"}
    assert (await world.apply(CONFIG_MAP, config(world, {"y": "1"})))["data"] == {"y": "1"}


@script
async def items_with_a_key_are_merged_by_it(world: World) -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    ports = [{"name": "http", "containerPort": 80, "protocol": "TCP"}]
    await world.apply(POD_TEMPLATE, template(world, container(env=env, ports=ports, args=["--a", "--b"])))
    beside = [container(ports=[{"name": "metrics", "containerPort": 90}]), container("sidecar")]
    await world.apply(POD_TEMPLATE, template(world, *beside), by=OTHER)
    env = [{"name": "C", "value": "3"}, {"name": "A", "value": "1"}]
    ports = [{"name": "http", "containerPort": 81}]
    server = container(env=env, ports=ports, args=["--b"])
    both = containers(await world.apply(POD_TEMPLATE, template(world, server)))
    assert list(both) == ["server", "sidecar"]
    assert [each["name"] for each in both["server"]["env"]] == ["C", "A"]
    assert sorted(each["containerPort"] for each in both["server"]["ports"]) == [81, 90]
    assert both["server"]["args"] == ["--b"]
    alone = containers(await world.apply(POD_TEMPLATE, template(world, container("sidecar")), by=OTHER))
    assert [each["containerPort"] for each in alone["server"]["ports"]] == [81]


@script
async def what_lies_in_a_field_goes_with_it(world: World) -> None:
    probe = {"httpGet": {"path": "/ready", "port": 80}, "periodSeconds": 2}
    limits = {"limits": {"memory": "1Gi"}, "requests": {"memory": "1Gi"}}
    full = container(readinessProbe=probe, resources=limits, command=["serve"])
    await world.apply(POD_TEMPLATE, template(world, full, container("sidecar")))
    bare = containers(await world.apply(POD_TEMPLATE, template(world, container())))
    assert list(bare) == ["server"]
    assert "readinessProbe" not in bare["server"]
    assert "command" not in bare["server"]
    assert not bare["server"].get("resources")


@script
async def a_version_or_uid_that_is_not_the_present_one_is_a_conflict(world: World) -> None:
    first = await world.apply(CONFIG_MAP, config(world, {"x": "1"}))
    held = {"uid": first["metadata"]["uid"], "resourceVersion": version(first)}
    second = await world.apply(CONFIG_MAP, config(world, {"x": "2"}, **held))
    assert second["data"] == {"x": "2"}
    with pytest.raises(Conflict):
        await world.apply(CONFIG_MAP, config(world, {"x": "3"}, **held), force=True)
    with pytest.raises(Conflict):
        await world.apply(CONFIG_MAP, config(world, {"x": "3"}, uid="another"), force=True)
    with pytest.raises(Conflict):
        await world.replace(CONFIG_MAP, first)
    with pytest.raises(Conflict):
        await world.apply(CONFIG_MAP, config(world, {"x": "3"}, name="absent", uid="another"))
    assert await world.get(CONFIG_MAP, (world.namespace, "absent")) is None


@script
async def an_apply_at_a_version_creates_what_is_absent_and_never_adopts(world: World) -> None:
    once = config(world, {"x": "1", "y": "1"}, resourceVersion="1")
    created = await world.apply(CONFIG_MAP, once)
    assert created["data"] == {"x": "1", "y": "1"}
    with pytest.raises(Conflict):
        await world.apply(CONFIG_MAP, once)
    assert (await world.apply(CONFIG_MAP, config(world, {"x": "1"})))["data"] == {"x": "1"}


@script
async def what_was_created_by_post_is_not_taken_back_by_an_apply_of_less(world: World) -> None:
    created = await world.create(CONFIG_MAP, config(world, {"x": "1", "y": "1"}))
    with pytest.raises(AlreadyExists):
        await world.create(CONFIG_MAP, config(world, {"x": "2"}))
    assert version(await world.create(CONFIG_MAP, config(world, {}, name="b"))) > version(created)
    less = await world.apply(CONFIG_MAP, config(world, {"x": "1"}))
    assert less["data"] == {"x": "1", "y": "1"}


@script
async def a_status_is_a_thing_of_its_own(world: World) -> None:
    spec = {
        "model": {"registry": "model", "collection": "churn", "alias": "production"},
        "runtime": {"name": "onnx"},
        "replicas": 2,
    }
    first = await world.apply(MODEL_DEPLOYMENT, made(world, MODEL_DEPLOYMENT, spec=spec), by=OTHER)
    assert first["metadata"]["generation"] == 1
    told = await world.write_status(
        MODEL_DEPLOYMENT, {**first, "status": {"phase": "Serving", "step": "1/1"}}
    )
    assert told["status"] == {"phase": "Serving", "step": "1/1"}
    assert told["metadata"]["generation"] == 1
    assert version(await world.write_status(MODEL_DEPLOYMENT, told)) == version(told)
    with pytest.raises(Conflict):
        await world.write_status(MODEL_DEPLOYMENT, {**first, "status": {"phase": "Pending"}})
    asked = made(world, MODEL_DEPLOYMENT, spec=spec | {"replicas": 3}, status={"phase": "Degraded"})
    changed = await world.apply(MODEL_DEPLOYMENT, asked, by=OTHER)
    assert changed["metadata"]["generation"] == 2
    assert changed["status"] == told["status"]
    labelled = await world.apply(
        MODEL_DEPLOYMENT, made(world, MODEL_DEPLOYMENT, spec=spec, metadata={"labels": {"a": "b"}}), by=OTHER
    )
    assert labelled["metadata"]["generation"] == 3
    again = deepcopy(labelled)
    again["metadata"]["labels"] = {"a": "c"}
    assert (await world.replace(MODEL_DEPLOYMENT, again))["metadata"]["generation"] == 3


@script
async def a_status_written_leaves_nothing_of_anybody_else_in_it(world: World) -> None:
    spec = {"model": {"registry": "m", "collection": "c", "alias": "a"}, "runtime": {"name": "onnx"}}
    first = await world.apply(MODEL_DEPLOYMENT, made(world, MODEL_DEPLOYMENT, spec=spec), by=OTHER)
    theirs = {**first, "status": {"phase": "Degraded", "step": "1/1"}}
    theirs = await world.replace(MODEL_DEPLOYMENT, theirs, "status")
    ours = await world.write_status(MODEL_DEPLOYMENT, {**theirs, "status": {"phase": "Serving"}})
    assert ours["status"] == {"phase": "Serving"}


@script
async def a_status_of_nothing_is_a_conflict(world: World) -> None:
    absent = made(world, MODEL_DEPLOYMENT, metadata={"uid": "a", "resourceVersion": "1"}, status={})
    with pytest.raises(Conflict):
        await world.write_status(MODEL_DEPLOYMENT, absent)


@script
async def the_generation_of_a_deployment_follows_its_annotations_too(world: World) -> None:
    pod = {"metadata": {"labels": {"app": "churn"}}, "spec": {"containers": [container()]}}
    spec = {"replicas": 0, "paused": True, "selector": {"matchLabels": {"app": "churn"}}, "template": pod}
    first = await world.apply(DEPLOYMENT, made(world, DEPLOYMENT, spec=spec))
    noted = made(world, DEPLOYMENT, spec=spec, metadata={"annotations": {"a": "b"}})
    second = await world.apply(DEPLOYMENT, noted)
    assert second["metadata"]["generation"] > first["metadata"]["generation"]
    noted["metadata"]["labels"] = {"a": "b"}
    assert (await world.apply(DEPLOYMENT, noted))["metadata"]["generation"] == second["metadata"][
        "generation"
    ]


@script
async def what_has_a_finalizer_stays_until_that_is_taken_away(world: World) -> None:
    key = (world.namespace, "churn")
    await world.apply(CONFIG_MAP, config(world, {"a": "1"}, finalizers=["lockgate.dev/test"]), by=OTHER)
    await world.delete(CONFIG_MAP, key)
    going = await world.get(CONFIG_MAP, key)
    assert going is not None
    assert "deletionTimestamp" in going["metadata"]
    with pytest.raises(AlreadyExists):
        await world.create(CONFIG_MAP, config(world, {}))
    before = version(going)
    await world.delete(CONFIG_MAP, key)
    again = await world.get(CONFIG_MAP, key)
    assert again is not None
    assert version(again) == before, "a second deletion changes nothing"
    changed = await world.apply(CONFIG_MAP, config(world, {"x": "1"}))
    assert changed["data"] == {"a": "1", "x": "1"}
    changed["metadata"]["finalizers"] = []
    await world.replace(CONFIG_MAP, changed)
    assert await world.get(CONFIG_MAP, key) is None


@script
async def what_belongs_to_something_goes_with_it(world: World) -> None:
    parent = await world.apply(CONFIG_MAP, config(world, {}, name="parent"))
    await world.apply(CONFIG_MAP, config(world, {}, name="child", ownerReferences=[owner(parent)]))
    await world.apply(CONFIG_MAP, config(world, {}, name="stranger"))
    await world.delete(CONFIG_MAP, (world.namespace, "parent"))
    await world.gone(CONFIG_MAP, (world.namespace, "child"))
    assert await world.get(CONFIG_MAP, (world.namespace, "stranger")) is not None


@script
async def a_deletion_in_the_foreground_waits_for_what_blocks_it(world: World) -> None:
    parent_key, child_key = (world.namespace, "parent"), (world.namespace, "child")
    parent = await world.apply(CONFIG_MAP, config(world, {}, name="parent"))
    kept = {"ownerReferences": [owner(parent)], "finalizers": ["lockgate.dev/test"]}
    child = await world.apply(CONFIG_MAP, config(world, {}, name="child", **kept))
    await world.delete(CONFIG_MAP, parent_key, foreground=True)
    waiting = await world.get(CONFIG_MAP, parent_key)
    assert waiting is not None
    assert "deletionTimestamp" in waiting["metadata"]
    child = await world.apply(CONFIG_MAP, config(world, {}, name="child", ownerReferences=[owner(parent)]))
    assert not child["metadata"].get("finalizers")
    await world.gone(CONFIG_MAP, child_key)
    await world.gone(CONFIG_MAP, parent_key)
