"""What a person is answered who asks something of a rollout, word for word, and what becomes of the state."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.builders import T0
from tests.fakes.canaries import GOING, V1, V2, known
from tests.fakes.facts import pod, workload

from lockgate.api.conditions import Condition, ConditionStatus
from lockgate.api.gates import Refusal
from lockgate.api.lifecycle import Settle
from lockgate.api.requests import LastRequest, RequestOutcome
from lockgate.api.status import Approval, Failure, RolloutState, Trigger
from lockgate.domain.observed import Observed
from lockgate.names import ConditionType, Reason
from lockgate.plan.failures import recipe_of
from lockgate.plan.people import Heard, hear

NOBODY = Observed()
AT_REST = RolloutState(stable=V1)
HELD = replace(
    GOING,
    reached_at=T0,
    frozen=Failure(revision=V2, recipe="r", reason=Reason.ANALYSIS_FAILED, message="too many errors"),
)


def asked(
    text, state=GOING, *, wanted=V2, observed=NOBODY, is_quarantined=False, change=None, **spec
) -> Heard:
    """What is heard of a request while the rollout stands so; `change` makes another status."""
    deployment = known(state, request=text, **spec)
    if change:
        deployment = replace(deployment, status=replace(deployment.status, **change))
    return hear(deployment, state, V2, observed, is_quarantined=is_quarantined)


def failed_before(state=AT_REST) -> RolloutState:
    """The same, and v2 was aborted."""
    recipe = recipe_of(known(state), V2)
    failure = Failure(revision=V2, recipe=recipe, reason=Reason.FETCH_FAILED, message="wrong bytes")
    return replace(state, failed=(failure,))


def said(heard: Heard) -> tuple[str, str, str]:
    """The answer, and to what."""
    assert heard.answer is not None
    return heard.answer.outcome.value, heard.answer.message or "", heard.answer.request


def resolved(reason: Reason) -> Condition:
    """The registry's condition, for this reason."""
    return Condition(
        type=ConditionType.RESOLVED,
        status=ConditionStatus.FALSE,
        reason=reason,
        message="",
        last_transition_time=T0,
        observed_generation=1,
    )


def test_nobody_who_asks_nothing_is_answered():
    assert asked("") == Heard(state=GOING)


def test_what_was_answered_is_not_answered_again():
    last = LastRequest(request="abort #1", outcome=RequestOutcome.ACCEPTED, message="it is")
    assert hear(known(GOING, request="abort #1", last=last), GOING, V2, NOBODY) == Heard(state=GOING)


def test_nonsense_is_refused_and_changes_nothing():
    heard = asked("scale down")
    outcome, message, request = said(heard)
    assert (outcome, request, heard.state, heard.abort) == ("Refused", "scale down", GOING, None)
    assert "scale" in message


@pytest.mark.parametrize(
    ("text", "state", "message"),
    [
        ("abort", AT_REST, "nothing is being rolled out"),
        ("promote", AT_REST, "nothing is being rolled out"),
        ("retry", GOING, "v2 is being rolled out"),
        ("retry", AT_REST, "no version that was aborted is asked for now"),
        (
            "abort 0000dead",
            GOING,
            "it is for release 0000dead, and v2 (release 00000002) is being rolled out",
        ),
    ],
)
def test_what_fits_not_is_refused_in_words_that_say_why(text, state, message):
    heard = asked(text, state)
    assert said(heard) == ("Refused", message, text)
    assert (heard.state, heard.abort, heard.trigger) == (state, None, None)


def test_after_a_lost_status_nothing_is_granted_that_may_have_been_answered_before():
    deployment = known(RolloutState(), request="abort")
    heard = hear(deployment, GOING, V2, NOBODY)
    message = "the status was lost, and whether this was answered before; ask once more"
    assert said(heard) == ("Refused", message, "abort")


def test_who_serves_with_none_to_go_back_to_is_not_aborted():
    first = replace(GOING, stable=None)
    serves = Observed(others=(workload(V2),), pods=(pod(V2),))
    message = "v2 serves, and there is none to go back to; set replicas to 0 to end it"
    assert said(asked("abort", first, observed=serves)) == ("Refused", message, "abort")
    assert asked("abort", first).abort is not None
    starts = Observed(others=(workload(V2),), pods=(pod(V2, ready=False),))
    assert asked("abort", first, observed=starts).abort is not None
    assert asked("abort", GOING, observed=serves).abort is not None
    assert said(asked("promote", first, observed=serves))[0] == "Accepted"


