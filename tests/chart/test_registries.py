"""More registries than one, as the chart renders them: their file, their keys, what pods may mount."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.chart.rendering import (
    EVERYTHING,
    SMALLEST,
    Objects,
    complaints_of,
    environment,
    only,
    pod_of,
    render,
)

from lockgate.registries.configured import RegistrySettings, configured_registries
from lockgate.settings import Settings

pytestmark = pytest.mark.integration
EU = "registries.eu.baseUrl=https://eu.example"


def read_by_the_operator(objects: Objects, tmp_path: Path) -> dict[str, RegistrySettings]:
    """What the operator makes of its environment and of the file that it is given."""
    given, file = environment(objects), tmp_path / "registries.yaml"
    (mount,) = [m for m in pod_of(objects)["containers"][0]["volumeMounts"] if m["name"] == "registries"]
    assert given["LOCKGATE_REGISTRIES_FILE"] == f"{mount['mountPath']}/registries.yaml"
    file.write_text(only(objects, "ConfigMap", "r-lockgate-registries")["data"]["registries.yaml"])
    return configured_registries(Settings.from_environment(given | {"LOCKGATE_REGISTRIES_FILE": str(file)}))


def test_one_registry_needs_no_file(helm: Path) -> None:
    objects = render(helm, SMALLEST)
    assert "LOCKGATE_REGISTRIES_FILE" not in environment(objects)
    assert not [found for found in objects if found["kind"] == "ConfigMap"]
    assert "annotations" not in only(objects, "Deployment")["spec"]["template"]["metadata"]


def test_every_value_of_a_registry_arrives_as_the_operators_own(helm: Path, tmp_path: Path) -> None:
    found = read_by_the_operator(render(helm, EVERYTHING), tmp_path)
    assert list(found) == ["default", "eu", "us"]
    assert found["eu"] == RegistrySettings(
        kind="wandb",
        base_url="https://eu.wandb.example.com",
        organization="harbor",
        api_key_file=Path("/var/run/secrets/lockgate-registries/eu/api-key"),
        ca_bundle=Path("/var/run/lockgate-registries-ca/eu/ca.crt"),
        timeout=7.5,
        model_secret_name="wandb-eu-models",
        model_secret_key="token",
        model_ca_config_map="eu-ca",
        model_ca_key="bundle.pem",
    )
    assert found["us"].model_secret_name == "lockgate-registry-us"
    assert (found["us"].allow_http, found["us"].timeout) == (True, 20)


def test_keys_and_authorities_lie_where_the_file_says(helm: Path, tmp_path: Path) -> None:
    objects = render(helm, EVERYTHING)
    found, pod = read_by_the_operator(objects, tmp_path), pod_of(objects)
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {m["mountPath"]: volumes[m["name"]] for m in pod["containers"][0]["volumeMounts"]}
    key, bundle = found["eu"].api_key_file, found["eu"].ca_bundle
    assert key is not None
    assert bundle is not None
    assert mounts[str(key.parent)]["secret"]["secretName"] == "wandb-eu"
    assert mounts[str(key.parent)]["secret"]["items"] == [{"key": "token", "path": key.name}]
    assert mounts[str(bundle.parent)]["secret"]["secretName"] == "eu-ca"
    assert mounts[str(bundle.parent)]["secret"]["items"] == [{"key": "bundle.pem", "path": bundle.name}]
    # A registry whose key is missing tells so itself; the operator of all the others starts.
    assert mounts[str(key.parent)]["secret"]["optional"] is True


def test_a_change_of_the_file_starts_the_operator_anew(helm: Path) -> None:
    first, second, third = (
        only(render(helm, SMALLEST, EU, f"registries.eu.organization={name}"), "Deployment")["spec"]
        for name in ("a", "b", "b")
    )
    assert checksum(first) != checksum(second) == checksum(third)


def checksum(spec: dict[str, Any]) -> str:
    text: str = spec["template"]["metadata"]["annotations"]["checksum/registries"]
    return text


def test_pods_may_mount_the_keys_and_authorities_of_every_registry(helm: Path) -> None:
    policy = only(render(helm, EVERYTHING), "ValidatingAdmissionPolicy", "ops.r-lockgate.pods")
    (volumes,) = [v["expression"] for v in policy["spec"]["validations"] if "v.emptyDir" in v["expression"]]
    assert '["wandb-models","wandb-eu-models","lockgate-registry-us"]' in volumes
    assert '["corporate-ca","eu-ca"]' in volumes


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        (("registries.eu.baseUrl=http://eu.example",), "registries.eu.baseUrl begins with http://"),
        (("registries.eu.organization=acme",), "missing property 'baseUrl'"),
        (("registries.default.baseUrl=https://x",), "registries.default is the one under registry"),
        (("registries.EU.baseUrl=https://x",), "at '/registries': additional properties 'EU' not allowed"),
        ((EU, "registries.eu.kind=mlflow"), "kind"),
        ((EU, "registries.eu.url=https://x"), "'url' not allowed"),
        (
            (EU, "registries.eu.caBundle.configMap=a", "registries.eu.caBundle.secret=b"),
            "registries.eu.caBundle names both",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_meant_is_not_installed(helm: Path, pairs: tuple[str, ...], complaint: str) -> None:
    assert complaint in complaints_of(helm, *pairs)
