"""What counts as drift, and what is none of our business."""

import pytest

from lockgate.apply.drift import differences, first_difference, is_as_applied

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


TWO_PORTS = [{"port": 53, "protocol": "TCP", "name": "a"}, {"port": 53, "protocol": "UDP", "name": "b"}]


@pytest.mark.parametrize(
    ("rendered", "found", "told"),
    [
        pytest.param(
            {"ports": [{"port": 80, "name": "http"}]},
            {"ports": [{"port": 80, "name": "http", "protocol": "TCP"}]},
            set(),
            id="a port without a protocol is one of TCP",
        ),
        pytest.param(
            {"ports": [{"port": 80, "name": "http", "protocol": "TCP"}]},
            {"ports": [{"port": 80, "name": "http"}]},
            {("ports[80].protocol", "None")},
            id="also where it is the cluster that says none",
        ),
        pytest.param(
            {"ports": [{"port": 80, "name": "http"}]},
            {"ports": [{"port": 80, "name": "http", "protocol": "UDP"}]},
            {("ports[80]", "None")},
            id="and none of UDP",
        ),
        pytest.param({"ports": TWO_PORTS}, {"ports": TWO_PORTS[::-1]}, set(), id="two ports of one number"),
        pytest.param(
            {"ports": TWO_PORTS},
            {"ports": [TWO_PORTS[0], TWO_PORTS[1] | {"name": "c"}]},
            {("ports[53].name", "'c'")},
            id="two ports of one number, and another name of one of them",
        ),
        pytest.param(
            {"env": [{"name": "A", "value": "1"}, {"value": "2"}]},
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            set(),
            id="items that have nothing to tell them apart are told by their place",
        ),
        pytest.param(
            {"env": ["A", "B"]}, {"env": ["B", "A"]}, {("env[0]", "'B'"), ("env[1]", "'A'")}, id="texts, too"
        ),
        pytest.param(
            {"env": [{"name": "A", "value": "1"}]},
            {"env": ["A"]},
            {("env[A]", "None")},
            id="what is no item is none of ours",
        ),
        pytest.param(
            {"args": ["--a", "--b", "--c"]},
            {"args": ["--a", "--x", "--y"]},
            {("args[1]", "'--x'"), ("args[2]", "'--y'")},
            id="arguments by their place",
        ),
        pytest.param(
            {"args": ["--a"]}, {"args": ["--a", "--b"]}, {("args", "['--a', '--b']")}, id="one argument more"
        ),
        pytest.param(
            {"a": {"resources": {"limits": {"cpu": "1"}}}},
            {"a": {"resources": {"limits": {"cpu": "many"}}}},
            {("a.resources.limits.cpu", "'many'")},
            id="no quantity at all",
        ),
        pytest.param(
            {"a": {"limits": {"cpu": "1000m"}}},
            {"a": {"limits": {"cpu": "1"}}},
            {("a.limits.cpu", "'1'")},
            id="what is no quantity by its place is compared as a text",
        ),
        pytest.param(
            {"a": {"sizeLimit": "1Gi"}},
            {"a": {"sizeLimit": "2Gi"}},
            {("a.sizeLimit", "'2Gi'")},
            id="another size",
        ),
        pytest.param({"a": [], "b": {}, "c": False}, {}, set(), id="what is empty or false is dropped"),
        pytest.param(
            {"a": 0, "b": ""}, {}, {("a", "None"), ("b", "None")}, id="a zero and an empty text are not"
        ),
        pytest.param({"a": []}, {"a": ["x"]}, {("a", "['x']")}, id="an addition to an empty list"),
        pytest.param({"a": {"b": 1}}, {"a": "b"}, {("a", "'b'")}, id="another kind of value"),
        pytest.param({"a": [1]}, {"a": {"b": 1}}, {("a", "{'b': 1}")}, id="a map where a list was"),
    ],
)
def test_what_differs_is_told_by_its_path_with_what_is_there(rendered, found, told):
    assert set(differences(rendered, found)) == told


@pytest.mark.parametrize(
    ("generation", "annotations", "as_applied"),
    [
        (3, {"lockgate.dev/applied-generation": "3"}, True),
        (4, {"lockgate.dev/applied-generation": "3"}, False),
        (3, {}, False),
        (3, None, False),
        (None, {}, False),
    ],
)
def test_a_spec_is_as_applied_while_its_generation_is_the_one_that_was_written_into_it(
    generation, annotations, as_applied
):
    metadata = {"generation": generation, "annotations": annotations}
    assert is_as_applied({"metadata": metadata}) is as_applied


def test_an_object_that_tells_no_generation_and_has_no_annotations_is_not_as_applied():
    assert not is_as_applied({"metadata": {}})