def test_an_approval_is_of_the_present_step_and_takes_the_place_of_one_before_it():
    before = replace(GOING, step=1, approvals=(Approval(step=0, by="bob"), Approval(step=1, by="eve")))
    heard = asked("approve 00000002 by ada because it is good", before)
    text = "approve 00000002 by ada because it is good"
    assert said(heard) == ("Accepted", "v2 (release 00000002) is approved in step 2", text)
    given = (Approval(step=0, by="bob"), Approval(step=1, by="ada", reason="it is good"))
    assert heard.state == replace(before, approvals=given)


def test_an_approval_by_nobody_for_no_reason_says_neither():
    assert asked("approve 00000002").state.approvals == (Approval(step=0, by="", reason=""),)


def test_who_is_promoted_is_held_no_more_whatever_held_it():
    heard = asked("promote by ada", HELD)
    message = "v2 (release 00000002) is held in no step any more"
    assert said(heard) == ("Accepted", message, "promote by ada")
    assert heard.state == replace(HELD, hurried=True, frozen=None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("abort", "somebody asked for it"),
        ("abort by ada", "ada asked for it"),
        ("abort by ada because it lies", "ada asked for it: it lies"),
    ],
)
def test_who_is_aborted_is_so_for_the_reason_that_was_given(text, why):
    heard = asked(text)
    assert said(heard) == ("Accepted", "v2 (release 00000002) is aborted", text)
    assert heard.abort == (Reason.ABORTED_BY_REQUEST, why)
    assert heard.state == GOING


def test_who_is_held_is_tried_again_where_it_is():
    heard = asked("retry", HELD)
    assert said(heard) == ("Accepted", "v2 (release 00000002) is tried again where it is held", "retry")
    assert heard.state == replace(HELD, frozen=None, reached_at=None)
    assert heard.trigger is None


def test_what_was_aborted_is_tried_again_and_begins_by_itself():
    heard = asked("retry", failed_before())
    assert said(heard) == ("Accepted", "v2 (release 00000002) is tried again", "retry")
    assert (heard.state, heard.trigger) == (AT_REST, Trigger.RETRIED)


def test_only_what_is_tried_again_is_forgotten_to_have_failed():
    other = Failure(revision=V1, recipe="another", reason=Reason.FETCH_FAILED, message="wrong bytes")
    state = failed_before()
    heard = asked("retry", replace(state, failed=(*state.failed, other)))
    assert heard.state.failed == (other,)


def test_where_it_would_have_to_settle_what_is_tried_again_waits_for_nothing():
    assert not asked("retry", failed_before()).state.at_once
    settling = Settle(debounce=timedelta(minutes=5))
    deployment = replace(known(failed_before(), request="retry"), settle=settling)
    assert hear(deployment, failed_before(), V2, NOBODY).state.at_once
    nothing_serves = replace(failed_before(), stable=None)
    assert not hear(deployment, nothing_serves, V2, NOBODY).state.at_once


def test_what_failed_elsewhere_is_tried_here_at_once():
    heard = asked("retry", AT_REST, is_quarantined=True)
    assert said(heard) == ("Accepted", "v2 (release 00000002) is tried here", "retry")
    assert (heard.state, heard.trigger) == (replace(AT_REST, at_once=True), Trigger.RETRIED)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"conditions": (resolved(Reason.GATE_WAITING),)}, "the version that waits"),
        ({"refused": Refusal(version="v2", recipe="r", message="unfair")}, "v2"),
    ],
    ids=["it waits for a service", "a service refused it"],
)
def test_a_service_that_refused_or_says_nothing_is_asked_anew(change, named):
    heard = asked("retry", AT_REST, change=change)
    assert said(heard) == ("Accepted", f"{named} is asked about again", "retry")
    assert (heard.state, heard.trigger, heard.abort) == (AT_REST, Trigger.RETRIED, None)


def test_nobody_is_asked_anew_for_another_request_or_reason_or_amid_a_rollout():
    refused = {"refused": Refusal(version="v3", recipe="r", message="unfair")}
    assert said(asked("abort", AT_REST, change=refused))[0] == "Refused"
    assert said(asked("retry", GOING, change=refused))[1] == "v2 is being rolled out"
    assert said(asked("retry", failed_before(), change=refused))[1] == "v2 (release 00000002) is tried again"
    other = {"conditions": (resolved(Reason.ALIAS_NOT_FOUND),)}
    assert said(asked("retry", AT_REST, change=other))[0] == "Refused"
