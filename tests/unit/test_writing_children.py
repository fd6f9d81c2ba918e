"""Children as they are written: which writes, in which order, and what is told of them and of refusals."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.fakes.builders import deployment
from tests.fakes.cluster import FakeCluster
from tests.fakes.facts import release

from lockgate.apply import compared
from lockgate.apply.applier import Applier
from lockgate.apply.brake import REPAIRS
from lockgate.apply.drift import differences
from lockgate.domain.drawing import Drawing
from lockgate.domain.observed import Applied
from lockgate.domain.resources import DEPLOYMENT, SERVICE, Object, Resource
from lockgate.errors import Conflict, Contested, NotOwned, Terminating
from lockgate.names import ANNOTATION_RENDER_HASH, LABEL_MANAGED_BY, MANAGED_BY
from lockgate.watch.store import Store

KEY = ("growth", "churn")
V1 = release(1)
BOTH = ("Deployment churn", "Service churn")
GOING = "{} is being deleted and is made anew once it is gone; if that does not end, look at its finalizers"
TAKEN = (
    "{} churn exists in namespace growth and is controlled by {}; "
    "delete or rename it, or give the ModelDeployment another name"
)


def owner(uid: str = "uid-1", kind: str = "ModelDeployment", name: str = "churn") -> Object:
    return {"apiVersion": "x/v1", "kind": kind, "name": name, "uid": uid, "controller": True}


def child(resource: Resource, rendering: str = "a", **spec: Any) -> Object:
    """A child as it is drawn."""
    metadata = {
        "name": KEY[1],
        "namespace": KEY[0],
        "labels": {LABEL_MANAGED_BY: MANAGED_BY},
        "annotations": {ANNOTATION_RENDER_HASH: rendering},
        "ownerReferences": [owner()],
    }
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": spec}


def drawings(rendering: str = "a", replicas: int = 2) -> list[Drawing]:
    """A Deployment without its template, and a Service."""
    return [
        Drawing(obj=child(DEPLOYMENT, rendering, replicas=replicas, paused=False), release=V1),
        Drawing(obj=child(SERVICE, rendering, selector={"app": "churn"}, type="ClusterIP")),
    ]


class Site:
    """An applier on a fake cluster; it counts what it is asked for."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.store = Store()
        self.cluster = FakeCluster(self.store)
        self.cluster.server.collecting = False
        self.applier = Applier(self.cluster, self.store, lambda: self.now)
        self.deployment = deployment()
        self.templates: list[str] = []
        self.reads: list[str] = []
        self.asked: list[tuple[Object, bool]] = []
        self._apply, self._get = self.cluster.apply, self.cluster.get
        self.cluster.apply, self.cluster.get = self._applies, self._gets

    async def _applies(self, resource: Resource, obj: Object, *, force: bool) -> Object:
        self.asked.append((deepcopy(obj), force))
        return await self._apply(resource, obj, force=force)

    async def _gets(self, resource: Resource, key: Any) -> Object | None:
        self.reads.append(resource.kind)
        return await self._get(resource, key)

    async def template(self, of: Any) -> Object:
        self.templates.append(of.release)
        return {"spec": {"containers": [{"name": "server", "image": of.version}]}}

    async def apply(self, drawn: Iterable[Drawing] | None = None) -> Applied:
        """One apply; what it writes and reads is counted anew."""
        for counted in (self.cluster.writes, self.templates, self.reads, self.asked):
            counted.clear()
        return await self.applier.apply(self.deployment, drawn or drawings(), self.template)

    def held(self, resource: Resource) -> Object:
        return deepcopy(self.cluster.objects[resource, KEY])

    def change(self, resource: Resource, **spec: Any) -> None:
        """Somebody changes fields of the spec."""
        there = self.held(resource)
        self.cluster.put(resource, there | {"spec": there["spec"] | spec})

    def catch_up(self) -> None:
        """The Deployment's controller tells that it has seen what was written."""
        there = self.held(DEPLOYMENT)
        told = {"observedGeneration": there["metadata"]["generation"]}
        self.cluster.put(DEPLOYMENT, there | {"status": told})

    def hide(self, resource: Resource) -> None:
        """The watch has not told of an object."""
        self.store.remove(resource, {"metadata": self.held(resource)["metadata"]})
        self.store._removed.clear()

    def hold(self, resource: Resource) -> None:
        """Somebody's finalizer keeps the object, which is then deleted."""
        there = self.held(resource)
        there["metadata"]["finalizers"] = ["example.com/slow"]
        self.cluster.put(resource, there)
        self.cluster.erase(resource, KEY)


