"""What ECS has no word for is refused in one sentence that names the field; and what it has is said so."""

import pytest
from tests.fakes.builders import deployment
from tests.fakes.ecs import BACKEND, TRAFFIC, canary, target

from lockgate.aws.targets import target_for
from lockgate.backends.ecs.words import check_words, deployment_configuration
from lockgate.errors import InvalidSpec

STEP = {"weight": 10, "replicas": 100}


def on_ecs(**spec):
    return deployment(**({"backend": BACKEND} | spec))


def stepped(*steps, **canary_fields):
    return {"canary": {"steps": list(steps), **canary_fields}}


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"strategy": {"shadow": {"mirror": 10}}, "traffic": TRAFFIC}, "spec.strategy.shadow"),
        (
            {"strategy": stepped({**STEP, "mirror": 5}), "traffic": TRAFFIC},
            "spec.strategy.canary.steps[0].mirror",
        ),
        (
            {
                "strategy": stepped(STEP, {**STEP, "match": {"headers": {"x-user": "a"}}}),
                "traffic": TRAFFIC,
            },
            "spec.strategy.canary.steps[1].match",
        ),
        ({"strategy": stepped({"weight": 10}), "traffic": TRAFFIC}, "spec.strategy.canary.steps[0].replicas"),
        (
            {"strategy": stepped(STEP, capacity="ResourceAware"), "traffic": TRAFFIC},
            "spec.strategy.canary.capacity",
        ),
        ({"strategy": canary(10, 50), "traffic": TRAFFIC}, "spec.strategy.canary.steps"),
        ({"strategy": canary(25, 50), "traffic": TRAFFIC}, "spec.strategy.canary.steps"),
        ({"strategy": canary(1, 2), "traffic": TRAFFIC}, "spec.strategy.canary.steps"),
        ({"strategy": canary(10)}, "spec.traffic"),
        ({"strategy": canary(10), "traffic": {"gateway": "public"}}, "spec.traffic.gateway"),
        (
            {"strategy": canary(10), "traffic": {**TRAFFIC, "hostnames": ["a.example"]}},
            "spec.traffic.hostnames",
        ),
        ({"strategy": canary(10), "traffic": {**TRAFFIC, "path": "/v2"}}, "spec.traffic.path"),
        ({"progressDeadline": "1m", "strategy": canary(10), "traffic": TRAFFIC}, "spec.progressDeadline"),
    ],
)
def test_what_ecs_has_no_word_for_is_refused_by_its_field(spec, field):
    with pytest.raises(InvalidSpec) as said:
        check_words(on_ecs(**spec), target(bake_minutes=5))
    assert said.value.path == field
    assert said.value.message.count(". ") == 0


def test_traffic_is_not_shifted_at_a_target_that_cannot():
    plain = target(alternate_target_group="", production_listener_rule="", load_balancer_role="")
    with pytest.raises(InvalidSpec, match=r"spec\.strategy needs two target groups"):
        check_words(on_ecs(strategy={"blueGreen": {}}), plain)
    check_words(on_ecs(), plain)


@pytest.mark.parametrize(
    ("strategy", "word", "block"),
    [
        (canary(10), "CANARY", {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 0}),
        (canary(0, 10, 100), "CANARY", {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 0}),
        (canary(25, 50, 75), "LINEAR", {"stepPercent": 25.0, "stepBakeTimeInMinutes": 0}),
        (canary(30, 60, 90), "LINEAR", {"stepPercent": 30.0, "stepBakeTimeInMinutes": 0}),
        (canary(0, 100), "BLUE_GREEN", None),
        ({"blueGreen": {}}, "BLUE_GREEN", None),
    ],
)
def test_steps_have_the_word_of_ecs_and_stop_before_each_shift(strategy, word, block):
    asked = on_ecs(strategy=strategy, traffic=TRAFFIC)
    check_words(asked, target())
    told = deployment_configuration(asked, target(), is_release=True)
    assert told["strategy"] == word
    assert (told.get("canaryConfiguration") or told.get("linearConfiguration")) == block
    (hook,) = told["lifecycleHooks"]
    assert hook["targetType"] == "PAUSE"
    assert hook["lifecycleStages"] == ["PRE_PRODUCTION_TRAFFIC_SHIFT"]
    assert hook["timeoutConfiguration"]["action"] == "ROLLBACK"
    assert told["alarms"] == {"alarmNames": ["errors"], "enable": True, "rollback": True}
    assert told["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}


def test_a_first_version_and_a_way_back_are_not_stopped():
    asked = on_ecs(strategy=canary(10), traffic=TRAFFIC)
    told = deployment_configuration(asked, target(), is_release=False)
    assert told["strategy"] == "BLUE_GREEN"
    assert told["lifecycleHooks"] == []


@pytest.mark.parametrize(
    ("bounds", "most", "least"),
    [
        ({"maxSurge": "25%", "maxUnavailable": 0}, 125, 100),
        ({"maxSurge": 1, "maxUnavailable": 0}, 150, 100),
        ({"maxSurge": 0, "maxUnavailable": 1}, 100, 50),
    ],
)
def test_the_bounds_of_a_rolling_replacement_are_percent_for_ecs(bounds, most, least):
    told = deployment_configuration(on_ecs(strategy={"rolling": bounds}), target(), is_release=True)
    assert (told["strategy"], told["maximumPercent"], told["minimumHealthyPercent"]) == (
        "ROLLING",
        most,
        least,
    )


def test_a_target_of_another_namespace_is_none_and_is_not_named():
    targets = {"prod": target(), "theirs": target(name="theirs", namespaces=("risk",))}
    assert target_for(targets, "prod", "growth").name == "prod"
    with pytest.raises(InvalidSpec) as said:
        target_for(targets, "theirs", "growth")
    assert said.value.path == "spec.backend.ecs.target"
    assert "there is prod" in said.value.message
