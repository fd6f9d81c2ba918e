"""What does Prometheus know of a candidate? All that an analysis needs, read at once and never raising.

What cannot be read is told in its place, with whether somebody has to mend it. Judging is `plan`'s.
"""

import asyncio
from datetime import datetime

from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.domain.analysis import Reading, Readings, Seen, Series, Span, Unread, span_of
from lockgate.errors import LockgateError, Terminal
from lockgate.observe.prometheus import Prometheus
from lockgate.observe.questions import OfRelease, Questions, questions_for

NO_ADDRESS = (
    "no analysis can be made, for the operator knows no Prometheus; the platform team sets prometheus.url in "
    "the chart's values (LOCKGATE_PROMETHEUS_URL)"
)


NOT_ALLOWED = (
    "it asks PromQL of its own, which is asked with the operator's rights and may read what its author may "
    "not; the platform team allows it with prometheus.authorPromql (LOCKGATE_PROMETHEUS_AUTHOR_PROMQL)"
)


class Measurements:
    """Reads for analyses; without a Prometheus it says so.

    `author_promql` says whether authors may have PromQL of their own asked, beside the runtime's.
    """

    def __init__(self, prometheus: Prometheus | None, author_promql: bool) -> None:
        self._prometheus = prometheus
        self._author_promql = author_promql

    async def read(
        self,
        deployment: ModelDeployment,
        runtime: ModelRuntime | None,
        candidate: Revision,
        stable: Revision | None,
        reached_at: datetime,
        now: datetime,
    ) -> Readings:
        """All that the analysis of a deployment needs of a step that was reached then.

        Of a stable from before there were releases nothing can be asked, and it is as if there were none.
        """
        assert deployment.analysis is not None
        metrics, prometheus = deployment.analysis.metrics, self._prometheus
        if prometheus is None:
            nothing = Unread(sentence=NO_ADDRESS, lasting=True)
            return Readings(scrapes=Series(), metrics=tuple(nothing for _ in metrics))
        span = span_of(deployment.analysis.interval, reached_at, now)
        beside = None if stable is None else stable.release
        asked = [
            questions_for(metric, deployment, runtime, candidate.release, beside)
            if metric.promql is None or self._author_promql
            else Unread(sentence=f"metric {metric.name} cannot be measured: {NOT_ALLOWED}", lasting=True)
            for metric in metrics
        ]
        if span is None:
            return Readings(scrapes=Series(), metrics=tuple(map(_nothing_yet, asked)))
        reads = (
            _read(prometheus, span, metric.name, one) for metric, one in zip(metrics, asked, strict=True)
        )
        scrapes, found = await asyncio.gather(_scrapes(prometheus, span), asyncio.gather(*reads))
        if isinstance(scrapes, Series):
            return Readings(scrapes=scrapes, metrics=tuple(found))
        # Without them no moment counts, and why is worth more than that none does.
        readings = (one if isinstance(one, Unread) and one.lasting else scrapes for one in found)
        return Readings(scrapes=Series(), metrics=tuple(readings))

    async def close(self) -> None:
        """Close the connections, if there are any."""
        if self._prometheus is not None:
            await self._prometheus.close()


def _nothing_yet(questions: Questions | Unread) -> Reading | Unread:
    if isinstance(questions, Unread):
        return questions
    nothing = Seen(value=Series(), requests=Series())
    return Reading(candidate=nothing, stable=None if questions.stable is None else nothing)


async def _scrapes(prometheus: Prometheus, span: Span) -> Series | Unread:
    try:
        return await prometheus.scrapes(span)
    except LockgateError as error:
        return _unread("the analysis", error)


async def _read(
    prometheus: Prometheus, span: Span, name: str, questions: Questions | Unread
) -> Reading | Unread:
    if isinstance(questions, Unread):
        return questions
    stable = questions.stable
    try:
        candidate, beside = await asyncio.gather(
            _seen(prometheus, span, questions.candidate),
            _nobody() if stable is None else _seen(prometheus, span, stable),
        )
    except LockgateError as error:
        return _unread(f"metric {name}", error)
    return Reading(candidate=candidate, stable=beside)


async def _seen(prometheus: Prometheus, span: Span, questions: OfRelease) -> Seen:
    if questions.requests is None:
        return Seen(value=await prometheus.series(questions.value, span))
    value, requests = await asyncio.gather(
        prometheus.series(questions.value, span), prometheus.series(questions.requests, span)
    )
    return Seen(value=value, requests=requests)


async def _nobody() -> None:
    return None


def _unread(what: str, error: LockgateError) -> Unread:
    if isinstance(error, Terminal):
        return Unread(sentence=f"{what} cannot be measured: {error.message}", lasting=True)
    return Unread(sentence=f"{what} waits: {error.message}; it goes on once there is one", lasting=False)
