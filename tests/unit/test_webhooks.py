"""What services said is asked once for each pair, kept as long as it is wanted, and never guessed."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.fakes.builders import deployment_object, version
from tests.fakes.services import FAIRNESS, NO, OTHERS, YES, FakeService
from tests.fakes.virtual_time import virtually

from lockgate.api.parse import parse_model_deployment
from lockgate.api.spec import ModelDeployment
from lockgate.domain.resources import Key
from lockgate.errors import GateRefused, GateWaiting, InvalidSpec, LockgateError, Unanswered
from lockgate.resolve.webhooks import LONGEST_PAUSE_SECONDS, NO_WEBHOOKS, Webhooks
from lockgate.webhooks.offered import Service

SECOND = Service(name="second", address="https://second.example.com", namespaces=("*",))
STABLE = {"version": "v1", "uri": "wandb://acme-org/wandb-registry-model/churn:v1"}


class Site:
    """Webhooks over services that say what a test lets them say."""

    def __init__(self) -> None:
        self.service = FakeService()
        self.woken: list[Key] = []
        self.told_of: Counter[tuple[str, str]] = Counter()
        services = {each.name: each for each in (FAIRNESS, OTHERS, SECOND)}
        self.webhooks = Webhooks(services, self.woken.append, self.service.ask, answered=self.count)

    def count(self, service: str, outcome: str) -> None:
        self.told_of[service, outcome] += 1

    def check(self, number: int = 2, **about: Any) -> LockgateError | None:
        """What keeps a version from beginning, if anything does."""
        try:
            self.webhooks.check(asking(**about), version(number))
        except LockgateError as error:
            return error
        return None

    async def told(self, number: int = 2, **about: Any) -> LockgateError | None:
        """The same once everybody has answered."""
        self.check(number, **about)
        await asyncio.sleep(1)
        return self.check(number, **about)

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(each.gate, each.candidate.version) for each in self.service.asked]


def asking(
    *names: str,
    stable: dict[str, str] | None = STABLE,
    retry: str = "",
    request: str = "",
    refused: dict[str, str] | None = None,
    name: str = "churn",
    namespace: str = "growth",
) -> ModelDeployment:
    gates = [{"name": each} for each in names or ("fairness",)]
    raw = deployment_object(name=name, namespace=namespace, gates={"webhook": gates})
    raw["metadata"]["annotations"] = {"lockgate.dev/retry": retry, "lockgate.dev/request": request}
    raw["status"] = {"rollout": {"stable": stable} if stable else {}} | (
        {"refused": refused} if refused else {}
    )
    return parse_model_deployment(raw)


@virtually
async def test_a_pair_is_asked_about_once_and_its_yes_is_kept():
    site = Site()
    assert isinstance(site.check(), Unanswered), "nobody waits in a pass"
    assert await site.told() is None
    for _ in range(20):
        await asyncio.sleep(1000)
        assert site.check() is None
    assert site.asked == [("fairness", "v2")]
    assert site.woken == [("growth", "churn")]
    (question,) = site.service.asked
    assert (question.namespace, question.name) == ("growth", "churn")
    assert question.stable is not None
    assert question.stable.uri == STABLE["uri"]


@virtually
async def test_a_no_refuses_in_the_words_of_the_service_and_is_kept():
    site = Site()
    site.service.says = NO
    for _ in range(3):
        refused = await site.told()
        assert isinstance(refused, GateRefused)
        assert refused.message == "gate fairness refuses v2: it favours the tall"
        assert (refused.version, len(refused.recipe)) == ("v2", 16)
    assert len(site.asked) == 1


@virtually
async def test_another_candidate_or_another_stable_version_is_another_question():
    site = Site()
    await site.told(2)
    await site.told(3)
    await site.told(3, stable=None)
    assert site.asked == [("fairness", "v2"), ("fairness", "v3"), ("fairness", "v3")]
    assert site.service.asked[-1].stable is None
    await site.told(2)
    assert len(site.asked) == 4, "what is not wanted any more is not kept"


@virtually
async def test_all_services_are_asked_at_once_and_each_has_to_allow_it():
    site = Site()
    deployment = asking("fairness", "second")
    with pytest.raises(Unanswered):
        site.webhooks.check(deployment, version(2))
    await asyncio.sleep(1)
    assert site.asked == [("fairness", "v2"), ("second", "v2")]
    site.webhooks.check(deployment, version(2))


@virtually
async def test_whoever_says_neither_yes_nor_no_is_asked_again_ever_more_rarely_and_refuses_nothing():
    site, began = Site(), asyncio.get_running_loop().time()
    site.service.says = "it answered with status 500"
    waits = await site.told()
    assert isinstance(waits, GateWaiting)
    assert waits.message == (
        "gate fairness is asked about v2 again, for there is no answer yet: it answered with status 500"
    )
    counts = []
    for _ in range(5):
        before = len(site.asked)
        await asyncio.sleep(600)
        counts.append(len(site.asked) - before)
        assert isinstance(site.check(), GateWaiting)
    assert counts[0] > counts[-1] == 600 / LONGEST_PAUSE_SECONDS
    assert len(site.woken) == 1, "the same word wakes nobody again"
    site.service.says = YES
    await asyncio.sleep(LONGEST_PAUSE_SECONDS + 1)
    assert site.check() is None
    assert len(site.woken) == 2
    assert site.told_of["fairness", "unanswered"] == len(site.asked) - 1
    assert site.told_of["fairness", "allowed"] == 1
    assert asyncio.get_running_loop().time() > began


@virtually
async def test_who_takes_long_is_waited_for_and_that_is_told_after_two_seconds():
    site = Site()
    site.service.may_answer.clear()
    early = site.check()
    assert isinstance(early, Unanswered)
    await asyncio.sleep(2.1)
    assert site.woken == [("growth", "churn")]
    late = site.check()
    assert isinstance(late, GateWaiting)
    assert late.message == "gate fairness is asked about v2, and has not answered yet"
    site.service.may_answer.set()
    await asyncio.sleep(0.1)
    assert site.check() is None


@virtually
async def test_a_defect_in_the_asking_is_told_without_its_words_and_tried_again():
    site = Site()
    site.service.says = RuntimeError("token s3cr3t")
    waits = await site.told()
    assert isinstance(waits, GateWaiting)
    assert "a defect of Lockgate (RuntimeError)" in waits.message
    assert "s3cr3t" not in waits.message
    site.service.says = YES
    await asyncio.sleep(10)
    assert site.check() is None


@virtually
async def test_a_version_that_the_status_tells_was_refused_is_not_asked_about_by_another_process():
    site = Site()
    site.service.says = NO
    refused = await site.told()
    assert isinstance(refused, GateRefused)
    kept = {"version": "v2", "recipe": refused.recipe, "message": refused.message}
    other = Site()
    for about in ({}, {"request": "approve 3fa9c1d2"}):
        again = await other.told(refused=kept, **about)
        assert isinstance(again, GateRefused)
        assert again.message == refused.message
    assert other.asked == []
    for changed in ({"retry": "2"}, {"stable": None}, {"request": "retry #0badcafe"}):
        before = len(other.asked)
        await other.told(refused=kept, **changed)
        assert len(other.asked) == before + 1, changed
    await other.told(3, refused=kept)
    assert other.asked[-1] == ("fairness", "v3")


@virtually
async def test_a_request_for_a_retry_asks_once_more_and_not_without_end():
    site = Site()
    site.service.says = NO
    await site.told()
    for _ in range(3):
        assert isinstance(await site.told(request="retry #0badcafe"), GateRefused)
    assert len(site.asked) == 2
    assert isinstance(await site.told(), GateRefused), "answered, it is no request any more"
    assert len(site.asked) == 2


@virtually
async def test_what_was_wanted_before_is_not_asked_again_beside_what_is_wanted_now():
    site = Site()
    site.service.says = "it is down"
    await site.told(2)
    site.service.says = YES
    assert await site.told(3) is None
    await asyncio.sleep(1000)
    assert site.asked == [("fairness", "v2"), ("fairness", "v3")]


@virtually
async def test_what_nobody_wants_any_more_is_neither_asked_nor_awaited():
    site = Site()
    site.service.says = "it is down"
    await site.told()
    site.webhooks.forget(("growth", "churn"))
    before = len(site.asked)
    await asyncio.sleep(1000)
    assert len(site.asked) == before
    site.service.may_answer.clear()
    site.check()
    await asyncio.sleep(0.1)
    site.webhooks.close()
    site.service.may_answer.set()
    await asyncio.sleep(10)
    assert len(site.woken) == 1
    site.webhooks.forget(("growth", "unknown"))


@pytest.mark.parametrize(
    ("names", "path", "offers"),
    [
        (("absent",), "spec.gates.webhook[0].name is absent", "there are fairness and second"),
        (("fairness", "others"), "spec.gates.webhook[1].name is others", "there are fairness and second"),
    ],
)
def test_a_service_that_is_not_offered_here_is_told_by_its_field_and_without_those_of_others(
    names, path, offers
):
    with pytest.raises(InvalidSpec) as refused:
        Site().webhooks.check_named(asking(*names))
    assert refused.value.message.startswith(path)
    assert refused.value.message.endswith(offers)


def test_where_the_platform_lists_nothing_whoever_names_one_is_told_so():
    with pytest.raises(InvalidSpec, match="does not offer to this namespace; it has none"):
        NO_WEBHOOKS.check_named(asking())


@virtually
async def test_what_is_known_to_be_refused_ends_the_questions_about_another_version():
    site = Site()
    site.service.says = NO
    refused = await site.told(2)
    assert isinstance(refused, GateRefused)
    site.service.says = "it is down"
    await site.told(3)
    kept = {"version": "v2", "recipe": refused.recipe, "message": refused.message}
    assert isinstance(site.check(2, refused=kept), GateRefused)
    before = len(site.asked)
    await asyncio.sleep(1000)
    assert len(site.asked) == before
