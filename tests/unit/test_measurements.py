"""What is asked of Prometheus for an analysis, and what becomes of it when an answer does not come."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from tests.fakes.analyses import after, moment
from tests.fakes.builders import T0, deployment, revision, runtime_object
from tests.fakes.prometheus import Handler, door_to, matrix

from lockgate.api.analysis import Metric
from lockgate.api.parse import parse_model_runtime
from lockgate.domain.analysis import Reading, Readings, Seen, Series, Unread
from lockgate.domain.gate import Holds
from lockgate.observe.measurements import NO_ADDRESS, Measurements
from lockgate.observe.questions import OfRelease, Questions, questions_for
from lockgate.plan.analysis import judge_analysis

LABELS = 'n="$namespace",m="$name",r="$release"'
TEXTS = {
    "requests": f"rate(r{{{LABELS}}}[$window])",
    "errors": f"rate(e{{{LABELS}}}[$window])",
    "latency": f"p99(l{{{LABELS}}}[$window])",
}
RUNTIME = parse_model_runtime(runtime_object(metrics={"path": "/metrics", **TEXTS}))
STABLE, CANDIDATE = (
    replace(revision(n), release=release) for n, release in ((1, "aaaa1111"), (2, "bbbb2222"))
)
SCRAPES = "max(count_over_time(up[30s]))"
ERRORS = {"name": "errors", "query": "errors", "max": 0.01}
SLOWER = {"name": "slower", "query": "latency", "maxRatioToStable": 1.5}
OWN = {"name": "own", "promql": "own{r='$release'}", "max": 1}


def of(release: str) -> dict[str, str]:
    labels = f'n="growth",m="churn",r="{release}"'
    return {
        "requests": f"rate(r{{{labels}}}[30s])",
        "errors": f"rate(e{{{labels}}}[30s])",
        "latency": f"p99(l{{{labels}}}[30s])",
    }


def runtime(**metrics: Any):
    known = {name: text for name, text in ({"path": "/metrics"} | TEXTS | metrics).items() if text}
    return parse_model_runtime(runtime_object(metrics=known))


def questions(metric: dict[str, Any], kind: Any = RUNTIME, stable: str | None = "aaaa1111"):
    asked = deployment(strategy={"blueGreen": {}}, analysis={"metrics": [metric]})
    assert asked.analysis is not None
    return questions_for(asked.analysis.metrics[0], asked, kind, "bbbb2222", stable)


# -- what is asked ----------------------------------------------------------------------------


def test_errors_are_asked_with_the_requests_that_they_are_a_share_of():
    new = of("bbbb2222")
    assert questions(ERRORS) == Questions(
        candidate=OfRelease(value=new["errors"], requests=new["requests"]), stable=None
    )


def test_a_comparison_asks_the_same_of_stable():
    new, old = of("bbbb2222"), of("aaaa1111")
    assert questions(SLOWER) == Questions(
        candidate=OfRelease(value=new["latency"], requests=new["requests"]),
        stable=OfRelease(value=old["latency"], requests=old["requests"]),
    )


def test_without_a_stable_release_only_the_candidate_is_asked_about():
    asked = questions(SLOWER, stable=None)
    assert isinstance(asked, Questions)
    assert asked.stable is None


@pytest.mark.parametrize(
    ("metric", "kind", "requests"),
    [
        (OWN, RUNTIME, of("bbbb2222")["requests"]),
        (OWN | {"minSamples": 0}, RUNTIME, None),
        (OWN, runtime(requests=""), None),
        (OWN, parse_model_runtime(runtime_object()), None),
        (ERRORS | {"minSamples": 0}, RUNTIME, of("bbbb2222")["requests"]),
        ({"name": "calls", "query": "requests", "min": 1}, RUNTIME, None),
    ],
)
def test_requests_are_asked_for_where_they_matter_and_are_known(metric, kind, requests):
    asked = questions(metric, kind)
    assert isinstance(asked, Questions)
    assert asked.candidate.requests == requests


@pytest.mark.parametrize(
    ("metric", "kind", "why"),
    [
        (ERRORS, None, "ModelRuntime onnx is not there"),
        (
            ERRORS,
            parse_model_runtime(runtime_object()),
            "spec.metrics.errors of ModelRuntime onnx has no PromQL",
        ),
        (ERRORS, runtime(errors=""), "spec.metrics.errors of ModelRuntime onnx has no PromQL"),
        (ERRORS, runtime(requests=""), "spec.metrics.requests of ModelRuntime onnx has no PromQL"),
        (OWN | {"minSamples": 1}, runtime(requests=""), "spec.metrics.requests of ModelRuntime onnx has no"),
        (ERRORS, runtime(errors="e"), "spec.metrics.errors of ModelRuntime onnx does not name $release"),
        (OWN, runtime(requests="r"), "spec.metrics.requests of ModelRuntime onnx does not name $release"),
    ],
)
def test_what_cannot_be_asked_is_told_with_what_to_mend(metric, kind, why):
    found = questions(metric, kind)
    assert isinstance(found, Unread)
    assert found.sentence.startswith(f"metric {metric['name']} cannot be measured: {why}")
    assert found.lasting


def test_a_name_that_is_none_is_never_put_into_a_query():
    odd = deployment(strategy={"blueGreen": {}}, analysis={"metrics": [OWN]})
    found = questions_for(Metric(name="own", promql="own{r='$release'}"), odd, RUNTIME, "x'} or y{a='", None)
    assert found == Unread(
        sentence="metric own cannot be measured: release is no value that could be put into a PromQL text",
        lasting=True,
    )


# -- what comes of it -------------------------------------------------------------------------


class Script:
    """A Prometheus that answers some texts with a number at every moment, and others as told."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {SCRAPES: 30, **answers}
        self.asked: list[str] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        query = str(form["query"])
        self.asked.append(query)
        answer = self.answers.get(query)
        if isinstance(answer, web.Response):
            return answer
        if answer is None:
            return web.json_response(matrix())
        start, end, step = (int(str(form[name])) for name in ("start", "end", "step"))
        return web.json_response(matrix([(at, str(answer)) for at in range(start, end + 1, step)]))


