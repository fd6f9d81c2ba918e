"""Services that gates may ask, from a mounted file: read whole, or refused with file, service and field."""

from pathlib import Path

import pytest
import yaml

from lockgate.settings import Settings, SettingsError
from lockgate.webhooks.configured import configured_services
from lockgate.webhooks.offered import Service

ENVIRONMENT = {"LOCKGATE_REGISTRY_BASE_URL": "https://a.example.com", "LOCKGATE_FETCH_IMAGE": "fetch"}
FAIRNESS = {"address": "https://fairness.example.com:8443/ask", "namespaces": ["growth", "ads"]}


def read(tmp_path, **services):
    file = tmp_path / "webhooks.yaml"
    file.write_text(yaml.safe_dump(services))
    return configured_services(Settings.from_environment(ENVIRONMENT | {"LOCKGATE_WEBHOOKS_FILE": str(file)}))


def test_a_service_is_read_whole(tmp_path):
    more = {"caFile": "/ca.crt", "tokenFile": "/token", "timeoutSeconds": 3}
    assert read(tmp_path, fairness=FAIRNESS | more, everybodys=FAIRNESS | {"namespaces": ["*"]}) == {
        "fairness": Service(
            name="fairness",
            address=FAIRNESS["address"],
            namespaces=("growth", "ads"),
            ca_file=Path("/ca.crt"),
            token_file=Path("/token"),
            timeout_seconds=3.0,
        ),
        "everybodys": Service(name="everybodys", address=FAIRNESS["address"], namespaces=("*",)),
    }


def test_without_a_file_there_is_no_service():
    assert configured_services(Settings.from_environment(ENVIRONMENT)) == {}


def test_a_service_is_for_the_namespaces_that_it_names():
    service = Service(name="a", address="https://a", namespaces=("growth",))
    assert (service.is_for("growth"), service.is_for("growths"), service.is_for("*")) == (True, False, False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"address": None}, "field address is missing"),
        ({"namespaces": None}, "field namespaces is missing"),
        *(
            ({"address": address}, "field address is 'no address that can be asked'; write https://HOST/PATH")
            for address in (
                *("http://fairness.example.com", "https://", "https://a b", "https://u:s3cr3t@a", "ftp://a"),
                *("https://a:99999", "https://a?x=1", "https://a#b", "https://a\n", 3, "https://ümlaut"),
            )
        ),
        ({"namespaces": []}, "field namespaces is []"),
        ({"namespaces": "growth"}, "field namespaces is 'growth'"),
        ({"namespaces": ["Growth"]}, "field namespaces is ['Growth']"),
        ({"namespaces": [1]}, "field namespaces is [1]"),
        *(({"timeoutSeconds": n}, "field timeoutSeconds is") for n in (0, -1, 61, "ten", True, float("nan"))),
        ({"caFile": 3}, "field caFile is 3"),
        ({"tokenFile": ""}, "field tokenFile is ''"),
        ({"headers": {}}, "field headers is not known"),
    ],
)
def test_what_cannot_be_meant_stops_the_start(tmp_path, change, said):
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, fairness=FAIRNESS | change)
    assert "service fairness" in str(refused.value)
    assert said in str(refused.value)
    assert "s3cr3t" not in str(refused.value)
