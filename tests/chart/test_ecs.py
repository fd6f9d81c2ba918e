"""The targets on Amazon ECS, as the chart renders them: their file, and the credentials that are mounted."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chart.rendering import EVERYTHING, SMALLEST, complaints_of, environment, only, pod_of, render

from lockgate.aws.configured import configured_targets
from lockgate.settings import Settings

pytestmark = pytest.mark.integration
LEAST = (
    "ecs.prod.region=eu-central-1",
    "ecs.prod.cluster=models",
    "ecs.prod.namespaces[0]=growth",
    "ecs.prod.subnets[0]=subnet-1",
    "ecs.prod.securityGroups[0]=sg-1",
    "ecs.prod.executionRole=arn",
    f"ecs.prod.fetchImage=lockgate@sha256:{'b' * 64}",
    "ecs.prod.registrySecrets.default=arn",
    "ecs.prod.role=arn",
)


def test_without_a_target_there_is_no_file_and_no_token_for_aws(helm: Path) -> None:
    objects = render(helm, SMALLEST)
    assert "LOCKGATE_ECS_FILE" not in environment(objects)
    assert "ecs" not in [volume["name"] for volume in pod_of(objects)["volumes"]]
    assert "ecs-identity" not in [volume["name"] for volume in pod_of(objects)["volumes"]]


def test_every_value_of_a_target_arrives_as_the_operators_own(helm: Path, tmp_path: Path) -> None:
    objects = render(helm, EVERYTHING)
    given, file, pod = environment(objects), tmp_path / "ecs.yaml", pod_of(objects)
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert given["LOCKGATE_ECS_FILE"] == f"{mounts['ecs']}/ecs.yaml"
    file.write_text(only(objects, "ConfigMap", volumes["ecs"]["configMap"]["name"])["data"]["ecs.yaml"])
    found = configured_targets(Settings.from_environment(given | {"LOCKGATE_ECS_FILE": str(file)}))
    prod, lab = found["prod"], found["lab"]
    told = (prod.region, prod.cpu, prod.memory, prod.bake_minutes, prod.timeout_seconds)
    assert told == ("eu-central-1", 2048, 4096, 5, 12.5)
    assert prod.shifts_traffic
    assert prod.assign_public_ip
    assert (prod.namespaces, prod.alarms) == (("growth",), ("models-5xx",))
    assert prod.token_file == Path(mounts["ecs-identity"]) / "token"
    (identity,) = volumes["ecs-identity"]["projected"]["sources"]
    assert identity["serviceAccountToken"]["audience"] == "sts.amazonaws.com"
    assert prod.credentials_file is None
    secret = volumes["ecs-credentials-lab"]["secret"]
    items = [{"key": "credentials", "path": "credentials"}]
    assert (secret["secretName"], secret["items"]) == ("lab-aws", items)
    assert lab.credentials_file == Path(mounts["ecs-credentials-lab"]) / "credentials"
    assert not lab.shifts_traffic


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        (LEAST[1:], "missing property 'region'"),
        (LEAST[:-1], "oneOf"),
        ((*LEAST, "ecs.prod.credentialsSecret.name=a", "ecs.prod.credentialsSecret.key=b"), "oneOf"),
        ((*LEAST[:6], "ecs.prod.fetchImage=lockgate:1", *LEAST[7:]), "does not match pattern"),
        ((*LEAST, "ecs.prod.bakeMinutes=60"), "maximum"),
        ((*LEAST, "ecs.prod.endpoint=https://a.example"), "'endpoint' not allowed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_meant_is_not_installed(helm: Path, pairs: tuple[str, ...], complaint: str) -> None:
    assert complaint in complaints_of(helm, *pairs)