@pytest.fixture
def site() -> Site:
    return Site()


async def test_what_is_not_there_is_created_in_order_and_never_by_force(site):
    assert await site.apply() == Applied(created=BOTH, followed=True)
    assert [(obj["kind"], force) for obj, force in site.asked] == [("Deployment", False), ("Service", False)]
    assert [obj["metadata"]["resourceVersion"] for obj, _ in site.asked] == ["1", "1"]
    template = site.held(DEPLOYMENT)["spec"]["template"]
    assert template == {"spec": {"containers": [{"name": "server", "image": "v1"}]}}
    assert (site.templates, site.reads) == (["00000001"], [])


async def test_a_service_alone_is_followed_by_nobody(site):
    assert await site.apply(drawings()[1:]) == Applied(created=("Service churn",))


async def test_what_is_there_as_it_should_be_costs_nothing(site):
    await site.apply()
    for _ in range(3):
        assert await site.apply() == Applied()
        assert (site.asked, site.templates, site.reads) == ([], [], [])


async def test_another_rendering_is_an_update_that_meets_what_was_seen(site):
    await site.apply()
    seen = [site.held(resource)["metadata"] for resource in (DEPLOYMENT, SERVICE)]
    assert await site.apply(drawings("b")) == Applied(updated=BOTH, followed=True)
    for (obj, force), before in zip(site.asked, seen, strict=True):
        assert force
        assert obj["metadata"]["uid"] == before["uid"]
        assert obj["metadata"]["resourceVersion"] == before["resourceVersion"]
    assert site.templates == ["00000001"]


async def test_another_rendering_of_a_service_alone_is_followed_by_nobody(site):
    await site.apply()
    site.catch_up()
    assert await site.apply([drawings()[0], drawings("b")[1]]) == Applied(updated=("Service churn",))


async def test_what_somebody_changed_is_put_right_and_called_so(site):
    await site.apply()
    site.change(DEPLOYMENT, replicas=9)
    site.change(SERVICE, type="NodePort")
    assert await site.apply() == Applied(repaired=BOTH[::-1], followed=True), "fewer pods come last"
    assert site.held(DEPLOYMENT)["spec"]["replicas"] == 2
    assert site.held(SERVICE)["spec"]["type"] == "ClusterIP"
    assert site.reads == ["Deployment"], "of a workload too little is kept to tell what was changed in it"


async def test_what_somebody_added_is_left_alone_and_compared_once(site):
    await site.apply()
    site.change(DEPLOYMENT, theirs="x")
    assert await site.apply() == Applied()
    assert (site.asked, site.reads, site.templates) == ([], ["Deployment"], ["00000001"])
    assert await site.apply() == Applied()
    assert (site.asked, site.reads, site.templates) == ([], [], [])
    site.change(DEPLOYMENT, theirs="y")
    await site.apply()
    assert site.reads == ["Deployment"], "another change is looked at again"


async def test_a_deployment_that_is_as_it_was_written_is_not_read_though_its_status_moves(site):
    await site.apply()
    site.catch_up()
    await site.apply()
    assert (site.asked, site.reads) == ([], [])


async def test_a_write_that_changes_nothing_is_none(site):
    await site.apply()
    site.change(SERVICE, type="NodePort")

    async def deaf(resource, obj, *, force):
        return site.held(resource)

    site.cluster.apply = deaf
    assert (await site.apply()).repaired == ()


@pytest.mark.parametrize("resource", [DEPLOYMENT, SERVICE], ids=lambda resource: resource.kind)
@pytest.mark.parametrize(
    ("owners", "holder"),
    [
        ([owner("uid-2", "Application", "shop")], "Application shop"),
        ([owner("uid-2")], "ModelDeployment churn"),
        ([owner() | {"controller": False}], "nobody"),
        ([], "nobody"),
    ],
    ids=["another controller", "one of our name", "an owner that controls nothing", "nobody"],
)
async def test_what_is_not_ours_is_told_by_who_controls_it_before_anything_is_written(
    site, resource, owners, holder
):
    theirs = child(resource)
    theirs["metadata"]["ownerReferences"] = owners
    site.cluster.put(resource, theirs)
    with pytest.raises(NotOwned) as told:
        await site.apply()
    assert told.value.message == TAKEN.format(resource.kind, holder)
    assert site.asked == []


