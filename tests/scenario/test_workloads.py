"""Stages of several workloads on fakes: what is written, in which order, what is deleted, what is seen."""

from copy import deepcopy
from dataclasses import replace

import pytest
from tests.fakes.builders import T0
from tests.fakes.rig import KEY
from tests.fakes.stages import PUBLIC, SIZE, Hands, only, said, split

from lockgate.api.status import ModelDeploymentStatus, RolloutState, Trigger
from lockgate.api.status_codec import to_dict
from lockgate.domain.observed import RouteFacts
from lockgate.domain.plan import Stage
from lockgate.domain.resources import DEPLOYMENT, HTTP_ROUTE, MODEL_DEPLOYMENT, POD, SERVICE
from lockgate.errors import Conflict, GatewayNotReady, InvalidSpec, NotOwned, Terminating
from lockgate.names import LABEL_WORKLOAD


@pytest.fixture
def hands() -> Hands:
    return Hands()


def canary(hands: Hands, weight: int, pods: int = SIZE) -> Stage:
    """The first version at home, the second with a part of the traffic."""
    home, candidate = hands.track(1, SIZE, home=True), hands.track(2, pods)
    weights = split(("churn", 100 - weight), (candidate.workload, weight))
    return Stage(tracks=(home, candidate), split=weights, front="churn")


async def test_a_workload_of_the_models_own_name_without_a_route_has_one_service_as_ever(hands):
    await hands.settle(Stage(tracks=(hands.track(1, SIZE, home=True),)))
    assert hands.cluster.writes == ["create ControllerRevision", "apply Deployment", "apply Service"]
    assert hands.selectors() == {"churn": None}


async def test_each_workload_has_a_deployment_and_a_service_of_its_own_and_pods_that_say_so(hands):
    await hands.settle(canary(hands, 10))
    theirs = hands.workload(2)
    assert set(hands.named(DEPLOYMENT)) == {"churn", theirs}
    assert hands.selectors() == {"churn": "churn", "churn-own": "churn", theirs: theirs}
    for name, workload in hands.named(DEPLOYMENT).items():
        template = workload["spec"]["template"]["metadata"]["labels"]
        assert template[LABEL_WORKLOAD] == name
        assert workload["spec"]["selector"]["matchLabels"].items() <= template.items()
    assert hands.weights() == [("churn-own", 90), (theirs, 10)]


async def test_pods_and_services_are_there_before_the_route_that_names_them(hands):
    await hands.settle(only(hands.track(1, SIZE, home=True)))
    hands.cluster.writes.clear()
    await hands.settle(canary(hands, 10))
    assert hands.cluster.writes == [
        "create ControllerRevision",
        "apply Deployment",
        "apply Service",  # of the candidate
        "apply Service",  # of the model, which had all pods behind it
        "apply HTTPRoute",  # once the pods are there
    ]


async def test_pods_go_after_the_route_has_moved_and_the_gateway_has_said_so(hands):
    await hands.settle(canary(hands, 10))
    new = only(hands.track(2, SIZE), front=hands.workload(2))
    hands.cluster.writes.clear()
    for _ in range(3):
        # The gateway says nothing of what is written now.
        await hands.turn(new)
        hands.bring_up()
    assert hands.cluster.writes == ["apply Service", "apply HTTPRoute"]
    assert set(hands.named(DEPLOYMENT)) == {"churn", hands.workload(2)}
    assert "churn-own" in hands.named(SERVICE), "the gateway may still send requests to it"
    hands.cluster.writes.clear()
    await hands.settle(new)
    assert hands.cluster.writes == ["delete Service", "delete Deployment"]
    assert set(hands.named(DEPLOYMENT)) == {hands.workload(2)}
    assert hands.selectors() == {"churn": hands.workload(2), hands.workload(2): hands.workload(2)}
    assert not [key for kind, key in hands.cluster.objects if kind is POD and "churn-own" in key[1]]


