"""Under whose entity the registries are, and what is told of whose reference."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fetch.program import FetchProgram

from lockgate.domain.version import Alias, Reference, Version
from lockgate.errors import AccessDenied, LockgateError, RegistryNotFound, RegistryUnavailable
from lockgate.registries.wandb.registry import WandbRegistry
from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.running import RunningRegistry

PRODUCTION = Reference(registry="model", collection="churn", wanted=Alias("production"))
MakeDoor = Callable[[str | None], WandbRegistry]


@pytest.fixture
def make_door(
    registry: RunningRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeDoor]:
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_MODE", "WANDB_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    registry.seed_version(files={"m": b"1"}, aliases=["production"])
    key_file, doors = FetchProgram(registry, tmp_path).key_file, list[WandbRegistry]()

    def make(organization: str | None) -> WandbRegistry:
        doors.append(
            WandbRegistry(base_url=registry.url, organization=organization, api_key_file=key_file, timeout=10)
        )
        return doors[-1]

    yield make
    for door in doors:
        door.close()


def test_the_organization_may_be_named_by_its_name_or_its_entity_or_not_at_all(make_door, registry):
    for name in (None, registry.organization.name, registry.organization.entity):
        door = make_door(name)
        answer = door.look_up([PRODUCTION])[PRODUCTION]
        assert isinstance(answer, Version), answer
        assert answer.uri == f"wandb://{registry.organization.entity}/wandb-registry-model/churn:v0"
        door.close()


def test_an_organization_that_the_key_is_not_of_is_told_and_asked_for_anew_each_time(make_door, registry):
    door = make_door("Nowhere")
    for _ in range(2):
        registry.requests.clear()
        answer = door.look_up([PRODUCTION])[PRODUCTION]
        assert isinstance(answer, RegistryNotFound), answer
        assert "registry's organization in the chart" in answer.message
        # The client would remember the first answer for as long as it lives.
        assert registry.requests.records(operation="FetchOrgInfoFromEntity")


@pytest.mark.parametrize(
    ("status", "kind"), [(403, AccessDenied), (404, RegistryUnavailable), (400, LockgateError)]
)
def test_a_failure_that_many_share_is_told_to_each_without_naming_the_others(
    make_door, registry, status, kind
):
    door = make_door(None)
    door.look_up([PRODUCTION])
    registry.faults.add(Fault(kind=FaultKind.STATUS, status=status))
    references = [
        Reference(registry="model", collection=f"team-{n}-secret", wanted=Alias("production"))
        for n in range(6)
    ]
    for reference, answer in door.look_up(references).items():
        assert isinstance(answer, kind)
        named = {other for other in references if other.collection in answer.message}
        assert named == {reference}, answer.message
