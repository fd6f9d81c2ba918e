"""The file of targets on ECS: what is in it is used as it stands, and what cannot be used is named."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lockgate.aws.configured import configured_targets
from lockgate.settings import Settings, SettingsError

IMAGE = "registry.example/lockgate@sha256:" + "b" * 64
LEAST = {
    "region": "eu-central-1",
    "cluster": "models",
    "namespaces": ["growth"],
    "subnets": ["subnet-1"],
    "securityGroups": ["sg-1"],
    "executionRole": "arn:aws:iam::1:role/execution",
    "fetchImage": IMAGE,
    "registrySecrets": {"default": "arn:aws:secretsmanager:eu-central-1:1:secret:key"},
    "credentialsFile": "/var/run/credentials",
}


def read(directory: Path, **changes):
    file = directory / "ecs.yaml"
    given = {name: value for name, value in {**LEAST, **changes}.items() if value is not None}
    file.write_text(yaml.safe_dump({"prod": given}))
    return configured_targets(replace(Settings(fetch_image="f"), ecs_file=file))


def test_without_a_file_there_is_no_target():
    assert configured_targets(Settings(fetch_image="f")) == {}


def test_a_target_is_what_its_fields_say(tmp_path):
    found = read(tmp_path, alarms=["errors"], bakeMinutes=5, cpu=2048)["prod"]
    assert (found.name, found.region, found.namespaces) == ("prod", "eu-central-1", ("growth",))
    assert (found.alarms, found.bake_minutes, found.cpu, found.memory) == (("errors",), 5, 2048, 2048)
    assert found.credentials_file == Path("/var/run/credentials")
    assert not found.shifts_traffic


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"cluster": None}, "cluster"),
        ({"clusters": "x"}, "clusters"),
        ({"namespaces": []}, "namespaces"),
        ({"subnets": "subnet-1"}, "subnets"),
        ({"fetchImage": "registry.example/lockgate:1"}, "fetchImage"),
        ({"registrySecrets": {}}, "registrySecrets"),
        ({"region": "Frankfurt"}, "region"),
        ({"bakeMinutes": 60}, "bakeMinutes"),
        ({"cpu": True}, "cpu"),
        ({"timeoutSeconds": 0}, "timeoutSeconds"),
        ({"endpoint": "http://ecs.example"}, "endpoint"),
        ({"endpoint": "https://ecs.example/path"}, "endpoint"),
        ({"credentialsFile": None}, "credentialsFile or role"),
        ({"role": "arn:aws:iam::1:role/r"}, "credentialsFile or role"),
        ({"credentialsFile": None, "role": "arn:aws:iam::1:role/r"}, "tokenFile"),
        ({"targetGroup": "arn", "alternateTargetGroup": "arn"}, "loadBalancerRole"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_target(tmp_path, changes, word):
    with pytest.raises(SettingsError) as said:
        read(tmp_path, **changes)
    assert word in str(said.value)
    assert "target prod" in str(said.value)


def test_the_stand_in_on_this_machine_may_be_asked_without_tls(tmp_path):
    assert read(tmp_path, endpoint="http://127.0.0.1:4000")["prod"].endpoint == "http://127.0.0.1:4000"