async def test_fewer_pods_are_asked_for_after_traffic_has_moved_in_the_same_pass(hands):
    await hands.settle(canary(hands, 50))
    home, candidate = canary(hands, 90).tracks
    fewer = replace(canary(hands, 90), tracks=(replace(home, replicas=1), candidate))
    hands.cluster.writes.clear()
    await hands.turn(fewer)
    assert hands.cluster.writes == ["apply HTTPRoute", "apply Deployment"]
    assert hands.named(DEPLOYMENT)["churn"]["spec"]["replicas"] == 2, "its share as it is served yet"


async def test_a_route_that_is_not_asked_for_any_more_goes_before_the_services_that_it_named(hands):
    await hands.settle(canary(hands, 10))
    plain = Stage(tracks=(hands.track(1, SIZE, home=True),))
    hands.cluster.writes.clear()
    await hands.turn(plain)
    assert hands.cluster.writes == ["apply Deployment", "delete HTTPRoute"]
    assert hands.named(DEPLOYMENT)[hands.workload(2)]["spec"]["replicas"] == 1, "its share"
    assert "churn-own" in hands.named(SERVICE)
    await hands.settle(plain)
    assert hands.selectors() == {"churn": None}
    assert set(hands.named(DEPLOYMENT)) == {"churn"}


async def test_a_route_stays_until_the_front_can_take_who_came_by_it_though_no_gateway_is_named(hands):
    await hands.settle(canary(hands, 10))
    hands.rig.create(replicas=SIZE, traffic=None)
    before = deepcopy(hands.route()["spec"])
    hands.edit(DEPLOYMENT, lambda d: d["status"].update(availableReplicas=1))
    plain = Stage(tracks=(hands.track(1, SIZE, home=True),))
    await hands.turn(plain)
    assert hands.route()["spec"] == before
    hands.edit(DEPLOYMENT, lambda d: d["status"].update(availableReplicas=SIZE))
    await hands.settle(plain)
    assert not hands.named(HTTP_ROUTE)
    assert hands.selectors() == {"churn": None}


async def test_a_preview_has_an_address_as_long_as_it_is_asked_for(hands):
    stage = replace(canary(hands, 0), preview=hands.workload(2))
    await hands.settle(stage)
    assert hands.selectors()["churn-preview"] == hands.workload(2)
    await hands.settle(replace(stage, preview=None))
    assert "churn-preview" not in hands.selectors()


async def test_only_what_is_ours_is_deleted(hands):
    await hands.settle(canary(hands, 10))
    theirs = deepcopy(hands.named(DEPLOYMENT)[hands.workload(2)])
    theirs["metadata"] |= {"name": "churn-theirs", "uid": "another"}
    theirs["metadata"]["ownerReferences"][0] |= {"uid": "of-somebody-else"}
    hands.cluster.server.collecting = False
    hands.cluster.put(DEPLOYMENT, theirs)
    await hands.settle(only(hands.track(1, SIZE, home=True), front="churn"))
    assert set(hands.named(DEPLOYMENT)) == {"churn", "churn-theirs"}


async def test_what_has_changed_since_it_was_seen_is_not_deleted(hands):
    await hands.settle(canary(hands, 0))
    hands.cluster.lag()
    hands.edit(DEPLOYMENT, lambda found: found["metadata"]["annotations"].update(a="b"), hands.workload(2))
    alone = only(hands.track(1, SIZE, home=True), front="churn")
    with pytest.raises(Conflict):
        await hands.turn(alone)
    assert hands.workload(2) in hands.named(DEPLOYMENT)
    hands.cluster.server.lagging = False
    hands.cluster.deliver()
    await hands.settle(alone)
    assert hands.workload(2) not in hands.named(DEPLOYMENT)


