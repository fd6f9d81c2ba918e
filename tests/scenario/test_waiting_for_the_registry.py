"""While the registry's answer is on its way: no pass waits, and no status says what is not known."""

import asyncio
import threading

from tests.fakes.builders import T0, deployment_object, version
from tests.fakes.rig import KEY, Rig

from lockgate.domain.resources import DEPLOYMENT, MODEL_DEPLOYMENT
from lockgate.errors import RegistryUnavailable, Unanswered
from lockgate.resolve.followers import Followers
from lockgate.resolve.lookups import YOUNG_SECONDS, Lookups
from lockgate.resolve.resolver import Resolver
from lockgate.resolve.sources import Sources

DOWN = RegistryUnavailable("the registry did not answer")


def restart(rig: Rig) -> None:
    """Another process takes over: it remembers nothing of the registry."""
    rig.followers = Followers()
    rig.lookups = Lookups(rig.registry, rig.metrics, rig.followers, lambda _: rig.woken.set())
    resolver = Resolver(Sources({"default": rig.lookups}), rig.followers, rig.edits, rig.quarantine)
    object.__setattr__(rig.reconciler, "resolver", resolver)


class Silence:
    """A registry that says nothing until let go."""

    def __init__(self, rig: Rig) -> None:
        self.go = threading.Event()
        whole = rig.registry.look_up

        def look_up(references):
            self.go.wait(20)
            return whole(references)

        rig.registry.look_up = look_up


async def test_a_first_answer_that_comes_soon_costs_no_status_of_its_own(rig):
    rig.registry.point("production", version(1))
    result = await rig.reconciler.reconcile(KEY)
    assert isinstance(result.failure, Unanswered)
    assert (result.wake - rig.now).total_seconds() == 2
    assert rig.cluster.writes == []
    await asyncio.wait_for(rig.woken.wait(), 10)
    await rig.look()
    assert rig.status["phase"] == "RollingOut"


async def test_a_first_answer_that_takes_its_time_is_told_to_be_waited_for_once(rig, monkeypatch):
    silence = Silence(rig)
    monkeypatch.setattr("lockgate.reconciler.FIRST_ANSWER_SECONDS", 0.0)
    for _ in range(3):
        await rig.reconciler.reconcile(KEY)
    assert rig.verdict("Resolved") == ("Unknown", "WaitingForRegistry")
    assert rig.cluster.writes == ["status ModelDeployment"]
    silence.go.set()


async def test_a_new_process_that_hears_nothing_yet_writes_nothing_over_what_serves(rig):
    await rig.serve(1)
    restart(rig)
    silence, before = Silence(rig), (list(rig.cluster.writes), rig.status)
    for _ in range(3):
        assert isinstance((await rig.reconciler.reconcile(KEY)).failure, Unanswered)
    assert (rig.cluster.writes, rig.status) == before
    silence.go.set()


async def test_a_new_process_that_meets_an_outage_keeps_it_to_itself_for_a_while(rig, monkeypatch):
    await rig.serve(1)
    restart(rig)
    rig.registry.down = DOWN
    before = list(rig.cluster.writes)
    await rig.reconciler.reconcile(KEY)
    await asyncio.wait_for(rig.woken.wait(), 10)
    for _ in range(3):
        assert isinstance((await rig.reconciler.reconcile(KEY)).failure, Unanswered)
        await rig.poll()
    assert rig.cluster.writes == before
    rig.lookups._born -= YOUNG_SECONDS
    await rig.reconciler.reconcile(KEY)
    assert rig.verdict("Resolved") == ("Unknown", "RegistryUnavailable")
    assert rig.verdict("Ready")[0] == "True"


async def test_an_outage_is_told_at_once_to_whoever_has_no_good_answer(rig):
    rig.registry.down = DOWN
    await rig.look()
    assert rig.verdict("Resolved") == ("Unknown", "RegistryUnavailable")


async def test_what_serves_is_kept_in_order_while_an_answer_is_on_its_way(rig):
    await rig.serve(1)
    restart(rig)
    silence = Silence(rig)
    edited = rig.cluster.objects[DEPLOYMENT, KEY]
    rig.cluster.put(DEPLOYMENT, {**edited, "spec": {**edited["spec"], "replicas": 7}})
    assert isinstance((await rig.reconciler.reconcile(KEY)).failure, Unanswered)
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 2
    silence.go.set()


async def test_a_new_process_asks_for_all_before_the_first_pass(rig):
    await rig.serve(1)
    restart(rig)
    rig.cluster.put(MODEL_DEPLOYMENT, deployment_object(name="broken", uid="uid-2", model=None))
    rig.registry.look_ups.clear()
    await rig.reconciler.resolver.prime(rig.store.all(MODEL_DEPLOYMENT), T0, 10)
    before = list(rig.cluster.writes)
    result = await rig.reconciler.reconcile(KEY)
    assert result.failure is None
    assert (rig.cluster.writes, rig.registry.look_ups) == (before, ["model/churn:production"])


async def test_somebody_elses_new_deployment_swallows_no_move_of_the_alias(rig):
    await rig.serve(1)
    rig.registry.point("production", version(2))
    rig.cluster.put(MODEL_DEPLOYMENT, deployment_object(name="second", uid="uid-2"))
    rig.woken.clear()
    async with asyncio.timeout(10):
        while (await rig.reconciler.reconcile(("growth", "second"))).failure is not None:
            await rig.woken.wait()
            rig.woken.clear()
    await rig.look()
    assert rig.status["candidate"]["version"] == "v2"


async def test_a_namespace_that_follows_too_much_is_told_so_and_the_registry_is_not_asked(rig):
    followers = Followers(most_per_namespace=1)
    lookups = Lookups(rig.registry, rig.metrics, followers, lambda _: rig.woken.set())
    resolver = Resolver(Sources({"default": lookups}), followers, rig.edits, rig.quarantine)
    object.__setattr__(rig.reconciler, "resolver", resolver)
    rig.registry.point("production", version(1))
    model = {"registry": "model", "collection": "churn", "alias": "made-up"}
    rig.cluster.put(MODEL_DEPLOYMENT, deployment_object(name="first", uid="uid-2", model=model))
    await rig.reconciler.reconcile(("growth", "first"))
    await rig.reconciler.reconcile(KEY)
    assert rig.verdict("Resolved") == ("Unknown", "WaitingForRegistry")
    assert "follows more aliases" in rig.condition("Resolved")["message"]
    assert "model/churn:production" not in rig.registry.look_ups


async def test_an_edit_is_written_and_told_in_one_pass_while_the_registry_is_silent(rig):
    await rig.serve(1)
    rig.registry.down = RegistryUnavailable("the registry did not answer")
    rig.create(replicas=3)
    rig.cluster.writes.clear()
    result = await rig.reconciler.reconcile(KEY)
    assert result.failure is None
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 3
    assert rig.cluster.writes == ["apply Deployment", "status ModelDeployment"]


async def test_an_edit_that_comes_after_a_move_ends_with_the_moved_alias(rig):
    await rig.serve(1)
    rig.registry.point("production", version(2))
    rig.create(replicas=3)
    rig.woken.clear()
    await rig.reconciler.reconcile(KEY)
    assert rig.cluster.objects[DEPLOYMENT, KEY]["spec"]["replicas"] == 3
    await asyncio.wait_for(rig.woken.wait(), timeout=10)
    await rig.look()
    assert rig.status["candidate"]["version"] == "v2"
