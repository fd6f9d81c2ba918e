"""Whatever a pass meets, it tells: a status that the schema takes, and that loses nothing."""

import asyncio
import json
from copy import deepcopy

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.test_schema import ROOT, at
from tests.fakes.builders import deployment_object, version
from tests.fakes.json_values import disturbed, odd_texts
from tests.fakes.rig import KEY, Rig

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT, SERVICE
from lockgate.domain.version import Contents
from lockgate.errors import InternalError, InvalidSpec, Refused
from lockgate.names import FETCH_CONTAINER

SCHEMA = jsonschema.Draft202012Validator(at("modeldeployments", "status"))
STATUS = yaml.safe_load((ROOT / "tests" / "contract" / "status.yaml").read_text())
# Everything but the summary and what follows from it.
KEPT = ("desired", "stable", "candidate", "previous", "traffic", "rollout", "history", "step")


def refuse_what_the_schema_refuses(rig: Rig) -> None:
    """As the API server does with a status, which the fake cluster does not."""
    take = rig.cluster.apply_status

    async def checked(resource, obj):
        if not SCHEMA.is_valid(obj["status"]):
            raise Refused("could not apply ModelDeployment/status growth/churn: the API server refuses it")
        return await take(resource, obj)

    rig.cluster.apply_status = checked


def others(status: dict) -> dict:
    """The conditions beside the summary."""
    summary = ("Ready", "Reconciling", "Stalled")
    return {c["type"]: c for c in status.get("conditions", ()) if c["type"] not in summary}


@pytest.fixture
async def serving(rig):
    """A rig that has served v1 and serves v2."""
    refuse_what_the_schema_refuses(rig)
    await rig.serve(1)
    await rig.serve(2)
    rig.cluster.writes.clear()
    return rig


@pytest.mark.parametrize(
    "spec",
    [
        {"progressDeadline": "9999999999999999999h"},
        {"progressDeadline": "99999999h"},
        {"progressDeadline": "0s"},
        {"onAliasMissing": "Keep"},
        {"replicas": "many"},
        {"strategy": {"canary": {}}},
        {"model": {"registry": "model", "collection": "churn"}},
        {"pin": {"version": "v1", "reason": "x", "until": "0001-01-01T00:00:00+23:59"}},
        {"resources": {"limits": {"cpu": "9e999999Ei"}}},
    ],
    ids=json.dumps,
)
async def test_a_spec_that_cannot_be_read_changes_the_summary_and_nothing_else(serving, spec):
    before = deepcopy(serving.status)
    serving.create(**spec)
    result = await serving.settle()
    assert isinstance(result.failure, InvalidSpec)
    assert serving.verdict("Ready") == ("False", "InvalidSpec")
    assert serving.verdict("Stalled") == ("True", "InvalidSpec")
    assert {name: serving.status.get(name) for name in KEPT} == {name: before.get(name) for name in KEPT}
    assert others(serving.status) == others(before)
    assert serving.cluster.writes == ["status ModelDeployment"]


async def test_a_spec_that_cannot_be_read_costs_no_history_pin_or_series(serving):
    serving.create(revisionHistoryLimit=50)
    for number in range(3, 18):
        await serving.serve(number)
    series = 'release_info{namespace="growth",name="churn",track="stable",release="'
    (shown,) = (line for line in serving.metrics_page().splitlines() if series in line)
    assert 'version="v17"' in shown
    kept = serving.status["history"]
    assert len(kept) == 17
    serving.create(revisionHistoryLimit=50, progressDeadline="0s")
    await serving.settle()
    assert serving.status["history"] == kept
    assert shown in serving.metrics_page()
    assert 'type="Stalled"} 1\n' in serving.metrics_page()


async def test_a_spec_that_cannot_be_read_is_an_event_once(serving):
    serving.cluster.events.clear()
    serving.create(onAliasMissing="Keep")
    await serving.settle()
    await serving.look()
    assert [event["reason"] for event in serving.cluster.events] == ["InvalidSpec"]