@pytest.mark.parametrize(("resource", "name"), [(SERVICE, "churn-own"), (HTTP_ROUTE, "churn")])
async def test_an_object_of_somebody_else_in_the_way_is_told_before_anything_is_touched(
    hands, resource, name
):
    await hands.settle(Stage(tracks=(hands.track(1, SIZE, home=True),)))
    labels = {"app.kubernetes.io/managed-by": "lockgate"}
    metadata = {"name": name, "namespace": KEY[0], "labels": labels}
    hands.cluster.put(resource, {"metadata": metadata, "spec": {}})
    hands.cluster.writes.clear()
    with pytest.raises(NotOwned, match=f"{resource.kind} {name} exists"):
        await hands.turn(only(hands.track(1, SIZE, home=True)))
    assert hands.cluster.writes == []


@pytest.mark.parametrize("name", ["churn", "churn-own"])
async def test_a_service_whose_selector_somebody_narrows_is_put_right(hands, name):
    await hands.settle(canary(hands, 10))
    hands.edit(SERVICE, lambda found: found["spec"]["selector"].update(team="x"), name)
    applied = await hands.turn(canary(hands, 10))
    assert applied.repaired == (f"Service {name}",)
    assert "team" not in hands.named(SERVICE)[name]["spec"]["selector"]


async def test_while_something_goes_no_traffic_moves_and_nobody_shrinks(hands):
    await hands.settle(canary(hands, 50))
    hands.edit(SERVICE, lambda found: found["metadata"].update(finalizers=["slow"]), hands.workload(2))
    hands.cluster.erase(SERVICE, (KEY[0], hands.workload(2)))
    hands.cluster.writes.clear()
    with pytest.raises(Terminating):
        await hands.turn(canary(hands, 90))
    assert hands.cluster.writes == []
    assert hands.weights()[1] == (hands.workload(2), 50)
    hands.cluster.drop(SERVICE, (KEY[0], hands.workload(2)))
    await hands.settle(canary(hands, 90))
    assert hands.weights()[1] == (hands.workload(2), 90)


