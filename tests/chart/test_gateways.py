"""The gateways of the platform, as the chart renders them: their file, the rights, what routes may be."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chart.rendering import (
    EVERYTHING,
    SMALLEST,
    complaints_of,
    environment,
    only,
    pod_of,
    render,
    rights,
)

from lockgate.gateways.configured import configured_gateways
from lockgate.gateways.known import Features
from lockgate.gateways.offered import Gateway
from lockgate.settings import Settings

pytestmark = pytest.mark.integration
INSIDE = ("gateways.inside.namespace=gateways", "gateways.inside.gateway=inside")
HOSTNAME = "gateways.inside.hostname=models.example.com"
GROUP = "gateway.networking.k8s.io"


def test_without_a_gateway_there_is_no_file_and_no_right_to_a_route(helm: Path) -> None:
    objects = render(helm, SMALLEST)
    assert "LOCKGATE_GATEWAYS_FILE" not in environment(objects)
    granted = rights(only(objects, "ClusterRole", "ops:r-lockgate")["rules"])
    assert not [right for right in granted if right[0] == GROUP]
    policy = only(objects, "ValidatingAdmissionPolicy", "ops.r-lockgate.children")
    assert GROUP not in str(policy)


def test_every_value_of_a_gateway_arrives_as_the_operators_own(helm: Path, tmp_path: Path) -> None:
    objects = render(helm, EVERYTHING)
    given, file = environment(objects), tmp_path / "gateways.yaml"
    (mount,) = [m for m in pod_of(objects)["containers"][0]["volumeMounts"] if m["name"] == "gateways"]
    assert given["LOCKGATE_GATEWAYS_FILE"] == f"{mount['mountPath']}/gateways.yaml"
    (volume,) = [v for v in pod_of(objects)["volumes"] if v["name"] == "gateways"]
    file.write_text(only(objects, "ConfigMap", volume["configMap"]["name"])["data"]["gateways.yaml"])
    found = configured_gateways(Settings.from_environment(given | {"LOCKGATE_GATEWAYS_FILE": str(file)}))
    assert found == {
        "public": Gateway(
            name="public",
            namespace="gateways",
            gateway="shared",
            section="https",
            hostname="{name}.{namespace}.models.example.com",
            hostnames=("*.{namespace}.models.example.com",),
            controller="gateway.envoyproxy.io/gatewayclass-controller",
            features=Features(cookie=True, mirror=True, percent_mirror=False),
        ),
        "inside": Gateway(
            name="inside", namespace="gateways", gateway="inside", hostnames=("*.inside.example.com",)
        ),
    }


def test_a_change_of_the_file_starts_the_operator_anew(helm: Path) -> None:
    first, second = (
        only(render(helm, SMALLEST, *INSIDE, HOSTNAME, f"gateways.inside.section={name}"), "Deployment")
        for name in ("a", "b")
    )
    notes = [found["spec"]["template"]["metadata"]["annotations"] for found in (first, second)]
    assert notes[0] != notes[1]


def test_routes_may_name_the_gateways_of_the_values_alone(helm: Path) -> None:
    policy = only(render(helm, EVERYTHING), "ValidatingAdmissionPolicy", "ops.r-lockgate.children")
    (parents,) = [v["expression"] for v in policy["spec"]["validations"] if "parentRefs" in v["expression"]]
    assert '["gateways/inside","gateways/shared"]' in parents


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        (INSIDE, "hostname"),
        ((*INSIDE[:1], HOSTNAME), "missing property 'gateway'"),
        ((*INSIDE, HOSTNAME, "gateways.inside.feature=x"), "'feature' not allowed"),
        ((*INSIDE, HOSTNAME, "gateways.inside.features.mirror=maybe"), "boolean"),
        ((HOSTNAME.replace("inside.", "INSIDE.", 1),), "'INSIDE' not allowed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_meant_is_not_installed(helm: Path, pairs: tuple[str, ...], complaint: str) -> None:
    assert complaint in complaints_of(helm, *pairs)