async def read(script: Handler, *metrics: dict[str, Any], number: int = 3, stable: Any = STABLE) -> Readings:
    asked = deployment(strategy={"blueGreen": {}}, analysis={"metrics": list(metrics)})
    async with door_to(script) as door:
        return await Measurements(door, author_promql=True).read(
            asked, RUNTIME, CANDIDATE, stable, T0, after(number)
        )


def line(value: float, number: int = 3) -> Series:
    return Series(tuple((moment(index), float(value)) for index in range(1, number + 1)))


async def test_all_is_read_at_once_and_each_text_is_asked_once():
    new, old = of("bbbb2222"), of("aaaa1111")
    numbers = {new["errors"]: 1, new["requests"]: 100, new["latency"]: 0.2}
    numbers |= {old["latency"]: 0.1, old["requests"]: 900}
    script = Script(**numbers)
    found = await read(script, ERRORS, SLOWER)
    assert found == Readings(
        scrapes=line(30),
        metrics=(
            Reading(candidate=Seen(value=line(1), requests=line(100))),
            Reading(
                candidate=Seen(value=line(0.2), requests=line(100)),
                stable=Seen(value=line(0.1), requests=line(900)),
            ),
        ),
    )
    assert sorted(script.asked) == sorted([SCRAPES, *numbers])


async def test_what_was_read_is_judged():
    new = of("bbbb2222")
    found = await read(Script(**{new["errors"]: 3.2, new["requests"]: 100}), ERRORS)
    asked = deployment(strategy={"blueGreen": {}}, analysis={"metrics": [ERRORS]}).analysis
    assert asked is not None
    said = judge_analysis(asked, found, T0, after(3)).verdict
    assert said.holds is Holds.NO
    assert said.sentence == "metric errors: error rate 3.2 % is above 1 % in 3 of 3 measurements"


