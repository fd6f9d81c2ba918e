"""The right to have a ModelDeployment wait when it is deleted, on a real API server: that and no more."""

from __future__ import annotations

from typing import Any

import pytest
from tests.chart.guarding import asked, at, in_force

from lockgate.names import FINALIZER
from lockgate_sandbox.api import ApiClient, ApiError

pytestmark = pytest.mark.integration
THEIRS = "example.com/theirs"


@pytest.fixture
def path(administrator: ApiClient, guarded: object, namespace: str) -> str:
    """Of a ModelDeployment that somebody wrote, and that waits for somebody."""
    found = asked(namespace, finalizers=[THEIRS])
    administrator.post(at("modeldeployments", namespace), found)
    return f"{at('modeldeployments', namespace)}/{found['metadata']['name']}"


@pytest.fixture(autouse=True)
def let_go(administrator: ApiClient, path: str):
    yield
    administrator.merge(path, {"metadata": {"finalizers": None}})


def refusal(client: ApiClient, path: str, change: dict[str, Any]) -> str | None:
    try:
        client.call("PATCH", f"{path}?dryRun=All", change, "application/merge-patch+json")
    except ApiError as error:
        if error.status not in (403, 422):
            raise
        return str(error)
    return None


def finalizers(*names: str) -> dict[str, Any]:
    return {"metadata": {"finalizers": list(names)}}


def test_the_operator_may_have_it_wait_for_what_lies_elsewhere_and_let_it_go(
    operator: ApiClient, path: str
) -> None:
    assert refusal(operator, path, finalizers(THEIRS, FINALIZER)) is None
    operator.merge(path, finalizers(THEIRS, FINALIZER))
    assert refusal(operator, path, finalizers(THEIRS)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"replicas": 7}},
        {"metadata": {"labels": {"team": "other"}}},
        {"metadata": {"annotations": {"lockgate.dev/retry": "1"}}},
        finalizers(),
        finalizers(FINALIZER),
        finalizers(THEIRS, "example.com/mine"),
        {"spec": {"replicas": 7}, **finalizers(THEIRS, FINALIZER)},
    ],
    ids=["spec", "labels", "annotations", "none", "theirs taken", "another", "beside the spec"],
)
def test_it_may_change_nothing_else_of_what_people_wrote(
    operator: ApiClient, administrator: ApiClient, path: str, change: dict[str, Any]
) -> None:
    said = in_force(lambda: refusal(operator, path, change))
    assert "Lockgate's operator may" in said
    assert refusal(administrator, path, change) is None