class TestWhatIsSeen:
    async def test_every_workload_its_pods_and_the_front(self, hands):
        await hands.settle(canary(hands, 10, pods=1))
        seen = await hands.observe()
        assert (seen.workload.name, [each.name for each in seen.others]) == ("churn", [hands.workload(2)])
        assert len(seen.pods_of(hands.release(1))) == SIZE
        assert len(seen.pods_of(hands.release(2))) == 1
        assert seen.front == "churn"
        assert seen.runs(hands.release(2)).name == hands.workload(2)

    async def test_a_workload_beside_whose_home_is_not_there(self, hands):
        await hands.settle(only(hands.track(2, SIZE)))
        seen = await hands.observe()
        assert seen.workload is None
        assert seen.named(hands.workload(2)).available == SIZE
        assert len(seen.pods) == SIZE

    async def test_pods_that_merely_say_that_they_are_of_a_workload_do_not_count(self, hands):
        await hands.settle(canary(hands, 10, pods=1))
        (real,) = [obj for (kind, _), obj in hands.cluster.objects.items() if kind is POD][-1:]
        fake = deepcopy(real)
        fake["metadata"] |= {"name": "fake", "uid": "fake"}
        fake["metadata"]["ownerReferences"][0] |= {"uid": "another"}
        hands.cluster.put(POD, fake)
        assert len((await hands.observe()).pods) == SIZE + 1

    async def test_a_split_is_served_once_the_gateway_says_so_of_this_very_generation(self, hands):
        old, new = split(("churn", 100)), canary(hands, 10).split
        await hands.settle(only(hands.track(1, SIZE, home=True)))
        assert (await hands.observe()).route == RouteFacts(written=old, served=old)
        for _ in range(2):
            await hands.turn(canary(hands, 10))
            hands.bring_up()
        assert (await hands.observe()).route == RouteFacts(written=new, served=old)
        hands.accept()
        assert (await hands.observe()).route == RouteFacts(written=new, served=new)

    async def test_what_a_gateway_refuses_is_told_in_its_words(self, hands):
        await hands.settle(only(hands.track(1, SIZE, home=True)))
        hands.accept(ResolvedRefs="a backend is not there")
        seen = (await hands.observe()).route
        assert seen.served is None
        assert seen.problem == "the gateway does not serve the route: a backend is not there"

    async def test_what_another_controller_or_another_parent_says_is_not_heard(self, hands):
        await hands.turn(only(hands.track(1, SIZE, home=True)))
        hands.bring_up()
        await hands.turn(only(hands.track(1, SIZE, home=True)))
        route = deepcopy(hands.route())
        parent = route["spec"]["parentRefs"][0]
        strangers = [
            said(parent, route) | {"controllerName": "example.com/other"},
            said({**parent, "sectionName": "http"}, route),
            said({**parent, "namespace": "elsewhere"}, route),
        ]
        hands.cluster.put(HTTP_ROUTE, {**route, "status": {"parents": strangers}})
        assert (await hands.observe()).route.served is None
        told = [*strangers, said(parent, route)]
        hands.cluster.put(HTTP_ROUTE, {**route, "status": {"parents": told}})
        assert (await hands.observe()).route.served == split(("churn", 100))

    async def test_another_process_knows_nothing_of_what_was_served_before(self, hands):
        await hands.settle(only(hands.track(1, SIZE, home=True)))
        await hands.settle(Stage(tracks=canary(hands, 10).tracks, split=split(("churn", 100)), front="churn"))
        await hands.turn(canary(hands, 10))
        hands.restart()
        seen = (await hands.observe()).route
        assert (seen.written, seen.served) == (canary(hands, 10).split, None)
        await hands.turn(only(hands.track(1, SIZE, home=True), front="churn"))
        assert hands.workload(2) in hands.named(SERVICE), "who can tell whether it is sent requests?"
        await hands.settle(only(hands.track(1, SIZE, home=True), front="churn"))
        assert hands.workload(2) not in hands.named(SERVICE)

    async def test_another_process_takes_no_pods_away_before_the_gateway_has_spoken(self, hands):
        await hands.settle(canary(hands, 10))
        await hands.turn(canary(hands, 90))
        hands.restart()
        home, candidate = canary(hands, 90).tracks
        fewer = replace(canary(hands, 90), tracks=(replace(home, replicas=1), candidate))
        await hands.turn(fewer)
        assert hands.named(DEPLOYMENT)["churn"]["spec"]["replicas"] == SIZE
        await hands.settle(fewer)
        assert hands.named(DEPLOYMENT)["churn"]["spec"]["replicas"] == 1

    async def test_pods_stay_while_a_gateway_lags_behind_a_split_that_was_taken_back(self, hands):
        await hands.settle(canary(hands, 0))
        await hands.turn(canary(hands, 50))
        await hands.turn(canary(hands, 0))
        seen = (await hands.observe()).route
        assert (seen.written, seen.served) == (canary(hands, 0).split, canary(hands, 50).split)
        await hands.turn(only(hands.track(1, SIZE, home=True), front="churn"))
        assert hands.named(DEPLOYMENT)[hands.workload(2)]["spec"]["replicas"] == SIZE // 2


class TestHowLongACandidateStandsStill:
    @staticmethod
    def rolling(hands: Hands, *, reached: bool) -> None:
        """The second version is the candidate, and its step has been reached or not."""
        state = RolloutState(
            stable=hands.release(1),
            candidate=hands.release(2),
            started_at=T0,
            progressed_at=T0,
            reached_at=T0 if reached else None,
            trigger=Trigger.ALIAS_MOVED,
        )
        status = to_dict(ModelDeploymentStatus(rollout=state))
        hands.cluster.put(
            MODEL_DEPLOYMENT, {**hands.cluster.objects[MODEL_DEPLOYMENT, KEY], "status": status}
        )

    async def unmoved(self, hands: Hands) -> float:
        await hands.observe()
        hands.rig.wait(minutes=5)
        return (await hands.observe()).unmoved.total_seconds()

    async def test_it_counts_on_the_way_to_a_step(self, hands):
        await hands.settle(canary(hands, 10))
        self.rolling(hands, reached=False)
        assert await self.unmoved(hands) == 300

    async def test_it_counts_anew_from_when_a_step_is_reached(self, hands):
        await hands.settle(canary(hands, 10))
        self.rolling(hands, reached=False)
        await self.unmoved(hands)
        self.rolling(hands, reached=True)
        assert await self.unmoved(hands) == 300


