"""Look-ups: once per distinct reference, together, and an outage is told only when it lasts."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from tests.fakes.builders import version
from tests.fakes.registry import FakeRegistry

from lockgate.domain.model import ModelReference
from lockgate.errors import AliasNotFound, RegistryUnavailable
from lockgate.resolve.lookups import Lookups
from lockgate.telemetry.metrics import Metrics

PRODUCTION = ModelReference(registry="model", collection="churn", selector="production")
STAGING = ModelReference(registry="model", collection="churn", selector="staging")


@pytest.fixture
def registry() -> FakeRegistry:
    registry = FakeRegistry()
    registry.point("production", version(1))
    return registry


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def lookups(registry: FakeRegistry, metrics: Metrics) -> Lookups:
    return Lookups(registry, metrics)


async def test_fifty_first_look_ups_of_one_alias_ask_once(registry, lookups):
    answers = await asyncio.gather(*(lookups.look_up(PRODUCTION) for _ in range(50)))
    assert {answer.version for answer in answers} == {"v1"}
    assert registry.look_ups == ["model/churn:production"]


async def test_a_poll_tells_which_answers_changed_and_drops_what_nobody_wants(registry, lookups):
    await lookups.look_up(PRODUCTION)
    assert await lookups.poll([PRODUCTION]) == frozenset()
    registry.point("production", version(2))
    assert await lookups.poll([PRODUCTION]) == {PRODUCTION}
    assert (await lookups.look_up(PRODUCTION)).version == "v2"
    await lookups.poll([STAGING])
    registry.look_ups.clear()
    await lookups.look_up(PRODUCTION)
    assert registry.look_ups == ["model/churn:production"]


async def test_an_outage_is_told_from_the_second_failed_poll_on_and_ends_with_the_first_answer(
    registry, lookups
):
    await lookups.look_up(PRODUCTION)
    registry.down = RegistryUnavailable("the registry did not answer")
    assert await lookups.poll([PRODUCTION]) == frozenset()
    assert (await lookups.look_up(PRODUCTION)).version == "v1"
    assert await lookups.poll([PRODUCTION]) == {PRODUCTION}
    with pytest.raises(RegistryUnavailable):
        await lookups.look_up(PRODUCTION)
    registry.down = None
    assert await lookups.poll([PRODUCTION]) == {PRODUCTION}
    assert (await lookups.look_up(PRODUCTION)).version == "v1"


async def test_absence_is_told_at_once(registry, lookups):
    await lookups.look_up(PRODUCTION)
    registry.answers.clear()
    assert await lookups.poll([PRODUCTION]) == {PRODUCTION}
    with pytest.raises(AliasNotFound):
        await lookups.look_up(PRODUCTION)


async def test_a_defect_of_the_client_counts_as_an_outage(registry, lookups):
    def broken(references):
        raise KeyError("surprise")

    registry.look_up = broken
    with pytest.raises(RegistryUnavailable, match="KeyError"):
        await lookups.look_up(PRODUCTION)


async def test_a_look_up_anew_does_not_trust_the_memory(registry, lookups):
    await lookups.look_up(PRODUCTION)
    registry.point("production", version(2))
    assert (await lookups.look_up(PRODUCTION)).version == "v1"
    assert (await lookups.look_up(PRODUCTION, anew=True)).version == "v2"


async def test_a_manifest_is_read_once_while_its_version_is_in_use_and_then_forgotten(registry, lookups):
    for _ in range(2):
        await lookups.inspect(await lookups.look_up(PRODUCTION))
    await lookups.poll([PRODUCTION])
    await lookups.inspect(version(1))
    assert registry.inspections == [version(1).path]
    registry.point("production", version(2))
    await lookups.poll([PRODUCTION])
    await lookups.poll([PRODUCTION])
    await lookups.inspect(version(1))
    assert registry.inspections == [version(1).path] * 2


async def test_an_outage_forgets_no_manifest(registry, lookups):
    await lookups.inspect(await lookups.look_up(PRODUCTION))
    registry.down = RegistryUnavailable("the registry did not answer")
    for _ in range(3):
        await lookups.poll([PRODUCTION])
    registry.down = None
    await lookups.inspect(version(1))
    assert registry.inspections == [version(1).path]


async def test_a_poll_in_between_does_not_lose_the_answer_that_somebody_waits_for(registry, lookups):
    waiting = asyncio.create_task(lookups.look_up(PRODUCTION))
    while not registry.look_ups:
        await asyncio.sleep(0)
    await lookups.poll([])
    assert (await waiting).version == "v1"


async def test_an_outage_is_counted_as_one(registry, lookups, metrics):
    await lookups.look_up(PRODUCTION)
    registry.down = RegistryUnavailable("the registry did not answer")
    await lookups.poll([PRODUCTION])

    def counted(outcome: str) -> float:
        labels = {"operation": "look_up", "outcome": outcome}
        return metrics.registry.get_sample_value("lockgate_registry_requests_total", labels) or 0.0

    assert (counted("ok"), counted("RegistryUnavailable")) == (1.0, 1.0)
