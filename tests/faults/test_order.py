"""What several watches tell is handed on in the order of the writes, however late one of them is."""

from tests.faults.order import Order

from lockgate_sandbox.api import Json


def obj(name: str, version: int, **more: str) -> Json:
    return {"metadata": {"namespace": "growth", "name": name, "resourceVersion": str(version), **more}}


def listed(version: int, *items: Json) -> Json:
    return {"metadata": {"resourceVersion": str(version)}, "items": list(items)}


def changed(version: int, name: str = "ferry") -> Json:
    return {"type": "MODIFIED", "object": obj(name, version)}


def deleted(version: int, name: str = "ferry") -> Json:
    return {"type": "DELETED", "object": obj(name, version)}


def begun() -> Order:
    """A route and a workload are there, and have been handed on."""
    order = Order()
    order.hear_all("Route", listed(2, obj("ferry", 1)), 0.0)
    order.hear_all("Deployment", listed(2, obj("ferry", 2)), 0.0)
    order.mark({"Route": listed(2, obj("ferry", 1)), "Deployment": listed(2, obj("ferry", 2))})
    assert told(order) == [(1, "Route"), (2, "Deployment")]
    return order


def told(order: Order) -> list[tuple[int, str]] | None:
    due = order.due()
    return None if due is None else [(heard.version, heard.kind) for heard in due]


def test_a_deletion_is_not_told_before_an_earlier_write_that_comes_late():
    order = begun()
    order.hear("Deployment", deleted(4), 1.0)
    order.mark({"Route": listed(5, obj("ferry", 3)), "Deployment": listed(5)})
    assert told(order) is None
    order.hear("Route", changed(3), 9.0)
    assert told(order) == [(3, "Route"), (4, "Deployment")]


def test_nothing_is_told_before_a_deletion_that_comes_late():
    order = begun()
    order.hear("Route", changed(4), 1.0)
    order.mark({"Route": listed(5, obj("ferry", 4)), "Deployment": listed(5)})
    assert told(order) is None
    order.hear("Deployment", deleted(3), 9.0)
    assert told(order) == [(3, "Deployment"), (4, "Route")]


def test_what_is_newer_than_the_lists_waits_for_the_next():
    order = begun()
    order.hear("Route", changed(4), 1.0)
    order.hear("Route", changed(9), 1.0)
    order.mark({"Route": listed(5, obj("ferry", 4)), "Deployment": listed(6, obj("ferry", 2))})
    assert told(order) == [(4, "Route")]
    order.mark({"Route": listed(9, obj("ferry", 9)), "Deployment": listed(9, obj("ferry", 2))})
    assert told(order) == [(9, "Route")]


def test_what_was_deleted_after_the_list_keeps_nobody_waiting():
    order = begun()
    order.hear("Deployment", deleted(7), 1.0)
    order.mark({"Route": listed(5, obj("ferry", 1)), "Deployment": listed(5, obj("ferry", 2))})
    assert told(order) == []


def test_what_was_made_after_the_list_keeps_nobody_waiting():
    order = begun()
    order.hear("Deployment", changed(7, "other"), 1.0)
    order.mark({"Route": listed(5, obj("ferry", 1)), "Deployment": listed(5, obj("ferry", 2))})
    assert told(order) == []


def test_what_went_while_a_watch_was_broken_is_told_when_it_begins_again():
    order = begun()
    order.hear_all("Deployment", listed(8, obj("new", 6)), 1.0)
    order.mark({"Route": listed(9, obj("ferry", 1)), "Deployment": listed(9, obj("new", 6))})
    due = order.due()
    assert due is not None
    assert [(heard.event["type"], heard.event["object"]["metadata"]["name"]) for heard in due] == [
        ("MODIFIED", "new"),
        ("DELETED", "ferry"),
    ]