async def test_what_is_not_ours_and_hidden_from_the_watch_is_looked_for_until_it_is_gone(site):
    theirs = child(DEPLOYMENT)
    theirs["metadata"]["ownerReferences"] = []
    theirs["metadata"]["labels"] = {}
    site.cluster.put(DEPLOYMENT, theirs)
    for tries in (["apply Deployment"], [], []):
        with pytest.raises(NotOwned):
            await site.apply()
        assert site.cluster.writes == tries
        assert site.reads == ["Deployment"]
    site.cluster.drop(DEPLOYMENT, KEY)
    assert (await site.apply()).created == BOTH
    assert site.reads == ["Deployment"]
    site.cluster.drop(DEPLOYMENT, KEY)
    await site.apply()
    assert site.reads == [], "nothing is in the way any more"


async def test_what_is_forgotten_is_no_longer_looked_for(site):
    theirs = child(DEPLOYMENT)
    theirs["metadata"] |= {"ownerReferences": [], "labels": {}}
    site.cluster.put(DEPLOYMENT, theirs)
    with pytest.raises(NotOwned):
        await site.apply()
    site.applier.forget(KEY)
    with pytest.raises(NotOwned):
        await site.apply()
    assert site.cluster.writes == ["apply Deployment"]


@pytest.mark.parametrize("resource", [DEPLOYMENT, SERVICE], ids=lambda resource: resource.kind)
async def test_while_one_goes_the_other_is_put_right_and_none_is_made(site, resource):
    other = SERVICE if resource is DEPLOYMENT else DEPLOYMENT
    await site.apply()
    site.hold(resource)
    site.change(other, theirs="x", **({"replicas": 9} if other is DEPLOYMENT else {"type": "NodePort"}))
    with pytest.raises(Terminating) as told:
        await site.apply()
    assert told.value.message == GOING.format(f"{resource.kind} churn")
    assert site.cluster.writes == [f"apply {other.kind}"]
    site.cluster.drop(other, KEY)
    with pytest.raises(Terminating):
        await site.apply()
    assert site.cluster.writes == []


async def test_of_two_that_go_the_first_is_told(site):
    await site.apply()
    site.hold(SERVICE)
    site.hold(DEPLOYMENT)
    with pytest.raises(Terminating) as told:
        await site.apply()
    assert told.value.message == GOING.format("Deployment churn")


async def test_our_own_object_that_the_watch_has_not_told_of_is_taken_as_it_is(site):
    await site.apply()
    before = site.held(SERVICE)
    site.hide(SERVICE)
    assert await site.apply() == Applied()
    assert site.reads == ["Service"]
    assert site.held(SERVICE) == before
    assert await site.apply() == Applied()
    assert (site.reads, site.asked) == ([], []), "it is known from now on"


async def test_our_own_object_that_the_watch_had_not_told_of_is_not_looked_for_when_it_goes(site):
    await site.apply()
    site.hide(SERVICE)
    await site.apply()
    site.cluster.drop(SERVICE, KEY)
    assert (await site.apply()).created == ("Service churn",)
    assert site.reads == []


async def test_what_was_written_is_known_before_the_watch_tells_of_it(site):
    site.cluster.lag()
    await site.apply()
    assert await site.apply() == Applied()
    assert (site.asked, site.reads) == ([], [])


def without_generation(site: Site) -> None:
    """A Service as the API server sends it, which counts no generations of it."""
    there = site.held(SERVICE)
    del there["metadata"]["generation"]
    site.cluster.server._clock += 1
    there["metadata"]["resourceVersion"] = str(site.cluster.server._clock)
    site.cluster.objects[SERVICE, KEY] = there
    assert site.store.upsert(SERVICE, deepcopy(there))


async def test_an_object_that_tells_no_generation_is_compared_each_time(site):
    await site.apply()
    site.change(SERVICE, theirs="x")
    without_generation(site)
    assert await site.apply() == Applied()
    site.change(SERVICE, type="NodePort")
    without_generation(site)
    assert (await site.apply()).repaired == ("Service churn",)


async def test_another_object_of_the_same_name_and_generation_is_compared_anew(site):
    await site.apply()
    await site.apply()
    other = site.held(SERVICE)
    before = other["metadata"]["generation"]
    for field in ("uid", "resourceVersion", "generation"):
        del other["metadata"][field]
    other["spec"]["type"] = "NodePort"
    site.cluster.drop(SERVICE, KEY)
    site.cluster.put(SERVICE, other)
    assert site.held(SERVICE)["metadata"]["generation"] == before
    assert (await site.apply()).repaired == ("Service churn",)