class TestARouteThatSomebodyElseWrites:
    async def test_its_weights_are_put_right(self, hands):
        await hands.settle(canary(hands, 10))
        hands.edit(HTTP_ROUTE, lambda r: r["spec"]["rules"][0]["backendRefs"][1].update(weight=7))
        hands.edit(HTTP_ROUTE, lambda r: r["spec"]["rules"][0]["backendRefs"][0].update(weight=1))
        seen = (await hands.observe()).route
        assert seen.written == split(("churn", 13), (hands.workload(2), 87))
        await hands.settle(canary(hands, 10))
        assert hands.weights() == [("churn-own", 90), (hands.workload(2), 10)]

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda spec: spec["rules"][0].update(timeouts={"request": "1s"}), id="in a rule"),
            pytest.param(
                lambda spec: spec["rules"].append({"backendRefs": [{"name": "evil"}]}), id="another rule"
            ),
            pytest.param(lambda spec: spec["rules"].clear(), id="no rule"),
            pytest.param(lambda spec: spec["hostnames"].append("bank.example.com"), id="another host"),
            pytest.param(lambda spec: spec["parentRefs"].append({"name": "other"}), id="another gateway"),
            pytest.param(
                lambda spec: spec["rules"][0]["backendRefs"].append(
                    {"name": "evil", "port": 80, "weight": 5}
                ),
                id="another backend",
            ),
        ],
    )
    async def test_whatever_is_added_to_it_or_taken_away_is_put_right(self, hands, change):
        await hands.settle(canary(hands, 10))
        before = deepcopy(hands.route()["spec"])
        hands.edit(HTTP_ROUTE, lambda route: change(route["spec"]))
        applied = await hands.turn(canary(hands, 10))
        assert applied.repaired == ("HTTPRoute churn",)
        assert hands.route()["spec"] == before

    async def test_one_that_leads_to_nobody_of_ours_is_told_and_the_pods_stay(self, hands):
        await hands.settle(only(hands.track(1, SIZE, home=True)))
        hands.edit(HTTP_ROUTE, lambda route: route["spec"]["rules"][0].update(backendRefs=[{"name": "evil"}]))
        hands.accept()
        seen = (await hands.observe()).route
        assert (seen.written, seen.served) == (split(("churn", 100)), None)
        assert seen.problem == "HTTPRoute churn says something else than was written into it"

    async def test_after_it_was_put_right_nothing_is_served_before_the_gateway_says_so(self, hands):
        await hands.settle(canary(hands, 10))
        hands.edit(HTTP_ROUTE, lambda route: route["spec"]["rules"][0].update(timeouts={"request": "1s"}))
        await hands.turn(canary(hands, 10))
        assert (await hands.observe()).route.served is None
        hands.accept()
        assert (await hands.observe()).route.served == canary(hands, 10).split

    async def test_one_that_was_deleted_is_made_anew(self, hands):
        await hands.settle(canary(hands, 10))
        hands.cluster.erase(HTTP_ROUTE, KEY)
        await hands.settle(canary(hands, 10))
        assert hands.weights() == [("churn-own", 90), (hands.workload(2), 10)]