async def test_a_mended_spec_goes_on_where_it_was(serving):
    serving.create(progressDeadline="0s")
    await serving.settle()
    serving.create()
    await serving.settle()
    assert serving.verdict("Ready") == ("True", "RolledOut")
    assert serving.condition("Stalled") is None


async def test_a_first_spec_that_cannot_be_read_is_told_as_well(rig):
    rig.create(progressDeadline="0s")
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "InvalidSpec")
    assert rig.status["phase"] == "Failed"
    assert (DEPLOYMENT, KEY) not in rig.cluster.objects


@pytest.mark.parametrize("stage", ["backend.observe", "backend.realise", "resolver.resolve"])
async def test_a_defect_is_told_in_the_status_and_goes_when_it_goes(serving, stage, monkeypatch):
    before = deepcopy(serving.status)
    room, name = stage.split(".")
    with monkeypatch.context() as patch:
        patch.setattr(getattr(serving.reconciler, room), name, _fails)
        result = await serving.settle()
        assert isinstance(result.failure, InternalError)
        assert serving.verdict("Ready") == ("Unknown", "InternalError")
        assert serving.verdict("Reconciling") == ("True", "InternalError")
        assert "what serves goes on serving" in serving.condition("Ready")["message"]
        assert {name: serving.status.get(name) for name in KEPT} == {name: before.get(name) for name in KEPT}
    await serving.settle()
    assert serving.verdict("Ready") == ("True", "RolledOut")


def _fails(*_: object) -> object:
    raise ZeroDivisionError("a defect")


async def test_a_status_that_is_refused_gives_way_to_one_that_says_so(rig):
    await rig.serve(1)
    before = deepcopy(rig.status)
    take = rig.cluster.apply_status

    async def refuses_v2(resource, obj):
        if (obj["status"].get("candidate") or {}).get("version") == "v2":
            raise Refused("could not apply ModelDeployment/status growth/churn: the API server refuses it")
        return await take(resource, obj)

    rig.cluster.apply_status = refuses_v2
    rig.registry.point("production", version(2))
    await rig.poll()
    result = await rig.settle()
    assert isinstance(result.failure, Refused)
    assert rig.verdict("Ready") == ("False", "Refused")
    assert rig.verdict("Stalled") == ("True", "Refused")
    assert {name: rig.status.get(name) for name in KEPT} == {name: before.get(name) for name in KEPT}
    assert [event["reason"] for event in rig.cluster.events].count("Refused") == 1


async def test_what_the_api_server_holds_is_not_thrown_away_when_it_takes_no_more(rig):
    await rig.serve(1)
    held = {**rig.status, "step": "of another release", "extra": {"kept": True}}
    rig.cluster.put(MODEL_DEPLOYMENT, {**rig.cluster.objects[MODEL_DEPLOYMENT, KEY], "status": held})
    take = rig.cluster.apply_status

    async def takes_only_what_holds_the_extra(resource, obj):
        if "extra" not in obj["status"]:
            raise Refused("could not apply ModelDeployment/status growth/churn: the API server refuses it")
        return await take(resource, obj)

    rig.cluster.apply_status = takes_only_what_holds_the_extra
    await rig.settle()
    assert rig.verdict("Stalled") == ("True", "Refused")
    assert rig.status["extra"] == {"kept": True}


