"""Gates that ask a service, on the real reconciler: who waits, who is refused, and what a restart knows."""

import pytest
from tests.fakes.builders import version
from tests.fakes.cluster import ready_pod
from tests.fakes.rig import KEY, Rig
from tests.fakes.services import FAIRNESS, NO, YES, FakeService

from lockgate.domain.resources import MODEL_DEPLOYMENT
from lockgate.errors import RegistryUnavailable
from lockgate.resolve.resolver import Resolver
from lockgate.resolve.sources import Sources
from lockgate.resolve.webhooks import Webhooks

GATES = {"webhook": [{"name": "fairness"}]}
TOLD = "gate fairness refuses v2: it favours the tall"


class Asking(Rig):
    """A rig whose platform offers one service, which is asked again soon."""

    def __init__(self) -> None:
        super().__init__()
        self.service = FakeService()
        self.first_pause_seconds = 0.01
        self.begin_anew()

    def begin_anew(self) -> None:
        """As another process, which knows only what the status tells."""
        self.restart()
        webhooks = Webhooks(
            {"fairness": FAIRNESS},
            lambda _: self.woken.set(),
            self.service.ask,
            first_pause_seconds=self.first_pause_seconds,
            least_seconds=0,
        )
        resolver = Resolver(
            Sources({"default": self.lookups}), self.followers, self.edits, self.quarantine, webhooks
        )
        object.__setattr__(self.reconciler, "resolver", resolver)

    async def move(self, number: int) -> None:
        self.registry.point("production", version(number))
        await self.poll()
        await self.settle()

    def annotate(self, **annotations: str) -> None:
        """As a person does with kubectl."""
        obj = self.cluster.objects[MODEL_DEPLOYMENT, KEY]
        noted = {f"lockgate.dev/{name}": value for name, value in annotations.items()}
        self.cluster.put(MODEL_DEPLOYMENT, obj | {"metadata": obj["metadata"] | {"annotations": noted}})

    @property
    def asked(self) -> list[str]:
        return [each.candidate.version for each in self.service.asked]


def events(rig: Rig) -> list[dict[str, str]]:
    return [{name: event[name] for name in ("reason", "note")} for event in rig.cluster.events]


@pytest.fixture
async def rig():
    rig = Asking()
    rig.create(gates=GATES)
    await rig.serve(1)
    assert rig.asked == ["v1"], "also of a first version, beside which nothing stands"
    return rig


async def test_a_version_that_is_allowed_rolls_out_and_nobody_is_asked_while_it_does(rig):
    await rig.move(2)
    assert rig.status["candidate"]["version"] == "v2"
    rig.begin_anew()
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v2"
    for _ in range(3):
        rig.wait(minutes=10)
        await rig.look()
    assert rig.asked == ["v1", "v2"]


async def test_a_version_that_is_refused_stays_refused_and_another_process_knows_it(rig):
    rig.service.says = NO
    await rig.move(2)
    assert rig.verdict("Resolved") == rig.verdict("Ready") == ("False", "GateRefused")
    assert rig.condition("Ready")["message"] == rig.status["refused"]["message"] == TOLD
    assert rig.status["stable"]["version"] == "v1"
    assert "candidate" not in rig.status
    assert {"reason": "GateRefused", "note": TOLD} in events(rig)
    rig.service.says = YES
    rig.begin_anew()
    rig.cluster.writes.clear()
    rig.wait(minutes=10)
    await rig.look()
    assert rig.cluster.writes == []
    assert rig.asked == ["v1", "v2"]


async def test_an_alias_that_leads_elsewhere_ends_a_refusal(rig):
    rig.service.says = NO
    await rig.move(2)
    rig.service.says = YES
    await rig.move(3)
    assert rig.status["candidate"]["version"] == "v3"
    assert "refused" not in rig.status
    await rig.move(2)
    assert rig.status["candidate"]["version"] == "v2"
    assert rig.asked == ["v1", "v2", "v3", "v2"]


async def test_an_alias_that_goes_back_to_what_serves_ends_a_refusal(rig):
    rig.service.says = NO
    await rig.move(2)
    await rig.move(1)
    assert rig.verdict("Ready") == ("True", "RolledOut")
    assert "refused" not in rig.status
    rig.service.says = YES
    await rig.move(2)
    assert rig.status["candidate"]["version"] == "v2"


