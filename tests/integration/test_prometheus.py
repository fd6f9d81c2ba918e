"""A real Prometheus scrapes model servers, and analyses of the shipped runtime judge what it says."""

import asyncio
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from tests.contract.test_schema import ROOT
from tests.fakes.builders import deployment, revision
from tests.integration.exporter import Exporter, serving
from tests.waiting import wait_until

from lockgate.api.parse import parse_model_runtime
from lockgate.api.spec import ModelDeployment
from lockgate.domain.analysis import Judgement, Readings
from lockgate.domain.gate import Holds
from lockgate.observe.measurements import Measurements
from lockgate.observe.prometheus import Prometheus
from lockgate.plan.analysis import judge_analysis
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.parts import prometheus
from lockgate_sandbox.pytest_plugin import part
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.worlds import Level

pytestmark = pytest.mark.integration
RUNTIME = parse_model_runtime(yaml.safe_load((ROOT / "docs" / "examples" / "runtime-onnx.yaml").read_text()))
INTERVAL = timedelta(seconds=5)
ERRORS = {"name": "errors", "query": "errors", "max": 0.01}
LATENCY = {"name": "latency", "query": "latency", "max": 0.1}
BESIDE = {"name": "slower", "query": "latency", "maxRatioToStable": 1.5}
served = part("prometheus", Level.CONTROL_PLANE)
SERVERS = {
    "90000000": Exporter(),
    "00000bad": Exporter(failures=0.5),
    "00000510": Exporter(seconds=0.04),
    "00000111": Exporter(requests=0.0),
    "00000add": Exporter(crashes_at=12),
}
GOOD, BAD, SLOW, IDLE, CRASHING = (replace(revision(2), release=release) for release in SERVERS)
ABSENT = replace(revision(2), release="ffffffff")
STABLE = GOOD


@pytest.fixture(scope="module")
def reached_at(served: prometheus.Prometheus) -> Iterator[datetime]:
    """A moment from which on Prometheus scrapes all servers."""
    with ExitStack() as running:
        for release, exporter in SERVERS.items():
            running.enter_context(serving(exporter))
            labels = {"namespace": "growth", "model_deployment": "churn", "release": release}
            served.scrape(release, exporter.address, **labels)
        wait_until(
            "all are scraped", lambda: len(served.query('up{namespace="growth"} == 1')) == len(SERVERS)
        )
        yield now()


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def asked(*metrics: dict[str, Any], **block: Any) -> ModelDeployment:
    return deployment(
        strategy={"blueGreen": {}}, analysis={"interval": "5s", "metrics": list(metrics), **block}
    )


def read(
    url: str, wanted: ModelDeployment, reached_at: datetime, at: datetime, candidate: Any = GOOD
) -> Readings:
    async def once() -> Readings:
        measurements = Measurements(Prometheus(url, timeout=2.0), author_promql=True)
        try:
            return await measurements.read(wanted, RUNTIME, candidate, STABLE, reached_at, at)
        finally:
            await measurements.close()

    return asyncio.run(once())


def judged(url: str, wanted: ModelDeployment, reached_at: datetime, candidate: Any = GOOD) -> Judgement:
    assert wanted.analysis is not None
    at = now()
    return judge_analysis(wanted.analysis, read(url, wanted, reached_at, at, candidate), reached_at, at)


def decided(url: str, wanted: ModelDeployment, reached_at: datetime, candidate: Any = GOOD) -> Judgement:
    """The first judgement that is more than not yet."""

    def look() -> Judgement | None:
        found = judged(url, wanted, reached_at, candidate)
        return None if found.verdict.holds is Holds.NOT_YET else found

    return wait_until("it is decided", look, within=60.0, every=0.25)


def test_a_good_release_passes_by_the_promql_of_the_shipped_runtime(served, reached_at):
    calls = {"name": "calls", "query": "requests", "min": 8, "max": 12}
    found = decided(served.url, asked(ERRORS, LATENCY, BESIDE, calls), reached_at)
    assert (found.verdict.holds, found.verdict.sentence) == (Holds.YES, "")
    errors, latency, beside, requests = found.measured
    assert errors.value == 0.0
    assert latency.value is not None
    assert 0.005 < latency.value <= 0.01
    assert beside.most == pytest.approx(1.5 * latency.value)
    assert requests.value == pytest.approx(10, abs=2)


def test_a_release_that_fails_requests_is_given_up_and_the_share_is_told(served, reached_at):
    found = decided(served.url, asked(ERRORS, failureLimit=1), reached_at, BAD)
    assert found.verdict.holds is Holds.NO
    (errors,) = found.measured
    assert errors.failed >= 2
    assert errors.value == pytest.approx(0.05, abs=0.03)
    told = r"metric errors: error rate \d\S* % is above 1 % in (\d+) of \1 measurements"
    assert re.fullmatch(told, found.verdict.sentence)