async def test_a_spec_that_was_compared_is_not_compared_again_before_it_changes(site, monkeypatch):
    paths = []

    def counted(rendered, observed, path=""):
        if path:
            paths.append(path)
        return differences(rendered, observed, path)

    await site.apply()
    site.change(SERVICE, theirs="x")
    monkeypatch.setattr(compared, "differences", counted)
    for _ in range(3):
        await site.apply()
    assert paths == ["spec"]


async def test_our_own_object_that_is_otherwise_than_was_planned_is_seen_by_the_next_pass(site):
    await site.apply()
    site.hide(SERVICE)
    with pytest.raises(Conflict):
        await site.apply(drawings("b"))
    assert (await site.apply(drawings("b"))).updated == ("Service churn",)


async def test_our_own_object_that_goes_and_that_the_watch_has_not_told_of_is_told(site):
    await site.apply()
    site.hold(SERVICE)
    site.hide(SERVICE)
    with pytest.raises(Terminating) as told:
        await site.apply()
    assert told.value.message == GOING.format("Service churn")
    assert told.value.__suppress_context__


async def test_a_creation_that_is_refused_where_nothing_is_says_so(site):
    async def refuses(resource, obj, *, force):
        raise Conflict("it changed meanwhile")

    site.cluster.apply = refuses
    with pytest.raises(Conflict, match="it changed meanwhile"):
        await site.apply()


async def test_a_deployment_that_went_away_while_it_was_looked_at_is_told(site):
    await site.apply()
    site.change(DEPLOYMENT, replicas=9)
    site.cluster.lag()
    site.cluster.drop(DEPLOYMENT, KEY)
    with pytest.raises(Conflict) as told:
        await site.apply()
    assert told.value.message == "Deployment churn went away meanwhile"
    assert (await site.apply()).created == ("Deployment churn",), "which is known from now on"


async def test_a_deployment_that_began_to_go_while_it_was_looked_at_is_told(site):
    await site.apply()
    site.change(DEPLOYMENT, replicas=9)
    site.cluster.lag()
    site.hold(DEPLOYMENT)
    with pytest.raises(Terminating) as told:
        await site.apply()
    assert told.value.message == GOING.format("Deployment churn")
    assert site.asked == []


async def test_a_deployment_that_somebody_took_over_while_it_was_looked_at_is_theirs(site):
    await site.apply()
    site.change(DEPLOYMENT, replicas=9)
    site.cluster.lag()
    theirs = site.held(DEPLOYMENT)
    theirs["metadata"]["ownerReferences"] = [owner("uid-2", "Application", "shop")]
    site.cluster.put(DEPLOYMENT, theirs)
    with pytest.raises(NotOwned) as told:
        await site.apply()
    assert told.value.message == TAKEN.format("Deployment", "Application shop")
    assert site.asked == []


async def test_a_writer_that_comes_late_changes_nothing_and_looks_anew(site):
    await site.apply()
    site.change(SERVICE, type="NodePort")
    site.cluster.lag()
    site.change(SERVICE, type="LoadBalancer")
    with pytest.raises(Conflict):
        await site.apply()
    assert site.held(SERVICE)["spec"]["type"] == "LoadBalancer"
    assert (await site.apply()).repaired == ("Service churn",), "it was seen anew without the watch"


async def test_a_writer_that_comes_late_and_finds_nothing_makes_it_anew(site):
    await site.apply()
    site.change(SERVICE, type="NodePort")
    site.cluster.lag()
    site.cluster.drop(SERVICE, KEY)
    with pytest.raises(Conflict):
        await site.apply()
    assert (await site.apply()).created == ("Service churn",)


def webhook(site: Site, resource: Resource, **spec: Any) -> None:
    """An admission webhook that sets fields of the spec."""
    apply = site.cluster.server.apply

    def meddling(what, obj, manager, **options):
        if what is resource:
            obj = deepcopy(obj)
            obj["spec"] |= spec
        return apply(what, obj, manager, **options)

    site.cluster.server.apply = meddling


async def test_what_the_cluster_takes_otherwise_is_told_each_time_and_asked_for_once(site):
    webhook(site, SERVICE, type="NodePort", selector={"app": "mesh"})
    altered = ("spec.selector.app of Service churn", "spec.type of Service churn")
    with capture_logs() as logs:
        assert await site.apply() == Applied(created=BOTH, altered=altered, followed=True)
    (line,) = logs
    assert (line["log_level"], line["event"], line["field"]) == (
        "warning",
        "the cluster holds something else than was applied",
        "spec.selector.app",
    )
    for _ in range(3):
        with capture_logs() as logs:
            assert await site.apply() == Applied(altered=altered)
        assert (site.asked, logs) == ([], [])