async def test_before_the_first_measurement_nothing_is_asked_but_what_is_wrong_is_told():
    script = Script()
    nothing = Seen(value=Series(), requests=Series())
    found = await read(script, SLOWER, OWN | {"promql": "own"}, number=0)
    assert found.metrics == (Reading(candidate=nothing, stable=nothing), Reading(candidate=nothing))
    asked = deployment(strategy={"blueGreen": {}}, analysis={"metrics": [ERRORS]})
    async with door_to(script) as door:
        told = await Measurements(door, author_promql=True).read(asked, None, CANDIDATE, None, T0, T0)
    assert isinstance(told.metrics[0], Unread)
    assert script.asked == []


async def test_a_query_that_is_refused_is_its_metrics_own_trouble():
    refusal = web.json_response({"status": "error", "errorType": "bad_data", "error": "no"}, status=400)
    found = await read(Script(**{"own{r='bbbb2222'}": refusal, of("bbbb2222")["requests"]: 5}), OWN, SLOWER)
    assert found.metrics[0] == Unread(
        sentence="metric own cannot be measured: Prometheus refuses the query: no", lasting=True
    )
    assert isinstance(found.metrics[1], Reading)


async def test_a_prometheus_that_is_away_for_one_query_keeps_one_metric_waiting():
    away = web.Response(status=503)
    found = await read(Script(**{of("bbbb2222")["errors"]: away}), ERRORS, OWN)
    assert found.metrics[0] == Unread(
        sentence="metric errors waits: Prometheus gave no answer: it is not ready, or the query took too "
        "long; it goes on once there is one",
        lasting=False,
    )
    assert isinstance(found.metrics[1], Reading)


async def test_without_the_scrapes_all_wait_but_for_what_somebody_has_to_mend():
    refusal = web.json_response({"status": "error", "errorType": "bad_data", "error": "no"}, status=400)
    script = Script(**{SCRAPES: web.Response(status=502), "own{r='bbbb2222'}": refusal})
    found = await read(script, SLOWER, OWN)
    assert [(one.lasting, one.sentence[:22]) for one in found.metrics if isinstance(one, Unread)] == [
        (False, "the analysis waits: Pr"),
        (True, "metric own cannot be m"),
    ]


async def test_without_an_address_every_metric_says_what_to_set():
    measurements = Measurements(None, author_promql=True)
    asked = deployment(strategy={"blueGreen": {}}, analysis={"metrics": [ERRORS, OWN]})
    found = await measurements.read(asked, RUNTIME, CANDIDATE, STABLE, T0, after(3))
    await measurements.close()
    assert found.metrics == (Unread(sentence=NO_ADDRESS, lasting=True),) * 2
    assert asked.analysis is not None
    said = judge_analysis(asked.analysis, found, T0, after(3)).verdict
    assert (said.holds, said.sentence) == (Holds.INCONCLUSIVE, NO_ADDRESS)


async def test_authors_have_their_own_promql_asked_only_where_the_platform_allows_it():
    script = Script(**{of("bbbb2222")["latency"]: 0.1, of("bbbb2222")["requests"]: 5})
    asked = deployment(strategy={"blueGreen": {}}, analysis={"metrics": [OWN, SLOWER]})
    async with door_to(script) as door:
        measurements = Measurements(door, author_promql=False)
        found = await measurements.read(asked, RUNTIME, CANDIDATE, None, T0, after(3))
    own, slower = found.metrics
    assert isinstance(own, Unread)
    assert own.lasting
    assert "prometheus.authorPromql" in own.sentence
    assert isinstance(slower, Reading)
    assert not [query for query in script.asked if "own" in query]


async def test_a_stable_from_before_there_were_releases_is_as_none():
    found = await read(Script(), SLOWER, stable=revision(1))
    assert isinstance(found.metrics[0], Reading)
    assert found.metrics[0].stable is None


async def test_many_who_read_at_once_do_not_ask_twice():
    new = of("bbbb2222")
    script = Script(**{new["errors"]: 1, new["requests"]: 100})
    asked = deployment(strategy={"blueGreen": {}}, analysis={"metrics": [ERRORS]})
    async with door_to(script) as door:
        measurements = Measurements(door, author_promql=True)
        reads = (measurements.read(asked, RUNTIME, CANDIDATE, STABLE, T0, after(3)) for _ in range(20))
        found = await asyncio.gather(*reads)
    assert len({repr(one) for one in found}) == 1
    assert len(script.asked) == 3
