"""What a version is: its URI and its registry's claim, however it was reached."""

from dataclasses import replace

import pytest
from tests.fakes.builders import deployment, revision, version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY

from lockgate.api.status import RolloutState
from lockgate.api.status_codec import parse_status, to_dict
from lockgate.domain.findings import Findings
from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT
from lockgate.errors import RegistryUnavailable

OTHER = "wandb://acme-org/wandb-registry-model/other:v1"


def uri_that_runs(rig) -> str:
    template = rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["template"]
    return template["metadata"]["annotations"]["lockgate.dev/model-uri"]


async def test_one_number_and_digest_in_another_collection_is_rolled_out_and_not_slipped_in(rig):
    await rig.serve(1)
    rig.create(model={"registry": "model", "collection": "other", "alias": "production"})
    rig.registry.point("production", version(1, uri=OTHER))
    await rig.poll()
    await rig.settle()
    assert rig.status["candidate"]["uri"] == OTHER
    assert rig.status["stable"]["uri"] == version(1).uri
    assert rig.verdict("Ready") == ("Unknown", "RollingOut")
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["uri"] == uri_that_runs(rig) == OTHER
    assert [entry["outcome"] for entry in rig.status["history"]] == ["Promoted", "Promoted"]


@pytest.mark.parametrize(
    ("other", "is_same", "lies"),
    [
        (replace(revision(1), alias="staging", model=None, size=7), True, False),
        (replace(revision(1), digest="wandb-md5:" + "f" * 32), False, True),
        (replace(revision(1), digest=None), False, True),
        (replace(revision(1), uri=OTHER), False, False),
        (replace(revision(1), source="eu"), False, False),
        (None, False, False),
    ],
    ids=["another way to it", "other bytes", "no claim", "another collection", "another server", "nothing"],
)
def test_a_version_is_its_uri_on_its_server_with_its_bytes(other, is_same, lies):
    assert revision(1).is_same(other) is is_same
    assert revision(1).claims_other_bytes(other) is lies


def test_versions_of_a_registry_that_claims_nothing_are_told_apart_by_their_uri():
    seventh, eighth = (replace(revision(n), uri=f"mlflow://prod/churn/{n}", digest=None) for n in (7, 8))
    assert seventh.is_same(replace(seventh, alias=None))
    assert not seventh.is_same(eighth)


@pytest.mark.parametrize(
    ("stable", "asked"),
    [
        (revision(1), True),
        (revision(1, "staging"), False),
        (replace(revision(1), model="model/other"), False),
        (replace(revision(1), source="eu"), False),
        (replace(revision(1), model=None), False),
        (revision(1, alias=None), False),
    ],
)
def test_what_serves_was_asked_for_when_source_collection_and_alias_are_those_of_the_spec(stable, asked):
    found = Findings(deployment=replace(deployment(), status=status_of(stable)))
    assert found.asked_for_stable is asked


def test_what_a_pin_led_to_was_asked_for_while_the_pin_names_it():
    stable, pin = revision(1, alias=None), {"version": "v1", "reason": "an incident"}
    for spec, asked in (({"pin": pin}, True), ({"pin": pin | {"version": "v2"}}, False), ({}, False)):
        found = Findings(deployment=replace(deployment(**spec), status=status_of(stable)))
        assert found.asked_for_stable is asked


def status_of(stable):
    return replace(parse_status(None), rollout=RolloutState(stable=stable))


OLD = {
    "version": "v1",
    "digest": f"{1:032x}",
    "reference": "acme-org/wandb-registry-model/churn:v1",
    "alias": "production",
}


def test_the_status_of_an_earlier_release_names_the_same_versions():
    read = parse_status({"stable": OLD, "rollout": {"stable": OLD, "candidate": {"version": "v2"}}})
    assert revision(1).is_same(read.stable)
    assert to_dict(read)["stable"]["uri"] == revision(1).uri
    # Nobody could tell which version that was.
    assert parse_status({"stable": {"version": "v1", "digest": "aa"}}).stable is None


async def test_an_earlier_release_s_status_causes_no_rollout(rig):
    await rig.serve(1)
    stable, held = {**OLD, "size": rig.status["stable"]["size"]}, rig.cluster.objects[MODEL_DEPLOYMENT, KEY]
    status = {**rig.status, "stable": stable, "rollout": {"stable": stable}}
    rig.cluster.put(MODEL_DEPLOYMENT, {**held, "status": status})
    rig.registry.down = RegistryUnavailable("the registry did not answer")
    rig.cluster.writes.clear()
    await rig.settle()
    assert "candidate" not in rig.status
    assert rig.cluster.writes == ["status ModelDeployment"]
    assert rig.status["stable"]["uri"] == revision(1).uri
