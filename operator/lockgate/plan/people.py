"""What people ask of a rollout: is it granted, and what does it make of the state? Pure.

Each request is answered once, and the answer is kept in the status. Nobody can ask for less proof,
for pods that are not there or for traffic that is not served.
"""

from dataclasses import dataclass, replace

from lockgate.api.conditions import find
from lockgate.api.lifecycle import Settle
from lockgate.api.limits import APPROVALS_LIMIT
from lockgate.api.requests import LastRequest, Request, RequestOutcome, Verb, parse_request, unanswered
from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Approval, Revision, RolloutState, Trigger
from lockgate.domain.observed import Observed
from lockgate.names import ConditionType, Reason
from lockgate.plan.failures import failure_of
from lockgate.plan.troubles import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The state after what was asked, the answer where one is due, and why the candidate is given up.

    `trigger` is what a rollout that begins now was started by, where a person did.
    """

    state: RolloutState
    answer: LastRequest | None = None
    abort: Problem | None = None
    trigger: Trigger | None = None


def hear(
    deployment: ModelDeployment,
    state: RolloutState,
    wanted: Revision | None,
    observed: Observed,
    *,
    is_quarantined: bool = False,
) -> Heard:
    """Answer the request on the ModelDeployment, unless it was answered before.

    `is_quarantined` says that the wanted version failed elsewhere, and is not tried here for that.
    """
    text = unanswered(deployment.request, deployment.status.last_request)
    if not text:
        return Heard(state=state)
    try:
        request = parse_request(text)
    except ValueError as error:
        return Heard(state=state, answer=_answer(text, str(error), granted=False))
    is_held_back = wanted is not None and (
        is_quarantined or failure_of(deployment, state, wanted) is not None
    )
    is_at_rest = state.candidate is None and not is_held_back
    if request.verb is Verb.RETRY and is_at_rest and _is_asked_about(deployment):
        refused = deployment.status.refused
        said = f"{refused.version if refused else 'the version that waits'} is asked about again"
        return Heard(state=state, answer=_answer(text, said), trigger=Trigger.RETRIED)
    refusal = _refusal(deployment, state, request, observed, is_held_back=is_held_back)
    if refusal is not None:
        return Heard(state=state, answer=_answer(text, refusal, granted=False))
    return _GRANTED[request.verb](deployment, state, request, wanted)


def _refusal(
    deployment: ModelDeployment,
    state: RolloutState,
    request: Request,
    observed: Observed,
    *,
    is_held_back: bool,
) -> str | None:
    if deployment.status.rollout == RolloutState() and state != RolloutState():
        return "the status was lost, and whether this was answered before; ask once more"
    if request.verb is Verb.RETRY and state.frozen is None:
        if state.candidate is not None:
            return f"{state.candidate.version} is being rolled out"
        return None if is_held_back else "no version that was aborted is asked for now"
    if state.candidate is None:
        return "nothing is being rolled out"
    if request.release not in (None, state.candidate.release):
        return f"it is for release {request.release}, and {_named(state.candidate)} is being rolled out"
    serves = any(pod.ready for pod in observed.pods_of(state.candidate))
    if request.verb is Verb.ABORT and state.stable is None and serves:
        return (
            f"{state.candidate.version} serves, and there is none to go back to; set replicas to 0 to end it"
        )
    return None


def _approve(
    deployment: ModelDeployment, state: RolloutState, request: Request, wanted: Revision | None
) -> Heard:
    assert state.candidate is not None
    given = Approval(step=state.step, by=request.by or "", reason=request.reason or "")
    known = tuple(approval for approval in state.approvals if approval.step != given.step)
    approved = replace(state, approvals=(*known, given)[-APPROVALS_LIMIT:])
    said = f"{_named(state.candidate)} is approved in step {state.step + 1}"
    return Heard(state=approved, answer=_answer(request.text, said))


def _promote(
    deployment: ModelDeployment, state: RolloutState, request: Request, wanted: Revision | None
) -> Heard:
    assert state.candidate is not None
    said = f"{_named(state.candidate)} is held in no step any more"
    return Heard(state=replace(state, hurried=True, frozen=None), answer=_answer(request.text, said))


def _abort(
    deployment: ModelDeployment, state: RolloutState, request: Request, wanted: Revision | None
) -> Heard:
    assert state.candidate is not None
    why = f"{request.by or 'somebody'} asked for it" + (f": {request.reason}" if request.reason else "")
    said = f"{_named(state.candidate)} is aborted"
    return Heard(state=state, answer=_answer(request.text, said), abort=(Reason.ABORTED_BY_REQUEST, why))


def _retry(
    deployment: ModelDeployment, state: RolloutState, request: Request, wanted: Revision | None
) -> Heard:
    if state.frozen is not None and state.candidate is not None:
        said = f"{_named(state.candidate)} is tried again where it is held"
        return Heard(state=replace(state, frozen=None, reached_at=None), answer=_answer(request.text, said))
    assert wanted is not None
    failed = failure_of(deployment, state, wanted)
    left = tuple(known for known in state.failed if known != failed)
    said = f"{_named(wanted)} is tried {'again' if failed else 'here'}"
    may_wait = failed is None or deployment.settle != Settle()
    return Heard(
        # Where it cannot begin now, it waits for nothing once it can.
        state=replace(state, failed=left, at_once=state.stable is not None and may_wait),
        answer=_answer(request.text, said),
        trigger=Trigger.RETRIED,
    )


def _is_asked_about(deployment: ModelDeployment) -> bool:
    """Whether a service has refused what is asked for, or keeps it waiting: it is asked anew."""
    resolved = find(deployment.status.conditions, ConditionType.RESOLVED)
    waits = resolved is not None and resolved.reason is Reason.GATE_WAITING
    return waits or deployment.status.refused is not None


def _answer(text: str, message: str, *, granted: bool = True) -> LastRequest:
    outcome = RequestOutcome.ACCEPTED if granted else RequestOutcome.REFUSED
    return LastRequest(request=text, outcome=outcome, message=message)


def _named(release: Revision) -> str:
    return f"{release.version} (release {release.release})"


_GRANTED = {Verb.APPROVE: _approve, Verb.PROMOTE: _promote, Verb.ABORT: _abort, Verb.RETRY: _retry}
