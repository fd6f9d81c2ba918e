"""Gateways from a mounted file: read whole, or refused with file, gateway and field."""

import pytest
import yaml
from tests.fakes.builders import deployment

from lockgate.api.strategy import Traffic
from lockgate.errors import InvalidSpec
from lockgate.gateways.configured import configured_gateways
from lockgate.gateways.known import Features
from lockgate.settings import Settings, SettingsError

PUBLIC = {
    "namespace": "gateways",
    "gateway": "public",
    "hostname": "{name}.{namespace}.models.example.com",
    "hostnames": ["*.models.example.com"],
    "controller": "gateway.envoyproxy.io/gatewayclass-controller",
}


def read(tmp_path, **gateways):
    file = tmp_path / "gateways.yaml"
    file.write_text(yaml.safe_dump(gateways))
    environment = {
        "LOCKGATE_GATEWAYS_FILE": str(file),
        "LOCKGATE_REGISTRY_BASE_URL": "https://api.example.com",
        "LOCKGATE_FETCH_IMAGE": "fetch",
    }
    return configured_gateways(Settings.from_environment(environment))


def test_a_gateway_is_read_whole_and_its_controller_tells_what_it_can(tmp_path):
    (found,) = read(tmp_path, public=PUBLIC).values()
    assert (found.name, found.namespace, found.gateway) == ("public", "gateways", "public")
    assert found.features == Features(cookie=True, mirror=True, percent_mirror=True)
    assert found.hostnames_of(deployment()) == ("churn.growth.models.example.com",)


def test_the_platform_knows_better_what_its_gateway_can(tmp_path):
    (found,) = read(tmp_path, public=PUBLIC | {"features": {"percentMirror": False}}).values()
    assert found.features == Features(cookie=True, mirror=True, percent_mirror=False)


def test_without_a_file_there_is_no_gateway():
    environment = {"LOCKGATE_REGISTRY_BASE_URL": "https://a.example.com", "LOCKGATE_FETCH_IMAGE": "fetch"}
    assert configured_gateways(Settings.from_environment(environment)) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"namespace": None}, "field namespace is missing"),
        ({"gateway": 3}, "field gateway is 3"),
        ({"gatway": "x"}, "field gatway is not known; there are namespace, gateway"),
        ({"hostname": "{model}.example.com"}, "field hostname is"),
        ({"hostname": "*.example.com"}, "field hostname is"),
        ({"hostname": None, "hostnames": None}, "neither hostname nor hostnames"),
        ({"hostnames": "*.example.com"}, "field hostnames is"),
        ({"hostnames": ["https://example.com"]}, "field hostnames is"),
        ({"features": {"mirror": "yes"}}, "features: field mirror is 'yes'"),
        ({"features": {"mirrors": True}}, "features: field mirrors is not known"),
        ({"features": []}, "field features is []"),
    ],
)
def test_what_cannot_be_used_is_named_with_file_gateway_and_field(tmp_path, change, said):
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, public=PUBLIC | change)
    assert "gateways.yaml, gateway public" in str(refused.value)
    assert said in str(refused.value)


def test_who_names_a_host_of_others_is_refused(tmp_path):
    (found,) = read(tmp_path, public=PUBLIC).values()
    asked = deployment(traffic={"gateway": "public", "hostnames": ["churn.models.example.com"]})
    assert asked.traffic == Traffic(gateway="public", hostnames=("churn.models.example.com",))
    assert found.hostnames_of(asked) == ("churn.models.example.com",)
    with pytest.raises(InvalidSpec, match="which gateway public is not for"):
        found.hostnames_of(deployment(traffic={"gateway": "public", "hostnames": ["shop.example.com"]}))