def test_a_slower_release_is_found_out_beside_stable_and_within_its_own_bound(served, reached_at):
    found = decided(served.url, asked(LATENCY, BESIDE), reached_at, SLOW)
    assert found.verdict.holds is Holds.NO
    told = r"metric slower: latency \S+ ms is above 1\.5 times the \S+ ms of stable in (\d+) of \1 .*"
    assert re.fullmatch(told, found.verdict.sentence)
    assert found.measured[0].failed == 0


@pytest.mark.parametrize("candidate", [IDLE, ABSENT], ids=["no traffic", "never scraped"])
@pytest.mark.parametrize(
    ("policy", "holds"), [("Hold", Holds.INCONCLUSIVE), ("Fail", Holds.NO), ("Pass", Holds.YES)]
)
def test_a_release_without_traffic_is_what_the_author_says(served, reached_at, candidate, policy, holds):
    found = decided(served.url, asked(ERRORS, LATENCY, noData=policy), reached_at, candidate)
    assert found.verdict.holds is holds


def test_a_server_that_crashes_and_counts_anew_fails_no_measurement(served, reached_at):
    calls = {"name": "calls", "query": "requests", "min": 2}
    found = decided(served.url, asked(ERRORS, calls), reached_at, CRASHING)
    crashing = SERVERS["00000add"]
    assert crashing.scrapes > crashing.crashes_at
    assert (found.verdict.holds, [one.failed for one in found.measured]) == (Holds.YES, [0, 0])


@pytest.mark.parametrize(
    ("promql", "told"),
    [
        ("sum(rate(up[$window])", "metric own cannot be measured: Prometheus refuses the query: "),
        ("up", "more than one series"),
        ("up * on() up", "metric own cannot be measured: Prometheus refuses the query: "),
    ],
)
def test_what_prometheus_cannot_answer_with_a_number_is_told_in_its_words(served, reached_at, promql, told):
    wanted = asked({"name": "own", "promql": promql, "max": 1, "minSamples": 0})
    found = decided(served.url, wanted, reached_at)
    assert found.verdict.holds is Holds.INCONCLUSIVE
    assert told in found.verdict.sentence


def test_a_series_that_begins_with_its_first_event_is_written_as_the_schema_says(served, reached_at):
    own = {"name": "own", "max": 0, "minSamples": 0}
    bare = asked(own | {"promql": "sum(rate(never_there[$window]))"})
    assert decided(served.url, bare, reached_at).verdict.holds is Holds.INCONCLUSIVE
    filled = asked(own | {"promql": "sum(rate(never_there[$window])) or vector(0)"})
    assert decided(served.url, filled, reached_at).verdict.holds is Holds.YES


def test_a_prometheus_that_lies_down_amid_an_analysis_aborts_nothing(
    served: prometheus.Prometheus, control_plane: RunningWorld, reached_at: datetime
):
    began = now()
    wanted = asked(ERRORS, LATENCY, noData="Fail", count=3)

    def has_begun() -> bool:
        return judged(served.url, wanted, began).measured[0].passed >= 1

    wait_until("it is measured", has_begun)
    rows = json.loads((control_plane.directory / "components.json").read_text())
    (pid,) = (row["pid"] for row in rows if row["name"] == "prometheus")
    os.kill(pid, signal.SIGSTOP)
    try:
        lying = now()
        found = judged(served.url, wanted, began)
        assert found.verdict.holds is Holds.NOT_YET
        assert " waits: Prometheus gave no answer: it did not answer " in found.verdict.sentence
        wait_until("two measurements are missed", lambda: now() - lying > 2.5 * INTERVAL)
    finally:
        os.kill(pid, signal.SIGCONT)
    said: list[Holds] = []

    def goes_on() -> Judgement | None:
        found = judged(served.url, wanted, began)
        said.append(found.verdict.holds)
        return found if found.verdict.holds is Holds.YES else None

    found = wait_until("it passes in the end", goes_on, within=60.0, every=0.25)
    assert set(said) == {Holds.NOT_YET, Holds.YES}
    assert [one.missed for one in found.measured] >= [2, 2]


def test_a_query_says_what_is_wrong_with_it(served):
    with pytest.raises(SandboxError, match="Prometheus refuses 'sum\\('"):
        served.query("sum(")
    assert served.query("vector(7)") == {"{}": 7.0}
    assert served.query("scalar(vector(7))") == {"{}": 7.0}
