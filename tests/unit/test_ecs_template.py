"""A task definition fetches and proves before it serves, names all by digest, and holds no key."""

import argparse
import json
from dataclasses import replace

import pytest
from tests.fakes.builders import PODS, deployment, revision, runtime_object
from tests.fakes.ecs import BACKEND, IMAGE, target

from lockgate.api.parse import parse_model_runtime
from lockgate.backends.ecs.marks import definition_of
from lockgate.backends.ecs.template import render_definition
from lockgate.domain.release import release_of
from lockgate.errors import ArtifactRejected, InvalidSpec
from lockgate.fetch import cli
from lockgate_sandbox.fake_ecs.account import Account
from lockgate_sandbox.fake_ecs.shapes import check_request

RUNTIME = parse_model_runtime(runtime_object())


def drawn(release=None, at=None, **spec):
    asked = deployment(**({"backend": BACKEND} | spec))
    known = release_of(asked, release or revision(1), RUNTIME)
    return render_definition(asked, RUNTIME, known, "2026-01-05T09:00:00Z", at or target(), PODS)


def test_the_server_waits_for_the_success_of_the_fetch():
    fetch, server = drawn()["containerDefinitions"]
    assert fetch["essential"] is False
    assert server["essential"] is True
    assert server["dependsOn"] == [{"containerName": "fetch", "condition": "SUCCESS"}]
    assert fetch["image"] == IMAGE
    assert "@sha256:" in server["image"]
    assert server["mountPoints"][0]["readOnly"] is True
    assert "--claim=wandb-md5:" + f"{1:032x}" in fetch["command"]


def test_the_key_is_the_arn_of_a_secret_and_never_a_value():
    definition = drawn()
    fetch, server = definition["containerDefinitions"]
    assert fetch["secrets"] == [
        {"name": "LOCKGATE_REGISTRY_KEY", "valueFrom": target().registry_secrets["default"]}
    ]
    assert "secrets" not in server
    assert f"--api-key-variable={fetch['secrets'][0]['name']}" in fetch["command"]


def test_what_runs_on_kubernetes_by_variables_is_written_out():
    _, server = drawn()["containerDefinitions"]
    assert server["command"] == ["--model-dir=/mnt/models", "--model-name=churn"]
    assert "$(" not in json.dumps(server)


def test_ecs_would_take_it_and_it_is_read_back_as_what_it_was_made_for():
    definition = drawn()
    check_request("RegisterTaskDefinition", definition)
    account = Account()
    answer = account.answer("RegisterTaskDefinition", definition)
    asked = deployment(backend=BACKEND)
    found = definition_of(answer, asked)
    release = release_of(asked, revision(1), RUNTIME)
    assert found.is_ours
    assert release.is_same(found.revision)
    assert found.revision.backend == "ecs/prod"
    assert (found.attempt, found.proves, found.port) == ("2026-01-05T09:00:00Z", release.digest, 8080)
    assert not definition_of(answer, deployment(backend=BACKEND, uid="another")).is_ours


def test_a_version_whose_bytes_nobody_claims_is_refused():
    with pytest.raises(ArtifactRejected, match="no digest"):
        drawn(replace(revision(1), digest=None))
    proved = drawn(replace(revision(1), digest=None, tree="sha256:" + "7" * 64))
    assert f"--expect-tree=sha256:{'7' * 64}" in proved["containerDefinitions"][0]["command"]


def test_a_large_version_has_room_and_one_beyond_ecs_is_refused():
    assert "ephemeralStorage" not in drawn()
    assert drawn(replace(revision(1), size=60 * 2**30))["ephemeralStorage"] == {"sizeInGiB": 64}
    with pytest.raises(ArtifactRejected, match="too large"):
        drawn(replace(revision(1), size=300 * 2**30))


@pytest.mark.parametrize(
    ("resources", "at", "field"),
    [
        ({"requests": {"cpu": "2"}}, target(), "spec.resources.requests.cpu"),
        ({"limits": {"memory": "1Gi"}}, target(memory=512), "spec.resources.limits.memory"),
    ],
)
def test_more_than_a_task_of_the_target_has_is_refused_by_its_field(resources, at, field):
    with pytest.raises(InvalidSpec) as said:
        drawn(at=at, resources=resources)
    assert said.value.path == field


def test_a_registry_for_which_the_target_has_no_secret_is_refused():
    with pytest.raises(InvalidSpec, match="no secret"):
        drawn(at=target(registry_secrets={"other": "arn"}))


def test_the_fetch_takes_what_it_is_told_and_finds_the_key_where_the_secret_puts_it(monkeypatch):
    fetch, _ = drawn()["containerDefinitions"]
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    word, *told = fetch["command"]
    options = parser.parse_args(told)
    assert word == "fetch"
    assert options.claim == release_of(deployment(backend=BACKEND), revision(1), RUNTIME).digest
    monkeypatch.setenv(fetch["secrets"][0]["name"], "of-the-task")
    assert cli._read_key(options.api_key_variable, options.api_key_file) == "of-the-task"
