"""What have the services of the platform said of a pair of versions? Each pair is asked about once.

No pass waits for a service: it is told what is known, and woken by the answer. A yes or a no is kept as long
as the pair is wanted; what is neither holds, and is asked again after ever longer pauses. That somebody was
refused is in the status as well, so that another process need not ask.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from lockgate.api.requests import Verb, unanswered, verb_of
from lockgate.api.spec import ModelDeployment
from lockgate.domain.fingerprint import fingerprint
from lockgate.domain.resources import Key
from lockgate.domain.version import Version
from lockgate.errors import GateRefused, GateWaiting, Unanswered
from lockgate.resolve.turns import LEAST_SECONDS, Turns
from lockgate.webhooks.door import NoAnswer, ask
from lockgate.webhooks.offered import NO_SERVICES, Service, service_for
from lockgate.webhooks.question import Answer, Named, Question

_log = structlog.get_logger(__name__)
FIRST_PAUSE_SECONDS: Final = 2.0
LONGEST_PAUSE_SECONDS: Final = 300.0
# So long an answer may take before anybody is told that it is waited for.
_SOON_SECONDS: Final = 2.0
Asking = Callable[[Service, Question], Awaitable[Answer]]


@dataclass(slots=True)
class _Asked:
    """One service about one pair: what it said, or why it has said nothing yet."""

    since: float
    answer: Answer | None = None
    failure: str | None = None
    failures: int = 0
    again: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _Pair:
    """What a ModelDeployment wants to know, and the request by which somebody wanted it anew."""

    wanted: str
    anew: str | None
    asked: dict[str, _Asked] = field(default_factory=dict)


class Webhooks:
    """Asks in the background; belongs to one event loop."""

    def __init__(
        self,
        services: Mapping[str, Service] = NO_SERVICES,
        wake: Callable[[Key], None] = lambda key: None,
        asking: Asking = ask,
        *,
        answered: Callable[[str, str], None] = lambda service, outcome: None,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
        least_seconds: float = LEAST_SECONDS,
    ) -> None:
        self._services = services
        self._wake = wake
        self._ask, self._tell = asking, answered
        self._first_pause_seconds = first_pause_seconds
        self._turns = {name: Turns(least_seconds) for name in services}
        self._pairs: dict[Key, _Pair] = {}

    def check_named(self, deployment: ModelDeployment) -> None:
        """Raise InvalidSpec for a name that means no service here."""
        self._services_of(deployment)

    def check(self, deployment: ModelDeployment, candidate: Version) -> None:
        """Raise what keeps the candidate from rolling out: a no, or that somebody has not answered yet."""
        services, questions = self._services_of(deployment), _questions(deployment, candidate)
        if not questions:
            self.forget(deployment.key)
            return
        anew = unanswered(deployment.request, deployment.status.last_request)
        anew = anew if verb_of(anew) == Verb.RETRY else ""
        refused, recipes = deployment.status.refused, [_recipe(deployment, each) for each in questions]
        self._forget_others(deployment.key, "".join(recipes), anew)
        if refused is not None and not anew and refused.recipe in recipes:
            raise GateRefused(refused.message, version=candidate.number, recipe=refused.recipe)
        pair = self._pairs.setdefault(deployment.key, _Pair("".join(recipes), anew))
        for service, question in zip(services, questions, strict=True):
            if service.name not in pair.asked:
                pair.asked[service.name] = _Asked(_now())
                self._queue(deployment.key, service, question)
        for question, recipe in zip(questions, recipes, strict=True):
            answer = pair.asked[question.gate].answer
            if answer is not None and not answer.allowed:
                said = f"gate {question.gate} refuses {candidate.number}: {answer.reason}"
                raise GateRefused(said, version=candidate.number, recipe=recipe)
        for question in questions:
            _check_answered(question, pair.asked[question.gate])

    def forget(self, key: Key) -> None:
        """Nobody wants to know anything for this ModelDeployment any more."""
        pair = self._pairs.pop(key, None)
        for name, asked in pair.asked.items() if pair else ():
            self._drop(key, name, asked)

    def close(self) -> None:
        """Wait for no answer any more."""
        for key in tuple(self._pairs):
            self.forget(key)

    def _services_of(self, deployment: ModelDeployment) -> list[Service]:
        return [
            service_for(self._services, gate.name, deployment.namespace, f"spec.gates.webhook[{number}].name")
            for number, gate in enumerate(deployment.gates.webhook)
        ]

    def _forget_others(self, key: Key, wanted: str, anew: str) -> None:
        """What was wanted before is wanted no more, nor what was known before somebody asked for it anew."""
        known = self._pairs.get(key)
        if known is not None and not (known.wanted == wanted and anew in ("", known.anew)):
            self.forget(key)

    def _drop(self, key: Key, name: str, asked: _Asked) -> None:
        if asked.again is not None:
            asked.again.cancel()
        self._turns[name].drop(key[0], (key, name))

    def _queue(self, key: Key, service: Service, question: Question) -> None:
        work = partial(self._work, key, service, question)
        self._turns[service.name].queue(key[0], (key, service.name), work)
        asyncio.get_running_loop().call_later(_SOON_SECONDS, self._tell_who_waits, key, service.name)

    def _tell_who_waits(self, key: Key, name: str) -> None:
        pair = self._pairs.get(key)
        asked = pair.asked.get(name) if pair else None
        if asked is not None and asked.answer is None and asked.failure is None:
            self._wake(key)

    async def _work(self, key: Key, service: Service, question: Question) -> None:
        asked = self._pairs[key].asked[service.name]
        before = (asked.answer, asked.failure)
        try:
            asked.answer = await self._ask(service, question)
        except NoAnswer as said:
            asked.failure = str(said)
        except Exception as defect:
            _log.exception("asking a service failed unexpectedly", service=service.name)
            asked.failure = f"a defect of Lockgate ({type(defect).__name__}) kept it from being asked"
        self._tell(service.name, _outcome(asked.answer))
        if asked.answer is None:
            asked.failures += 1
            pause = self._first_pause_seconds * 2 ** min(asked.failures - 1, 16)
            asked.again = asyncio.get_running_loop().call_later(
                min(LONGEST_PAUSE_SECONDS, pause), self._queue, key, service, question
            )
        if (asked.answer, asked.failure) != before:
            _log.info(
                "service answered", service=service.name, namespace=key[0], name=key[1], failure=asked.failure
            )
            self._wake(key)


def _outcome(answer: Answer | None) -> str:
    if answer is None:
        return "unanswered"
    return "allowed" if answer.allowed else "refused"


def _check_answered(question: Question, asked: _Asked) -> None:
    if asked.answer is not None:
        return
    about = f"gate {question.gate} is asked about {question.candidate.version}"
    if asked.failure is not None:
        raise GateWaiting(f"{about} again, for there is no answer yet: {asked.failure}")
    waited = _now() - asked.since
    if waited < _SOON_SECONDS:
        raise Unanswered(f"{about}", waited=waited)
    raise GateWaiting(f"{about}, and has not answered yet")


def _questions(deployment: ModelDeployment, candidate: Version) -> list[Question]:
    stable, beside = deployment.status.rollout.stable, None
    if stable is not None:
        beside = Named(source=stable.source, uri=stable.uri, version=stable.version, claim=stable.digest)
    asked = Named(
        source=deployment.source, uri=candidate.uri, version=candidate.number, claim=candidate.claim
    )
    return [
        Question(
            gate=gate.name,
            namespace=deployment.namespace,
            name=deployment.name,
            candidate=asked,
            stable=beside,
        )
        for gate in deployment.gates.webhook
    ]


def _recipe(deployment: ModelDeployment, question: Question) -> str:
    """What an answer is for; another annotation by which people retry makes it another question."""
    return fingerprint({"asked": question.body().decode(), "retry": deployment.retry})


def _now() -> float:
    return asyncio.get_running_loop().time()


NO_WEBHOOKS: Final = Webhooks()
"""Where the platform lists no service: whoever names one is told so."""
