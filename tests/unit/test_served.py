"""What a gateway serves, by its own words alone, and what is remembered until it speaks."""

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.stages import CONTROLLER, PUBLIC, said, split

from lockgate.backends.deployment.route import parent_of
from lockgate.backends.deployment.served import REMEMBERED, Served, word_of
from lockgate.domain.observed import RouteFacts
from lockgate.domain.split import Arm

KEY = ("growth", "churn")
PARENT = parent_of(PUBLIC)
ROUTE = {"metadata": {"name": "churn", "namespace": "growth", "generation": 3}}
A, B, C = (split(("churn", weight), ("churn-0000000a", 100 - weight)) for weight in (100, 90, 50))
SILENCE, SERVES, REFUSES = (False, None), (True, None), (False, "no")


def heard(*parents: Any, controller: str = CONTROLLER) -> tuple[bool, str | None]:
    return word_of({**ROUTE, "status": {"parents": list(parents)}}, PARENT, controller)


def test_both_words_of_this_generation_are_needed():
    assert heard(said(PARENT, ROUTE)) == SERVES
    assert heard(said(PARENT, ROUTE, generation=2)) == SILENCE
    half = said(PARENT, ROUTE)
    half["conditions"][1]["observedGeneration"] = 2
    assert heard(half) == SILENCE
    assert heard({**half, "conditions": half["conditions"][:1]}) == SILENCE
    assert heard() == SILENCE
    assert word_of(ROUTE, PARENT, CONTROLLER) == SILENCE


@pytest.mark.parametrize("type_", ["Accepted", "ResolvedRefs"])
def test_a_refusal_is_told_with_its_message_or_else_with_its_reason(type_):
    assert heard(said(PARENT, ROUTE, **{type_: "no such thing"})) == (
        False,
        "the gateway does not serve the route: no such thing",
    )
    assert heard(said(PARENT, ROUTE, **{type_: ""})) == (
        False,
        "the gateway does not serve the route: Other",
    )
    old = said(PARENT, ROUTE, generation=2, **{type_: "no such thing"})
    assert heard(old) == SILENCE, "that was said of another generation"


def test_a_gateway_that_has_left_out_some_rules_does_not_serve_the_route():
    parent = said(PARENT, ROUTE)
    partly = {"type": "PartiallyInvalid", "status": "True", "message": "a rule was dropped"}
    parent["conditions"].append({**partly, "observedGeneration": 3})
    assert heard(parent) == (False, "the gateway does not serve the route: a rule was dropped")
    parent["conditions"][-1]["observedGeneration"] = 2
    assert heard(parent) == SERVES


def test_a_namespace_that_is_left_out_is_that_of_the_route():
    here = {**PARENT, "namespace": "growth"}
    bare = {name: value for name, value in here.items() if name not in ("namespace", "group", "kind")}
    route = {**ROUTE, "status": {"parents": [said(bare, ROUTE)]}}
    assert word_of(route, here, CONTROLLER) == SERVES
    assert word_of(route, PARENT, CONTROLLER) == SILENCE


def test_who_speaks_is_asked_for_only_where_it_is_known():
    theirs = said(PARENT, ROUTE) | {"controllerName": "example.com/other"}
    assert heard(theirs) == SILENCE
    assert heard(theirs, controller="") == SERVES


def test_a_controller_that_speaks_against_gateways_of_others_holds_up_nothing():
    theirs = said(PARENT, ROUTE, Accepted="none of mine") | {"controllerName": "example.com/other"}
    assert heard(theirs, said(PARENT, ROUTE), controller="") == SERVES
    assert heard(theirs, controller="")[1] is not None


def test_what_was_served_before_this_process_looked_is_unknown():
    served = Served()
    assert served.facts(KEY, A, SILENCE) == RouteFacts(written=A)
    assert served.named(KEY) is None
    assert served.facts(KEY, B, SILENCE) == RouteFacts(written=B, served=A)
    assert served.named(KEY) is None, "it may be something else than either"
    assert served.facts(KEY, B, SERVES) == RouteFacts(written=B, served=B)
    assert served.named(KEY) == {"churn", "churn-0000000a"}


def test_until_the_gateway_speaks_it_may_serve_all_that_was_written_since():
    served = Served()
    served.facts(KEY, A, SERVES)
    assert served.facts(KEY, B, SILENCE) == RouteFacts(written=B, served=A)
    assert served.facts(KEY, C, SILENCE) == RouteFacts(written=C, served=B, possible=(A,))
    assert served.facts(KEY, A, SILENCE) == RouteFacts(written=A, served=C, possible=(B,))
    assert served.facts(KEY, A, SERVES) == RouteFacts(written=A, served=A)
    assert served.facts(KEY, B, SILENCE) == RouteFacts(written=B, served=A)


def test_what_is_refused_is_not_served_though_it_was_before():
    served = Served()
    served.facts(KEY, A, SERVES)
    assert served.facts(KEY, A, REFUSES) == RouteFacts(written=A, problem="no")
    assert served.facts(KEY, B, REFUSES) == RouteFacts(written=B, served=A, problem="no")


def test_before_the_first_route_nothing_was_served():
    served = Served()
    served.nothing(KEY)
    assert served.facts(KEY, A, SILENCE) == RouteFacts(written=A)
    assert served.named(KEY) == {"churn", "churn-0000000a"}


def test_however_often_somebody_edits_a_route_little_is_remembered_and_nothing_of_one_that_is_gone():
    served = Served()
    served.nothing(KEY)
    for weight in range(100):
        served.facts(KEY, split(("churn", weight), ("churn-0000000a", 100 - weight)), SILENCE)
    assert len(served._memories[KEY].splits) <= REMEMBERED
    served.forget(KEY)
    assert KEY not in served._memories


def test_while_only_the_arms_change_a_rollout_beside_them_is_served_as_before():
    served = Served()
    with_arm, with_more = (replace(B, arms=(Arm("churn-b", weight),)) for weight in (20, 40))
    assert served.facts(KEY, with_arm, SERVES) == RouteFacts(written=B, served=B, arms=with_arm.arms)
    on_the_way = served.facts(KEY, with_more, SILENCE)
    assert on_the_way == RouteFacts(written=B, served=B, arms=with_arm.arms)
    assert served.named(KEY) == {"churn", "churn-0000000a", "churn-b"}
    other = replace(C, arms=with_more.arms)
    assert served.facts(KEY, other, SILENCE) == RouteFacts(written=C, served=B, arms=with_more.arms)
    assert served.facts(KEY, other, SERVES) == RouteFacts(written=C, served=C, arms=with_more.arms)


def test_after_a_restart_a_change_of_arms_is_no_proof_of_what_is_served():
    served = Served()
    with_arm = replace(B, arms=(Arm("churn-b", 20),))
    assert served.facts(KEY, with_arm, SILENCE) == RouteFacts(written=B)
    assert served.named(KEY) is None
