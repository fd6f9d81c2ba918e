"""What makes a release, and that its name is the same in every release of Lockgate."""

from dataclasses import replace

import pytest
from tests.fakes.builders import deployment, revision, runtime_object

from lockgate.api.parse import parse_model_runtime
from lockgate.api.spec import ModelRuntime, OnChange
from lockgate.api.status import Revision
from lockgate.domain.release import differs_by_runtime, is_as_asked, release_of, runtime_text

NAMES = ("e761db1f", "onnx@17e5de70")
NAME_WITH_RESOURCES = "23a20afb"


def kind(**spec: object) -> ModelRuntime:
    return parse_model_runtime(runtime_object(**spec))


def release(**spec: object) -> Revision:
    return release_of(deployment(**spec), revision(3), kind())


def test_a_release_has_the_name_that_it_always_had():
    """Another name for the same would roll out every model there is."""
    assert (release().release, release().runtime) == NAMES
    loaded = release(resources={"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}})
    assert loaded.release == NAME_WITH_RESOURCES


@pytest.mark.parametrize(
    "spec",
    [
        {"image": "registry.example/onnx@sha256:" + "b" * 64},
        {"command": ["/server"]},
        {"args": []},
        {"env": [{"name": "THREADS", "value": "4"}]},
        {"port": 9000},
        {"readinessPath": "/ready"},
        {"resources": {"requests": {"cpu": "200m"}}},
        {"terminationGracePeriodSeconds": 31},
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_whatever_of_a_runtime_shows_in_a_pod_makes_another_release(spec):
    before, after = release(), release_of(deployment(), revision(3), kind(**spec))
    assert not after.is_same(before)
    assert after.is_same_version(before)
    assert differs_by_runtime(deployment(), after, before)


def test_what_of_a_runtime_shows_in_no_pod_makes_none():
    other = kind(acceptedFormats=["onnx", "gguf"], onChange="NextVersion")
    assert runtime_text(other) == runtime_text(kind())
    assert other.on_change is OnChange.NEXT_VERSION


def test_where_a_runtime_has_its_metrics_waits_for_the_next_release_and_makes_none():
    other = kind(metrics={"path": "/metrics", "port": 9100, "errors": "x{r='$release'}"})
    assert runtime_text(other) == runtime_text(kind())


def test_a_spec_that_asks_for_something_else_is_no_edit_of_the_runtime():
    asked = deployment(resources={"requests": {"cpu": "2"}})
    wanted = release_of(asked, revision(3), kind())
    assert not differs_by_runtime(asked, wanted, release())
    assert not is_as_asked(asked, release())
    assert is_as_asked(asked, wanted)
    assert not differs_by_runtime(deployment(), release_of(deployment(), revision(4), kind()), release())


def test_another_runtime_by_name_is_no_edit_of_the_one_before():
    asked = deployment(runtime={"name": "other"})
    wanted = release_of(asked, revision(3), replace(kind(), name="other"))
    assert not wanted.is_same(release())
    assert not differs_by_runtime(asked, wanted, release())
    assert not is_as_asked(asked, release())


def test_a_version_of_a_time_that_knew_no_releases_is_what_is_asked_for():
    assert is_as_asked(deployment(), revision(3))
    assert release().is_same(revision(3))
