"""What a scrape reads while the reconciler takes a canary through its steps, and after it was let go on."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.builders import version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY, Rig

from lockgate.domain.analysis import Reading, Readings, Seen, Series, span_of
from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT
from lockgate.names import ANNOTATION_REQUEST

STEPS = [{"weight": 50, "pause": {"untilApproved": True}}]
ANALYSIS = {"interval": "30s", "metrics": [{"name": "errors", "query": "errors", "max": 0.01}]}


class Prometheus:
    """Says at every moment that of ten requests a second so many fail."""

    def __init__(self) -> None:
        self.failures = 0.02

    async def read(self, deployment: Any, *asked: Any) -> Readings:
        reached_at, now = asked[-2:]
        span = span_of(deployment.analysis.interval, reached_at, now)
        moments = tuple(span.moments) if span else ()

        def always(number: float) -> Series:
            return Series(tuple((moment, number) for moment in moments))

        seen = Seen(value=always(self.failures), requests=always(10.0))
        return Readings(scrapes=always(30.0), metrics=(Reading(candidate=seen),))


class Site(Rig):
    """A rig with a Prometheus."""

    def __init__(self) -> None:
        super().__init__()
        self.prometheus = Prometheus()
        measurements: Any = self.prometheus
        self.reconciler = replace(self.reconciler, measurements=measurements)

    async def bring_out(self) -> None:
        """All pods of every workload come up, and what follows from it is done."""
        await self.settle()
        for resource, key in [known for known in self.cluster.objects if known[0] is DEPLOYMENT]:
            assert resource is DEPLOYMENT
            self.cluster.roll(key, ready_pod)
        await self.settle()

    async def move(self, number: int) -> None:
        """The alias moves to a version."""
        self.registry.point("production", version(number))
        await self.poll()
        await self.bring_out()

    async def ask(self, text: str) -> None:
        """A person asks for something."""
        obj = self.cluster.objects[MODEL_DEPLOYMENT, KEY]
        annotations = {**obj["metadata"].get("annotations", {}), ANNOTATION_REQUEST: text}
        self.cluster.put(
            MODEL_DEPLOYMENT, {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}
        )
        await self.settle()

    def shown(self, metric: str) -> Mapping[str, float]:
        """Series of a metric by the values of its labels, sorted by their names, but for whose they are."""
        found = {}
        for line in self.metrics_page().splitlines():
            if matched := re.fullmatch(rf"lockgate_{metric}(?:{{(.*)}})? (\S+)", line):
                labels = sorted(re.findall(r'(\w+)="([^"]*)"', matched[1] or ""))
                said = " ".join(value for label, value in labels if label not in ("namespace", "name"))
                found[said] = float(matched[2])
        return found


@pytest.fixture
async def site() -> Site:
    site = Site()
    site.create(replicas=4, strategy={"canary": {"steps": STEPS}}, analysis=ANALYSIS)
    site.registry.point("production", version(1))
    await site.poll()
    await site.bring_out()
    assert site.status["stable"]["version"] == "v1"
    return site


async def test_a_canary_is_measured_then_waits_for_approval_and_is_promoted_and_all_of_it_is_shown(
    site: Site,
):
    began = site.now
    await site.move(2)
    assert site.shown("rollout_step") == {"": 1}
    assert site.shown("modeldeployment_state") == {"RollingOut AnalysisRunning": 1}
    for _ in range(3):
        site.wait(seconds=35)
        await site.settle()
    assert site.shown("analysis_value") == {"errors": pytest.approx(0.002)}
    assert site.shown("analysis_bound") == {"max errors": 0.01}
    assert site.shown("analysis_measurements")["errors passed"] == 3
    assert site.shown("modeldeployment_state") == {"RollingOut WaitingForApproval": 1}
    assert site.shown("rollout_held_seconds_count")["analysis"] == 1
    site.wait(minutes=10)
    await site.ask(f"approve {site.status['candidate']['release']} by ann")
    assert site.shown("people_requests_total")["Accepted approve"] == 1
    await site.bring_out()
    assert site.status["stable"]["version"] == "v2"
    held = site.shown("rollout_held_seconds_sum")
    assert (held["analysis"], held["approval"]) == (105, 600)
    assert site.shown("rollouts_total")["Promoted canary"] == 2
    assert site.shown("alias_to_serving_seconds_count") == {"": 1}
    assert site.shown("alias_to_serving_seconds_sum") == {"": (site.now - began).total_seconds()}
    assert site.shown("analysis_value") == site.shown("rollout_step") == site.shown("alias_moved.*") == {}


async def test_a_candidate_that_fails_its_analysis_is_shown_as_aborted_and_as_late(site: Site):
    site.prometheus.failures = 0.5
    await site.move(2)
    moved = site.shown("alias_moved_timestamp_seconds")
    for _ in range(3):
        site.wait(seconds=35)
        await site.settle()
    assert site.shown("rollouts_total")["Aborted canary"] == 1
    assert site.shown("modeldeployment_state") == {"Degraded RolloutAborted": 1}
    assert site.shown("modeldeployment_condition")["Stalled"] == 1
    assert site.shown("analysis_value") == {"errors": pytest.approx(0.05)}
    assert site.shown("alias_moved_timestamp_seconds") == moved


async def test_what_is_no_request_is_counted_as_refused_and_once(site: Site):
    await site.ask("launch it")
    await site.settle()
    asked = site.shown("people_requests_total")
    assert {which for which, number in asked.items() if number} == {"Refused none"}
    assert asked["Refused none"] == 1


async def test_an_analysis_of_a_rollout_that_is_suspended_is_no_longer_shown(site: Site):
    await site.move(2)
    site.wait(seconds=35)
    await site.settle()
    assert site.shown("analysis_value")
    site.create(replicas=4, strategy={"canary": {"steps": STEPS}}, analysis=ANALYSIS, suspend=True)
    await site.settle()
    assert site.shown("modeldeployment_state") == {"Suspended Suspended": 1}
    assert site.shown("analysis_value") == {}
