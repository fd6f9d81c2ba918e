"""What `plan` says would happen, and what it says is in the way."""

from datetime import timedelta
from functools import partial

import pytest
from tests.fakes import looks
from tests.fakes.looks import NOW
from tests.fakes.person import a_person

from lockgate.cli.failing import Exit
from lockgate.cli.planning import meaning, named, outlook
from lockgate.cli.seen import see
from lockgate.plan.gates.available import available
from lockgate.plan.gates.routed import routed

PIN = {"pin": {"version": "v10", "reason": "v12 is slow"}}


def planned(obj: looks.Json):
    return outlook(see(obj), NOW)


def test_an_alias_that_moved_rolls_its_version_out():
    found = planned(looks.serving(desired=looks.named("v13")))
    assert (found.following, found.release, found.present) == ("v13", "3fa9c1d2", None)
    assert found.origin == "the alias production of model/churn leads to v13"
    assert found.obstacles == ()


def test_what_serves_already_rolls_nothing_out():
    found = planned(looks.serving())
    assert (found.following, found.target) == (None, "v12")
    assert found.origin == "the alias production of model/churn leads to v12, which serves"


def test_another_release_of_the_version_that_serves_is_a_rollout():
    found = planned(looks.serving(desired=looks.named("v12") | {"release": "0badcafe"}))
    assert (found.following, found.release) == ("v12", "0badcafe")


def test_a_rollout_that_is_under_way_says_at_which_step_it_is():
    # A step that the strategy has no more is none of its last.
    assert planned(looks.canary()).present == 0


def test_a_pin_leads_to_its_version_as_long_as_it_holds():
    found = planned(looks.serving(spec=PIN))
    assert (found.following, found.release) == ("v10", None)
    assert found.origin == "pinned to v10: v12 is slow"
    over = {"pin": PIN["pin"] | {"until": looks.ago(hours=1)}}
    assert planned(looks.serving(spec=over)).following is None


def test_a_candidate_that_is_not_wanted_any_more_would_give_way():
    found = planned(looks.canary(spec=PIN))
    assert found.following == "v10"
    assert found.remarks == ("v13, which is being rolled out now, would give way to it",)


def test_what_is_in_the_way_is_told():
    unresolved = looks.condition("Resolved", "False", "AliasNotFound", "model/churn has no alias production")
    found = planned(looks.serving(conditions=[unresolved], spec={"suspend": True}))
    assert found.obstacles == (
        "the operator could not resolve it: model/churn has no alias production",
        "spec.suspend is true, so nothing moves; to go on: kubectl lockgate resume churn",
    )


def test_a_version_that_was_aborted_is_not_tried_again_by_itself():
    failed = looks.named("v13") | {"recipe": "", "reason": "RolloutAborted", "message": "too slow"}
    found = planned(looks.serving(desired=looks.named("v13"), rollout={"failed": [failed]}))
    (told,) = found.obstacles
    assert told.startswith("v13 was aborted (too slow) and is not tried again by itself; to try it: ")
    assert told.endswith("kubectl lockgate retry churn")


@pytest.mark.parametrize(
    "fields",
    [
        {"desired": None},
        {"desired": looks.named("v13") | {"alias": "staging"}},
        {"desired": looks.named("v13") | {"model": "model/old"}},
        {"desired": looks.named("v13") | {"source": "eu"}},
        {"desired": looks.named("v13", None)},
    ],
)
def test_a_version_that_something_else_led_to_is_not_taken_for_the_alias(fields: looks.Json):
    found = planned(looks.serving(**fields))
    assert (found.following, found.target) == (None, None)
    assert found.origin == "the alias production of model/churn is to be resolved"


def test_an_edit_that_was_not_looked_at_is_told():
    found = planned(looks.serving(observedGeneration=3))
    (told,) = found.remarks
    assert told.startswith("the operator has not looked at the last edit yet (generation 4, it is at 3)")


async def test_a_spec_that_cannot_be_acted_on_is_told_by_its_field():
    async with a_person() as person:
        person.api.put("modeldeployments", looks.serving(spec={"replicas": "many"}))
        assert await person.types("plan", "churn") is Exit.REFUSED
        assert person.error.startswith(
            "nothing would roll out, for the spec cannot be acted on: spec.replicas"
        )


def test_a_gate_is_called_by_its_function_and_by_what_it_was_given():
    def pause(length: timedelta, evidence: object, now: object) -> None:
        """Holds when the step has lasted so long; more is not asked."""

    assert named(available) == "available"
    assert named(partial(pause, timedelta(minutes=10))) == "pause 10m"
    assert meaning(partial(pause, timedelta(minutes=10))) == "the step has lasted so long"
    assert meaning(routed).startswith("all ways of the step are taken over")


def test_a_gate_that_is_an_object_is_called_by_its_kind():
    class Window:
        """Holds when the window is open."""

        def __call__(self, evidence: object, now: object) -> None: ...

    assert (named(Window()), meaning(Window())) == ("Window", "the window is open")


def test_what_waits_for_its_time_is_said_to_begin_then():
    awaited = {"awaited": looks.named("v13"), "awaitedSince": looks.ago(minutes=1), "awaitedBy": "AliasMoved"}
    found = planned(
        looks.serving(
            desired=looks.named("v13"),
            rollout={"stable": looks.named("v12"), **awaited},
            spec={"settle": {"debounce": "5m"}},
        )
    )
    assert found.following == "v13"
    assert found.remarks == (f"v13 begins if it is still asked for at {looks.ago(minutes=-4)}",)


def test_the_gate_on_signatures_is_told_with_what_it_warned_of():
    said = "alias production of model/churn is v13; warned by gate signature: input x is missing"
    found = planned(
        looks.serving(
            desired=looks.named("v13"),
            conditions=[looks.condition("Resolved", "True", "Resolved", said)],
            spec={"gates": {"signature": "Warn"}},
        )
    )
    asked, warned = found.remarks
    assert asked.startswith("before it may begin, gate signature asks: would clients of what serves notice?")
    assert asked.endswith("(what they would, or what cannot be told, is told of)")
    assert warned == "warned by gate signature: input x is missing"
    assert planned(looks.serving(spec={"gates": {"signature": "Ignore"}})).remarks == ()


def test_the_services_that_are_asked_are_told():
    found = planned(looks.serving(spec={"gates": {"webhook": [{"name": "fairness"}]}}))
    asked = "before it may begin, gate fairness asks a service of that name"
    assert found.remarks == (asked,)
    refused = {"version": "v13", "recipe": "8f14e45f", "message": "gate fairness refuses v13"}
    found = planned(looks.serving(spec={"gates": {"webhook": [{"name": "fairness"}]}}, refused=refused))
    assert found.remarks == (asked, "to have v13 asked about again: kubectl lockgate retry churn")