async def test_what_the_cluster_takes_otherwise_is_asked_for_again_with_another_rendering(site):
    webhook(site, SERVICE, type="NodePort")
    await site.apply()
    with capture_logs() as logs:
        assert (await site.apply(drawings("b"))).updated == BOTH
    assert [line["field"] for line in logs] == ["spec.type"]
    assert (await site.apply(drawings("b"))).altered == ("spec.type of Service churn",)


async def test_beside_what_the_cluster_takes_otherwise_the_rest_is_put_right_without_a_word(site):
    webhook(site, SERVICE, type="NodePort")
    await site.apply()
    site.change(SERVICE, selector={"app": "other"})
    with capture_logs() as logs:
        told = await site.apply()
    assert (told.repaired, told.altered) == (("Service churn",), ("spec.type of Service churn",))
    assert logs == [], "nothing is news in that"


async def test_of_a_deployment_that_the_cluster_takes_otherwise_nothing_is_asked_for_again(site):
    webhook(site, DEPLOYMENT, paused=True)
    told = await site.apply()
    assert told.altered == ("spec.paused of Deployment churn",)
    site.change(DEPLOYMENT, theirs="x")
    for _ in range(2):
        assert await site.apply() == Applied(altered=told.altered)
        assert site.asked == []


async def test_what_the_cluster_takes_otherwise_is_forgotten_with_the_model_deployment(site):
    webhook(site, SERVICE, type="NodePort")
    await site.apply()
    site.applier.forget(KEY)
    await site.apply()
    assert site.cluster.writes == ["apply Service"]


async def test_a_fight_is_told_once_with_the_first_field_of_it(site):
    await site.apply()
    with capture_logs() as logs:
        for number in range(REPAIRS):
            site.change(SERVICE, type="NodePort", selector={"app": f"other{number}"})
            await site.apply()
        for _ in range(3):
            site.change(SERVICE, type="NodePort", selector={"app": "mine"})
            with pytest.raises(Contested) as told:
                await site.apply()
    assert told.value.message.startswith("spec.selector.app of Service churn is put right again and again")
    (line,) = logs
    assert (line["log_level"], line["event"], line["what"], line["left_alone_seconds"]) == (
        "warning",
        "somebody else keeps changing what was applied",
        "spec.selector.app of Service churn",
        60.0,
    )


async def test_an_object_that_is_removed_again_and_again_is_a_fight_as_well(site):
    await site.apply()
    for _ in range(REPAIRS):
        site.cluster.drop(SERVICE, KEY)
        assert (await site.apply()).created == ("Service churn",)
    site.cluster.drop(SERVICE, KEY)
    with pytest.raises(Contested, match=r"^Service churn is put right again and again"):
        await site.apply()


async def test_our_own_renderings_one_after_the_other_are_no_fight(site):
    for number in range(3 * REPAIRS):
        await site.apply(drawings(str(number)))
    assert site.held(SERVICE)["metadata"]["annotations"][ANNOTATION_RENDER_HASH] == str(3 * REPAIRS - 1)


async def test_the_renderings_of_another_lockgate_are_one(site):
    await site.apply()
    other = Applier(site.cluster, site.store, lambda: site.now)
    for _ in range(REPAIRS):
        await other.apply(site.deployment, drawings("b"), site.template)
        await site.apply()
    other.forget(KEY)
    await other.apply(site.deployment, drawings("b"), site.template)
    with pytest.raises(Contested, match=r"^metadata\.annotations\.\S+ of Deployment churn is put right"):
        await site.apply()


async def test_fights_are_forgotten_with_the_model_deployment(site):
    await site.apply()
    for round_ in range(2):
        for number in range(REPAIRS):
            site.change(SERVICE, type=f"NodePort{round_}{number}")
            assert (await site.apply()).repaired == ("Service churn",)
        site.applier.forget(KEY)


async def test_what_is_forgotten_is_compared_anew(site):
    await site.apply()
    site.change(DEPLOYMENT, theirs="x")
    await site.apply()
    site.applier.forget(KEY)
    await site.apply()
    assert site.reads == ["Deployment"]


async def test_what_is_refused_is_no_fight(site):
    await site.apply()
    site.change(SERVICE, type="NodePort")
    applies = site.cluster.apply

    async def refuses(resource, obj, *, force):
        raise Conflict("it changed meanwhile")

    site.cluster.apply = refuses
    for _ in range(2 * REPAIRS):
        with pytest.raises(Conflict):
            await site.apply()
    site.cluster.apply = applies
    assert (await site.apply()).repaired == ("Service churn",)