@pytest.mark.parametrize(
    ("found", "contents"),
    [
        pytest.param(version(3, metadata={"format": "x" * 3000}), None, id="long-format"),
        pytest.param(version(3, metadata={"format": "\x1b]0;owned\x07\n\nonnx"}), None, id="escape-codes"),
        pytest.param(
            version(3),
            Contents(files=500, size=1, references=0, suffixes=frozenset(f".s{i:099}" for i in range(500))),
            id="many-long-suffixes",
        ),
        pytest.param(
            version(3),
            Contents(files=1, size=1, references=1, suffixes=frozenset(), first_reference="p" * 2500),
            id="long-reference",
        ),
        pytest.param(version(3, number="v" * 3000), None, id="long-version"),
        pytest.param(version(3, digest="d" * 3000), None, id="long-digest"),
        pytest.param(version(3, uri="p" * 3000), None, id="long-uri"),
    ],
)
async def test_what_a_model_author_writes_never_freezes_a_status(serving, found, contents):
    if contents is not None:
        serving.registry.contents[found.number] = contents
    serving.registry.point("production", found)
    await serving.poll()
    await serving.settle()
    assert serving.condition("Resolved")["status"] == "False"
    assert serving.condition("Resolved")["message"].isprintable()
    assert serving.status["stable"]["version"] == "v2"


async def test_a_version_of_the_past_with_other_bytes_is_refused(serving):
    serving.registry.point("production", version(1, digest="f" * 32))
    await serving.poll()
    await serving.settle()
    assert serving.verdict("Resolved") == ("False", "DigestChanged")
    assert serving.status["stable"]["version"] == "v2"
    assert "candidate" not in serving.status


def can_be_held(status: object) -> bool:
    """Whether a list with keys is one: whatever else it lets in, no API server holds another."""
    if not isinstance(status, dict):
        return False
    for name, key in (("conditions", "type"), ("traffic", "track")):
        entries = status.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            return False
        keys = [json.dumps(entry.get(key)) for entry in entries]
        if len(set(keys)) < len(keys):
            return False
    return True


async def a_pass_over(status: object, found: object, termination: str) -> None:
    rig = Rig()
    refuse_what_the_schema_refuses(rig)
    rig.create()
    await rig.serve(1)
    held = {**rig.cluster.objects[MODEL_DEPLOYMENT, KEY], "status": status}
    rig.cluster.put(MODEL_DEPLOYMENT, held)
    rig.registry.point("production", found)
    await rig.poll()
    for _ in range(3):
        await rig.look()
        SCHEMA.validate(rig.status)
    rig.cluster.roll(KEY, lambda name: {"initContainerStatuses": [ended(termination)]}, complete=False)
    for _ in range(3):
        await rig.look()
        SCHEMA.validate(rig.status)
    assert (SERVICE, KEY) in rig.cluster.objects


def ended(message: str) -> dict:
    state = {"terminated": {"exitCode": 1, "reason": "Error", "message": message}}
    return {"name": FETCH_CONTAINER, "restartCount": 3, "state": state}


@settings(max_examples=40)
@given(
    disturbed(STATUS, times=3).filter(can_be_held),
    st.builds(
        version,
        st.integers(1, 3),
        metadata=st.dictionaries(st.just("format"), odd_texts),
        uri=st.just("wandb://acme-org/wandb-registry-model/churn:v2") | odd_texts,
        digest=st.just("2" * 32) | odd_texts,
    ),
    odd_texts.map(lambda said: json.dumps({"ok": False, "reason": "CorruptFile", "message": said}))
    | odd_texts,
)
def test_whatever_is_said_a_pass_ends_in_a_status_that_the_schema_takes(status, found, termination):
    asyncio.run(a_pass_over(status, found, termination))


@settings(max_examples=25)
@given(disturbed(deployment_object()["spec"]))
def test_whatever_a_spec_holds_a_pass_ends_in_a_status_that_the_schema_takes(spec):
    async def go() -> None:
        rig = Rig()
        refuse_what_the_schema_refuses(rig)
        rig.create()
        await rig.serve(1)
        rig.cluster.put(MODEL_DEPLOYMENT, {**rig.cluster.objects[MODEL_DEPLOYMENT, KEY], "spec": spec})
        for _ in range(2):
            await rig.look()
            SCHEMA.validate(rig.status)
            assert rig.status["stable"]["version"] == "v1"

    asyncio.run(go())
