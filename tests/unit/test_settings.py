"""Settings: read from the environment, refused with the name of the variable."""

from pathlib import Path

import pytest

from lockgate.observe.prometheus import open_prometheus
from lockgate.settings import Settings, SettingsError

MINIMUM = {
    "LOCKGATE_REGISTRY_BASE_URL": "https://api.wandb.example",
    "LOCKGATE_FETCH_IMAGE": "image@sha256:1",
}


def test_the_two_required_variables_are_enough():
    settings = Settings.from_environment(MINIMUM)
    assert settings.registry_base_url == "https://api.wandb.example"
    assert settings.watch_namespaces == ()
    assert settings.poll_interval_seconds == 30.0


def test_every_kind_of_value_is_read():
    settings = Settings.from_environment(
        MINIMUM
        | {
            "LOCKGATE_WATCH_NAMESPACES": "growth, search",
            "LOCKGATE_WORKERS": "4",
            "LOCKGATE_POLL_INTERVAL_SECONDS": "2.5",
            "LOCKGATE_REGISTRY_API_KEY_FILE": "/var/run/key",
        }
    )
    assert settings.watch_namespaces == ("growth", "search")
    assert settings.workers == 4
    assert settings.poll_interval_seconds == 2.5
    assert settings.registry_api_key_file == Path("/var/run/key")


@pytest.mark.parametrize(
    "wrong",
    [
        {"LOCKGATE_REGISTRY_BASE_URL": ""},
        {"LOCKGATE_FETCH_IMAGE": ""},
        {"LOCKGATE_REGISTRY_BASE_URL": "api.wandb.ai"},
        {"LOCKGATE_WORKERS": "many"},
        {"LOCKGATE_WORKERS": "0"},
        {"LOCKGATE_POLL_INTERVAL_SECONDS": "nan"},
        {"LOCKGATE_RESYNC_SECONDS": "inf"},
        {"LOCKGATE_FETCH_MAX_BYTES": "-1"},
        {"LOCKGATE_HTTP_PORT": "70000"},
        {"LOCKGATE_PROBE_PORT": "70000"},
        {"LOCKGATE_PROBE_PORT": "8080"},
        {"LOCKGATE_LOG_FORMAT": "xml"},
        {"LOCKGATE_LOG_LEVEL": "LOUD"},
    ],
)
def test_a_wrong_variable_is_named(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Settings.from_environment(MINIMUM | wrong)


@pytest.mark.parametrize(
    ("address", "allowed", "starts"),
    [
        ("https://api.wandb.example", "", True),
        ("http://127.0.0.1:8080", "", True),
        ("http://localhost:8080", "false", True),
        ("http://wandb.example", "", False),
        ("http://127.0.0.1.wandb.example", "", False),
        ("http://wandb.example", "true", True),
        ("http://wandb.example", "yes", False),
    ],
)
def test_an_api_key_goes_over_plain_http_only_when_that_is_asked_for(address, allowed, starts):
    environment = {"LOCKGATE_REGISTRY_BASE_URL": address, "LOCKGATE_FETCH_IMAGE": "example/lockgate:1"}
    if allowed:
        environment["LOCKGATE_REGISTRY_ALLOW_HTTP"] = allowed
    if starts:
        assert Settings.from_environment(environment).registry_base_url == address
    else:
        with pytest.raises(SettingsError, match="LOCKGATE_REGISTRY_"):
            Settings.from_environment(environment)


@pytest.mark.parametrize(
    ("address", "token", "allowed", "starts"),
    [
        ("http://prometheus.monitoring.svc:9090", "", "", True),
        ("https://metrics.example/prefix", "/token", "", True),
        ("http://127.0.0.1:9090", "/token", "", True),
        ("http://prometheus.monitoring.svc:9090", "/token", "", False),
        ("http://prometheus.monitoring.svc:9090", "/token", "true", True),
        ("prometheus:9090", "", "", False),
        ("https://", "", "", False),
        ("https://me:secret@metrics.example", "", "", False),
        ("https://metrics.example?token=secret", "", "", False),
        ("https://metrics.example#secret", "", "", False),
    ],
)
def test_a_prometheus_is_an_address_without_secrets_and_its_token_goes_over_plain_http_only_when_asked_for(
    address, token, allowed, starts
):
    given = MINIMUM | {
        "LOCKGATE_PROMETHEUS_URL": address,
        "LOCKGATE_PROMETHEUS_TOKEN_FILE": token,
        "LOCKGATE_PROMETHEUS_ALLOW_HTTP": allowed,
    }
    if starts:
        assert Settings.from_environment(given).prometheus_url == address
        return
    with pytest.raises(SettingsError, match="LOCKGATE_PROMETHEUS_URL") as refused:
        Settings.from_environment(given)
    assert "secret" not in str(refused.value)


async def test_authorities_of_a_prometheus_that_are_none_stop_the_start(tmp_path):
    bundle = tmp_path / "ca.crt"
    bundle.write_text("no certificate")
    given = {
        "LOCKGATE_PROMETHEUS_URL": "https://metrics.example",
        "LOCKGATE_PROMETHEUS_CA_BUNDLE": str(bundle),
    }
    for wrong in (bundle, tmp_path / "missing"):
        given["LOCKGATE_PROMETHEUS_CA_BUNDLE"] = str(wrong)
        with pytest.raises(SettingsError, match=f"LOCKGATE_PROMETHEUS_CA_BUNDLE is {wrong}"):
            open_prometheus(Settings.from_environment(MINIMUM | given))


async def test_without_an_address_there_is_no_prometheus():
    assert open_prometheus(Settings.from_environment(MINIMUM)) is None
