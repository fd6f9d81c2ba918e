"""What counts as drift, and what is none of our business."""

import pytest

from lockgate.apply.drift import differences, first_difference

RENDERED = {
    "metadata": {"labels": {"a": "1"}, "annotations": {"lockgate.dev/render-hash": "x"}},
    "spec": {
        "replicas": 2,
        "containers": [
            {
                "name": "server",
                "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
                "env": [{"name": "A", "value": "1"}],
            }
        ],
        "args": ["--a", "--b"],
        "empty": {},
    },
}


def observed(**changes):
    container = {
        "name": "server",
        "image": "defaulted",
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
        "env": [{"name": "ZZ", "value": "added"}, {"name": "A", "value": "1"}],
    }
    spec = {
        "replicas": 2,
        "containers": [{"name": "sidecar"}, container],
        "args": ["--a", "--b"],
        "dnsPolicy": "ClusterFirst",
    }
    return {
        "metadata": {
            "labels": {"a": "1", "b": "2"},
            "annotations": {"lockgate.dev/render-hash": "x", "c": "d"},
        },
        "spec": spec | changes,
    }


def test_defaults_sidecars_and_other_spellings_of_a_quantity_are_no_drift():
    assert first_difference(RENDERED, observed()) is None


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        pytest.param({"replicas": 5}, "spec.replicas", id="scaled by hand"),
        pytest.param({"args": ["--a"]}, "spec.args", id="argument removed"),
        pytest.param({"containers": []}, "spec.containers[server]", id="container removed"),
        pytest.param(
            {"containers": [{"name": "server", "resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}]},
            "spec.containers[server].resources.limits.cpu",
            id="limit raised",
        ),
    ],
)
def test_a_changed_field_of_ours_is_named_by_its_path(changes, path):
    assert first_difference(RENDERED, observed(**changes)) == path


@pytest.mark.parametrize(
    ("rendered", "found", "path"),
    [
        pytest.param(
            {"ownerReferences": [{"uid": "ours", "name": "churn"}]},
            {"ownerReferences": [{"uid": "ours", "name": "churn"}, {"uid": "theirs", "name": "churn"}]},
            None,
            id="another owner of the same name",
        ),
        pytest.param(
            {"ports": [{"port": 80, "protocol": "TCP", "name": "http"}]},
            {
                "ports": [
                    {"port": 80, "protocol": "UDP", "name": "dns"},
                    {"port": 80, "name": "http", "protocol": "TCP"},
                ]
            },
            None,
            id="another port of the same number",
        ),
        pytest.param(
            {"ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}]},
            {"ports": [{"containerPort": 8080, "name": "web", "protocol": "TCP"}]},
            "ports[8080].name",
            id="our port under another name",
        ),
        pytest.param({"paused": False}, {}, None, id="false and absent"),
        pytest.param({"paused": False}, {"paused": True}, "paused", id="paused by hand"),
        pytest.param(
            {"items": [{"key": "a", "path": "b"}]},
            {"items": [{"key": "a", "path": "b", "mode": 420}]},
            None,
            id="a default inside a list that is one value",
        ),
        pytest.param(
            {"items": [{"key": "a", "path": "b"}]},
            {"items": [{"key": "a", "path": "b"}, {"key": "c", "path": "d"}]},
            "items",
            id="an addition to a list that is one value",
        ),
        pytest.param(
            {"emptyDir": {"sizeLimit": "2048Mi"}}, {"emptyDir": {"sizeLimit": "2Gi"}}, None, id="a size"
        ),
    ],
)
def test_lists_are_compared_by_what_tells_their_items_apart(rendered, found, path):
    assert first_difference(rendered, found) == path


def test_every_difference_is_told_with_what_is_there_instead():
    rendered, found = {"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 5}}
    assert set(differences(rendered, found)) == {("b.c", "5"), ("b.d", "None")}


def test_a_label_removed_is_drift():
    without = observed()
    without["metadata"]["labels"] = {}
    assert first_difference(RENDERED, without) == "metadata.labels.a"
