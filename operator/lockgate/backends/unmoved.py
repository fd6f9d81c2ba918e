"""What a backend saw, with how long its candidate has come no further.

Every backend counts alike, by the memory that it brings; what counts as further is not said here. Pure
but for that memory.
"""

from dataclasses import replace

from lockgate.api.spec import ModelDeployment
from lockgate.domain.observed import Observed
from lockgate.observe.standstill import Standstill
from lockgate.plan.failures import recipe_of
from lockgate.plan.progress import marks_of


def timed(standstill: Standstill, deployment: ModelDeployment, observed: Observed) -> Observed:
    """The same, with its `unmoved`; where nothing rolls out, or it is held, nothing is counted."""
    state = deployment.status.rollout
    candidate = state.candidate
    if candidate is None or deployment.suspend or state.frozen is not None:
        standstill.rests(deployment.key)
        return observed
    recipe, marks = recipe_of(deployment, candidate), marks_of(observed, candidate)
    return replace(observed, unmoved=standstill.unmoved(deployment, recipe, marks))