async def test_an_outage_of_the_registry_makes_nobody_forget_a_refusal(rig):
    rig.service.says = NO
    await rig.move(2)
    rig.registry.down = RegistryUnavailable("it is down")
    for _ in range(3):
        await rig.poll()
    await rig.look()
    assert rig.verdict("Resolved") == ("Unknown", "RegistryUnavailable")
    rig.begin_anew()
    rig.registry.down = None
    await rig.poll()
    await rig.settle()
    assert rig.verdict("Ready") == ("False", "GateRefused")
    assert rig.asked == ["v1", "v2"]


@pytest.mark.parametrize("annotation", [{"retry": "1"}, {"request": "retry because it was mended #0badcafe"}])
async def test_who_wants_it_asked_again_says_so_as_of_any_version_that_failed(rig, annotation):
    rig.service.says = NO
    await rig.move(2)
    rig.annotate(**annotation)
    await rig.settle()
    assert rig.asked == ["v1", "v2", "v2"]
    assert rig.verdict("Ready") == ("False", "GateRefused"), "and is told the same again"
    if "request" in annotation:
        assert rig.status["lastRequest"]["message"] == "v2 is asked about again"
        assert rig.status["lastRequest"]["outcome"] == "Accepted"
    rig.begin_anew()
    await rig.settle()
    assert rig.asked == ["v1", "v2", "v2"]
    rig.service.says = YES
    rig.annotate(**{name: f"{value[:-1]}9" for name, value in annotation.items()})
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    assert "refused" not in rig.status


async def test_gates_that_are_taken_away_refuse_nothing_any_more(rig):
    rig.service.says = NO
    await rig.move(2)
    rig.create(gates={})
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    assert "refused" not in rig.status


async def test_while_a_service_is_away_nothing_begins_and_what_serves_serves_on(rig):
    rig.service.says = "it did not answer within 10 s"
    await rig.move(2)
    assert rig.verdict("Resolved") == rig.verdict("Ready") == ("Unknown", "GateWaiting")
    assert rig.verdict("Available")[0] == "True"
    assert "it did not answer within 10 s" in rig.condition("Ready")["message"]
    assert rig.condition("Stalled") is None
    assert [event["reason"] for event in events(rig)].count("GateWaiting") == 1
    assert rig.status["phase"] == "Serving"
    assert "candidate" not in rig.status
    rig.woken.clear()
    rig.service.says = YES
    await rig.woken.wait()
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"


async def test_who_has_mended_a_service_need_not_wait_until_it_is_asked_again(rig):
    rig.first_pause_seconds = 1000
    rig.begin_anew()
    rig.service.says = "it answered with status 500"
    await rig.move(2)
    assert rig.verdict("Ready") == ("Unknown", "GateWaiting")
    rig.annotate(request="retry because it is back #0badcafe")
    rig.service.says = YES
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    assert rig.status["lastRequest"]["message"] == "the version that waits is asked about again"
    assert rig.asked == ["v1", "v2", "v2"]


async def test_what_a_person_pins_passes_and_nobody_is_asked(rig):
    rig.service.says = NO
    rig.registry.point("v2", version(2))
    rig.create(gates=GATES, pin={"version": "v2", "reason": "incident 42"})
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"
    assert rig.asked == ["v1"]


async def test_a_service_that_is_not_offered_is_told_at_once_and_a_pin_passes_that_as_well(rig):
    absent = {"webhook": [{"name": "fairness"}, {"name": "absent"}]}
    rig.create(gates=absent)
    await rig.settle()
    assert rig.verdict("Ready") == ("False", "InvalidSpec")
    assert rig.condition("Ready")["message"].startswith("spec.gates.webhook[1].name is absent")
    rig.registry.point("v2", version(2))
    rig.create(gates=absent, pin={"version": "v2", "reason": "incident 42"})
    await rig.settle()
    assert rig.status["candidate"]["version"] == "v2"


async def test_a_rollout_that_is_under_way_goes_on_while_the_next_version_is_asked_about(rig):
    await rig.move(2)
    rig.service.says = NO
    await rig.move(3)
    assert rig.status["candidate"]["version"] == "v2"
    rig.cluster.roll(KEY, ready_pod)
    await rig.settle()
    assert rig.status["stable"]["version"] == "v2"
    assert rig.verdict("Ready") == ("False", "GateRefused")


async def test_another_gate_that_refuses_spares_the_service_the_question(rig):
    rig.create(gates=GATES | {"metadata": [{"name": "never", "expression": "false"}]})
    await rig.move(2)
    assert rig.verdict("Ready") == ("False", "GateRefused")
    assert "refused" not in rig.status
    assert rig.asked == ["v1"]
