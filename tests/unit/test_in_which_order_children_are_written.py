"""What grows is written first, then what sends requests, then what shrinks, and what may go goes so too."""

import pytest
from tests.fakes.builders import deployment, revision

from lockgate.apply.order import Turn, in_order, moves_traffic, turn_of
from lockgate.apply.strays import strays_of
from lockgate.domain.drawing import Drawing
from lockgate.domain.resources import DEPLOYMENT, HTTP_ROUTE, MODEL_DEPLOYMENT, SERVICE
from lockgate.watch.store import Store

KEY = ("growth", "churn")


def drawn(kind, name="churn", *, replicas=None, directs=False) -> Drawing:
    spec = {} if replicas is None else {"replicas": replicas}
    obj = {"kind": kind, "metadata": {"name": name}, "spec": spec}
    return Drawing(obj=obj, directs=directs, release=revision(1) if kind == "Deployment" else None)


def there(**spec):
    return {"spec": spec}


@pytest.mark.parametrize(
    ("asked", "seen", "turn"),
    [
        pytest.param(3, None, Turn.GROW, id="what is not there yet"),
        pytest.param(3, there(replicas=2), Turn.GROW, id="more"),
        pytest.param(2, there(replicas=2), Turn.GROW, id="as many"),
        pytest.param(1, there(replicas=2), Turn.SHRINK, id="fewer"),
        pytest.param(0, there(), Turn.SHRINK, id="none of one that nobody counted"),
        pytest.param(1, there(), Turn.GROW, id="one of one that nobody counted"),
        pytest.param(None, there(replicas=2), Turn.GROW, id="as many as an autoscaler wants"),
    ],
)
def test_a_workload_that_asks_for_fewer_pods_comes_last(asked, seen, turn):
    assert turn_of((drawn("Deployment", replicas=asked), seen)) is turn


def test_a_service_never_shrinks_and_what_sends_requests_comes_between():
    assert turn_of((drawn("Service", replicas=1), there(replicas=2))) is Turn.GROW
    assert turn_of((drawn("Service", directs=True), None)) is Turn.ROUTE
    fewer = (drawn("Deployment", "old", replicas=1), there(replicas=2))
    route, more = (drawn("HTTPRoute", directs=True), None), (drawn("Deployment", "new", replicas=2), None)
    own = (drawn("Service", "new"), None)
    assert in_order([fewer, route, more, own]) == [more, own, route, fewer]


@pytest.mark.parametrize(
    ("kinds", "moves"),
    [
        (["Deployment", "Service"], False),
        (["Deployment", "Service", "Service"], False),
        (["Deployment", "Service", "HTTPRoute"], True),
        (["Deployment", "Deployment", "Service"], True),
        ([], False),
    ],
)
def test_traffic_can_move_where_there_is_a_route_or_more_than_one_workload(kinds, moves):
    assert moves_traffic([(drawn(kind), None) for kind in kinds]) is moves


def child(resource, name, uid="uid-1", **metadata):
    """A child as the watch tells of it."""
    owner = {"kind": "ModelDeployment", "name": "churn", "uid": uid, "controller": True}
    labels = {"lockgate.dev/model-deployment": "churn", "app.kubernetes.io/managed-by": "lockgate"}
    known = {"name": name, "namespace": "growth", "uid": name, "resourceVersion": "1", "labels": labels}
    known |= {"ownerReferences": [owner], **metadata}
    return {"kind": resource.kind, "metadata": known, "spec": {"template": {"metadata": {}}, "selector": {}}}


def view_of(*children) -> Store:
    store = Store()
    for resource, obj in children:
        store.upsert(resource, obj)
    return store


def names(found) -> list[tuple[str, str]]:
    return [(resource.kind, obj["metadata"]["name"]) for resource, obj in found]


def test_the_route_goes_before_the_services_that_it_named_and_these_before_pods():
    kinds = (MODEL_DEPLOYMENT, DEPLOYMENT, SERVICE, HTTP_ROUTE)
    view = view_of(*((kind, child(kind, f"{name}-arm")) for kind in kinds for name in ("b", "a")))
    found = strays_of(deployment(), view, frozenset())
    order = ["HTTPRoute", "Service", "Deployment", "ModelDeployment"]
    assert names(found) == [(kind, f"{name}-arm") for kind in order for name in ("a", "b")]


def test_what_is_kept_what_goes_already_and_what_is_of_others_is_no_stray():
    view = view_of(
        (DEPLOYMENT, child(DEPLOYMENT, "kept")),
        (DEPLOYMENT, child(DEPLOYMENT, "going", deletionTimestamp="2026-01-05T09:00:00Z")),
        (DEPLOYMENT, child(DEPLOYMENT, "of-another", uid="uid-2")),
        (DEPLOYMENT, child(DEPLOYMENT, "of-nobody", ownerReferences=[])),
        (SERVICE, child(SERVICE, "kept")),
        (DEPLOYMENT, child(DEPLOYMENT, "stray")),
    )
    found = strays_of(deployment(), view, {("Deployment", ("growth", "kept"))})
    assert names(found) == [("Service", "kept"), ("Deployment", "stray")]
