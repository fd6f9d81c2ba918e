"""Where models may run beside Deployments, as the chart renders it: the setting, the rights, the policies."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chart.rendering import SMALLEST, complaints_of, environment, granted, only, render, rights

from lockgate.domain.resources import INFERENCE_SERVICE, RAY_SERVICE
from lockgate.settings import Settings

pytestmark = pytest.mark.integration
ALL_VERBS = ("get", "list", "watch", "create", "patch", "delete")
KINDS = {"kserve": INFERENCE_SERVICE, "rayService": RAY_SERVICE}


def test_without_a_word_there_are_deployments_alone_and_no_right_to_anything_else(helm: Path) -> None:
    objects = render(helm, SMALLEST)
    assert "LOCKGATE_BACKENDS" not in environment(objects)
    found = rights(only(objects, "ClusterRole", "ops:r-lockgate")["rules"])
    assert not {right for right in found if right[0] in {kind.group for kind in KINDS.values()}}
    for name in ("ops.r-lockgate.children", "ops.r-lockgate.pods"):
        assert "serving.kserve.io" not in str(
            only(objects, "ValidatingAdmissionPolicy", name)["spec"]["matchConstraints"]
        )


@pytest.mark.parametrize("name", KINDS)
def test_each_that_is_offered_is_told_to_the_operator_and_has_just_its_rights(helm: Path, name: str) -> None:
    before = rights(only(render(helm, SMALLEST), "ClusterRole", "ops:r-lockgate")["rules"])
    objects = render(helm, SMALLEST, f"backends.{name}.enabled=true")
    settings = Settings.from_environment(environment(objects))
    assert settings.backends == (name,)
    more = rights(only(objects, "ClusterRole", "ops:r-lockgate")["rules"]) - before
    of_clusters = granted("ray.io", "rayclusters", "get") if name == "rayService" else set()
    assert more == granted(KINDS[name].group, KINDS[name].plural, *ALL_VERBS) | of_clusters
    for policy in ("ops.r-lockgate.children", "ops.r-lockgate.pods"):
        assert KINDS[name].plural in str(
            only(objects, "ValidatingAdmissionPolicy", policy)["spec"]["matchConstraints"]
        )


def test_both_may_be_offered(helm: Path) -> None:
    objects = render(helm, SMALLEST, "backends.kserve.enabled=true", "backends.rayService.enabled=true")
    assert environment(objects)["LOCKGATE_BACKENDS"] == "kserve,rayService"


def test_a_backend_that_there_is_not_is_refused_by_its_name(helm: Path) -> None:
    assert "nomad" in complaints_of(helm, "backends.nomad.enabled=true")
