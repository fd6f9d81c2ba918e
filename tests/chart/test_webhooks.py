"""The services that gates ask, as the chart renders them: their file, what is mounted for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chart.rendering import EVERYTHING, SMALLEST, complaints_of, environment, only, pod_of, render

from lockgate.settings import Settings
from lockgate.webhooks.configured import configured_services
from lockgate.webhooks.offered import Service

pytestmark = pytest.mark.integration
ADDRESS = "webhooks.fairness.address=https://fairness.example.com"
NAMESPACES = "webhooks.fairness.namespaces[0]=growth"


def test_without_a_service_there_is_no_file(helm: Path) -> None:
    objects = render(helm, SMALLEST)
    assert "LOCKGATE_WEBHOOKS_FILE" not in environment(objects)
    assert "webhook" not in str(pod_of(objects))


def test_every_value_of_a_service_arrives_as_the_operators_own(helm: Path, tmp_path: Path) -> None:
    objects = render(helm, EVERYTHING)
    given, file, pod = environment(objects), tmp_path / "webhooks.yaml", pod_of(objects)
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert given["LOCKGATE_WEBHOOKS_FILE"] == f"{mounts['webhooks']}/webhooks.yaml"
    held = only(objects, "ConfigMap", volumes["webhooks"]["configMap"]["name"])
    file.write_text(held["data"]["webhooks.yaml"])
    found = configured_services(Settings.from_environment(given | {"LOCKGATE_WEBHOOKS_FILE": str(file)}))
    token, authority = (
        volumes["webhook-token-fairness"]["secret"],
        volumes["webhook-ca-fairness"]["configMap"],
    )
    assert (token["secretName"], token["items"]) == ("fairness-token", [{"key": "bearer", "path": "token"}])
    assert (authority["name"], authority["items"]) == (
        "fairness-ca",
        [{"key": "bundle.pem", "path": "ca.crt"}],
    )
    assert found == {
        "fairness": Service(
            name="fairness",
            address="https://fairness.example.com:8443/lockgate",
            namespaces=("growth", "ads"),
            token_file=Path(mounts["webhook-token-fairness"]) / "token",
            ca_file=Path(mounts["webhook-ca-fairness"]) / "ca.crt",
            timeout_seconds=2.5,
        ),
        "freeze": Service(name="freeze", address="https://calendar.example.com/freeze", namespaces=("*",)),
    }
    assert not [name for name in volumes if name.startswith("webhook") and name.endswith("freeze")]


def test_a_change_of_the_file_starts_the_operator_anew(helm: Path) -> None:
    first, second = (
        only(render(helm, SMALLEST, f"{ADDRESS}/{name}", NAMESPACES), "Deployment") for name in ("a", "b")
    )
    notes = [found["spec"]["template"]["metadata"]["annotations"] for found in (first, second)]
    assert notes[0] != notes[1]


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        ((ADDRESS,), "missing property 'namespaces'"),
        ((NAMESPACES,), "missing property 'address'"),
        ((ADDRESS.replace("https", "http"), NAMESPACES), "does not match pattern"),
        ((ADDRESS.replace("//", "//u:p@"), NAMESPACES), "does not match pattern"),
        ((f"{ADDRESS}/?token=x", NAMESPACES), "does not match pattern"),
        ((ADDRESS, NAMESPACES, "webhooks.fairness.headers.a=b"), "'headers' not allowed"),
        ((ADDRESS, NAMESPACES, "webhooks.fairness.timeoutSeconds=61"), "maximum"),
        ((ADDRESS, NAMESPACES, "webhooks.fairness.tokenSecret.name=a"), "missing property 'key'"),
        ((ADDRESS.replace("fairness.", "Fairness.", 1),), "'Fairness' not allowed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_meant_is_not_installed(helm: Path, pairs: tuple[str, ...], complaint: str) -> None:
    assert complaint in complaints_of(helm, *pairs)
