"""What is wrong in the file of registries stops the start with a sentence, however it is wrong."""

import pytest
from tests.unit.test_configured_registries import EU, configured

from lockgate.settings import SettingsError

FIELDS = "kind: wandb, apiKeyFile: /var/run/eu/api-key, modelSecretName: pods"


def test_a_name_that_is_there_twice_stops_the_start(tmp_path):
    here, there = EU["baseUrl"], "https://elsewhere.example"
    text = f"eu: {{{FIELDS}, baseUrl: '{here}'}}\neu: {{{FIELDS}, baseUrl: '{there}'}}\n"
    with pytest.raises(SettingsError, match="eu"):
        configured(tmp_path, text)


@pytest.mark.parametrize("address", ["https://", "http://[", "https://a b", "https://host:99999999"])
def test_an_address_without_a_host_that_could_be_asked_stops_the_start(tmp_path, address):
    with pytest.raises(SettingsError, match="registry eu: field baseUrl"):
        configured(tmp_path, f"eu: {{{FIELDS}, baseUrl: '{address}'}}\n")