class TestWhatCannotBe:
    def test_a_gateway_that_the_platform_does_not_offer(self):
        hands = Hands(traffic={"gateway": "other"})
        with pytest.raises(
            InvalidSpec, match=r"spec.traffic.gateway is other, which .*; write one of public"
        ):
            hands.backend.accepts(hands.deployment)

    def test_what_the_gateway_cannot_do_is_refused_beforehand(self):
        hands = Hands(strategy={"shadow": {"mirror": 10}})
        hands.backend.accepts(hands.deployment)
        all_or_none = replace(PUBLIC, features=replace(PUBLIC.features, percent_mirror=False))
        backend = hands.rig.backend(gateways={"public": all_or_none})
        with pytest.raises(InvalidSpec, match=r"spec.strategy.shadow.mirror .* write 100"):
            backend.accepts(hands.deployment)

    async def test_a_route_where_the_cluster_has_no_such_kind(self, hands):
        hands.rig.sight.absent.add(HTTP_ROUTE)
        with pytest.raises(GatewayNotReady, match="install the Gateway API"):
            hands.backend.accepts(hands.deployment)
        await hands.turn(only(hands.track(1, SIZE, home=True)))
        hands.bring_up()
        assert hands.selectors() == {"churn": None}, "who comes without a gateway is served"
        with pytest.raises(GatewayNotReady):
            await hands.turn(only(hands.track(1, SIZE, home=True)))
        hands.rig.sight.absent.clear()
        await hands.settle(only(hands.track(1, SIZE, home=True)))
        assert hands.weights() == [("churn-own", 100)]

    async def test_without_traffic_nobody_asks_for_the_gateway_api(self):
        hands = Hands(traffic=None)
        hands.rig.sight.absent.add(HTTP_ROUTE)
        hands.backend.accepts(hands.deployment)
        await hands.settle(Stage(tracks=(hands.track(1, SIZE, home=True), hands.track(2, SIZE))))
        await hands.settle(Stage(tracks=(hands.track(1, SIZE, home=True),)))
        assert set(hands.named(DEPLOYMENT)) == {"churn"}, "where there are no routes nothing is named by one"

    async def test_nothing_is_deleted_while_routes_cannot_be_seen(self, hands):
        await hands.settle(Stage(tracks=(hands.track(1, SIZE, home=True), hands.track(2, SIZE))))
        alone = Stage(tracks=(hands.track(1, SIZE, home=True),))
        hands.rig.sight.unseen.add(HTTP_ROUTE)
        await hands.turn(alone)
        assert hands.workload(2) in hands.named(DEPLOYMENT)
        hands.rig.sight.unseen.clear()
        await hands.settle(alone)
        assert hands.workload(2) not in hands.named(DEPLOYMENT)

    async def test_who_has_no_gateway_is_scaled_all_the_same(self):
        hands = Hands(traffic=None)
        await hands.settle(Stage(tracks=(hands.track(1, SIZE, home=True),)))
        hands.rig.sight.unseen.add(HTTP_ROUTE)
        await hands.settle(Stage(tracks=(hands.track(1, 1, home=True),)))
        assert hands.named(DEPLOYMENT)["churn"]["spec"]["replicas"] == 1

    async def test_after_routes_were_out_of_sight_nothing_goes_before_the_gateway_has_spoken(self, hands):
        await hands.settle(canary(hands, 50))
        hands.rig.sight.unseen.add(HTTP_ROUTE)
        gone = hands.rig.store.get(HTTP_ROUTE, KEY)
        hands.rig.store.remove(HTTP_ROUTE, gone)
        fewer = Stage(tracks=(hands.track(1, 1, home=True), hands.track(2, 1)))
        await hands.turn(fewer)
        assert {d["spec"]["replicas"] for d in hands.named(DEPLOYMENT).values()} == {SIZE}
        hands.rig.sight.unseen.clear()
        hands.rig.store._removed.clear()
        unsaid = {**hands.route(), "status": {}}
        hands.cluster.put(HTTP_ROUTE, unsaid)
        await hands.turn(canary(hands, 10, pods=1))
        assert {d["spec"]["replicas"] for d in hands.named(DEPLOYMENT).values()} == {SIZE}

    def test_routes_are_watched_only_where_there_is_a_gateway(self, hands):
        assert HTTP_ROUTE in hands.backend.watches
        assert HTTP_ROUTE not in hands.rig.backend().watches
