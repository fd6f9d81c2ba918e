"""What counts as drift, and what is none of our business."""

import pytest

from lockgate.apply.drift import first_difference

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


def test_a_label_removed_is_drift():
    without = observed()
    without["metadata"]["labels"] = {}
    assert first_difference(RENDERED, without) == "metadata.labels.a"
