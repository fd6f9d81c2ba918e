"""Registries by environment and by file: each by its name, and what is wrong by file, registry and field."""

import json
from pathlib import Path
from typing import Any

import pytest

from lockgate.registries.configured import RegistrySettings, configured_registries
from lockgate.settings import Settings, SettingsError

BY_ENVIRONMENT = {
    "LOCKGATE_FETCH_IMAGE": "image@sha256:1",
    "LOCKGATE_REGISTRY_BASE_URL": "https://api.wandb.example",
    "LOCKGATE_REGISTRY_API_KEY_FILE": "/var/run/key",
    "LOCKGATE_MODEL_SECRET_NAME": "pods",
}
EU = {
    "kind": "wandb",
    "baseUrl": "https://eu.wandb.example",
    "apiKeyFile": "/var/run/eu/api-key",
    "modelSecretName": "lockgate-registry-eu",
}


def configured(tmp_path: Path, text: str | None, **environment: str) -> dict[str, RegistrySettings]:
    variables = BY_ENVIRONMENT | environment
    if text is not None:
        file = tmp_path / "registries.yaml"
        file.write_text(text)
        variables["LOCKGATE_REGISTRIES_FILE"] = str(file)
    return configured_registries(Settings.from_environment(variables))


def test_the_environment_alone_configures_the_one_called_default(tmp_path):
    (only,) = configured(tmp_path, None).items()
    assert only == (
        "default",
        RegistrySettings(
            kind="wandb",
            base_url="https://api.wandb.example",
            api_key_file=Path("/var/run/key"),
            model_secret_name="pods",
        ),
    )


@pytest.mark.parametrize("text", [json.dumps({"eu": EU}), "eu: {" + json.dumps(EU)[1:]], ids=["JSON", "YAML"])
def test_a_file_adds_registries_beside_it(tmp_path, text):
    found = configured(tmp_path, text)
    assert list(found) == ["default", "eu"]
    assert found["eu"] == RegistrySettings(
        kind="wandb",
        base_url="https://eu.wandb.example",
        api_key_file=Path("/var/run/eu/api-key"),
        model_secret_name="lockgate-registry-eu",
    )


def test_every_field_of_the_file_arrives(tmp_path):
    more = {
        "organization": "acme",
        "caBundle": "/var/run/eu/ca.crt",
        "allowHttp": True,
        "timeout": 2.5,
        "modelSecretKey": "token",
        "modelCaConfigMap": "eu-ca",
        "modelCaKey": "bundle.pem",
    }
    found = configured(tmp_path, json.dumps({"eu": EU | {"baseUrl": "http://eu"} | more}))["eu"]
    assert (found.organization, found.ca_bundle) == ("acme", Path("/var/run/eu/ca.crt"))
    assert (found.allow_http, found.timeout) == (True, 2.5)
    assert (found.model_secret_key, found.model_ca_config_map, found.model_ca_key) == (
        "token",
        "eu-ca",
        "bundle.pem",
    )


def test_a_file_alone_is_enough_when_it_names_the_default_one(tmp_path):
    found = configured(tmp_path, json.dumps({"default": EU}), LOCKGATE_REGISTRY_BASE_URL="")
    assert list(found) == ["default"]


@pytest.mark.parametrize(
    ("document", "environment", "words"),
    [
        ({"default": EU}, {}, ("registries.yaml", "default", "keep one")),
        (
            {"eu": EU},
            {"LOCKGATE_REGISTRY_BASE_URL": ""},
            ("registries.yaml", "no registry is called default"),
        ),
        ({}, {}, ("registries.yaml", "names no registry")),
        (["eu"], {}, ("registries.yaml", "names no registry")),
        (
            {"eu": None},
            {},
            ("registries.yaml", "registry eu", "kind, baseUrl, apiKeyFile and modelSecretName"),
        ),
        ({"EU/1": EU}, {}, ("registries.yaml", "registry EU/1", "a name has")),
        ({"eu": EU | {"url": "x"}}, {}, ("registries.yaml", "registry eu", "field url is not known")),
        (
            {"eu": EU | {"kind": "mlflow"}},
            {},
            ("registries.yaml", "registry eu", "field kind", "knows wandb"),
        ),
        ({"eu": EU | {"apiKeyFile": None}}, {}, ("registry eu", "field apiKeyFile is missing")),
        ({"eu": EU | {"baseUrl": "eu.example"}}, {}, ("registry eu", "field baseUrl", "https://HOST")),
        ({"eu": EU | {"baseUrl": "http://eu"}}, {}, ("registry eu", "field baseUrl", "allowHttp")),
        ({"eu": EU | {"allowHttp": "yes"}}, {}, ("registry eu", "field allowHttp", "true or false")),
        ({"eu": EU | {"timeout": 0}}, {}, ("registry eu", "field timeout is 0", "seconds above 0")),
        ({"eu": EU | {"timeout": True}}, {}, ("registry eu", "field timeout", "seconds above 0")),
        ({"eu": EU | {"organization": 7}}, {}, ("registry eu", "field organization", "write a text")),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_used_is_named_with_file_registry_and_field(
    tmp_path: Path, document: Any, environment: dict[str, str], words: tuple[str, ...]
):
    with pytest.raises(SettingsError) as refused:
        configured(tmp_path, json.dumps(document), **environment)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize("text", ["{", "[" * 5000, "a: b: c", "!!python/object:os.system {}"], ids=len)
def test_what_is_no_file_of_registries_is_told_with_its_name(tmp_path, text):
    with pytest.raises(SettingsError, match=r"registries\.yaml is neither YAML nor JSON"):
        configured(tmp_path, text)


def test_a_file_that_is_not_there_is_told_with_the_variable_that_names_it(tmp_path):
    with pytest.raises(SettingsError, match="nowhere, which LOCKGATE_REGISTRIES_FILE names, cannot be read"):
        configured(tmp_path, None, LOCKGATE_REGISTRIES_FILE="/nowhere")


def test_without_any_registry_the_variables_are_named():
    with pytest.raises(SettingsError, match=r"LOCKGATE_REGISTRY_BASE_URL .* LOCKGATE_REGISTRIES_FILE"):
        Settings.from_environment({"LOCKGATE_FETCH_IMAGE": "image@sha256:1"})
