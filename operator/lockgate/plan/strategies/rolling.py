"""Rolling: one Deployment takes the candidate's template, Kubernetes replaces the pods.

One step; traffic follows the pods. Capacity is held by the Deployment's own bounds.
"""

from lockgate.api.strategy import Rolling
from lockgate.domain.plan import Step
from lockgate.plan.gates.available import available


def steps(block: Rolling) -> tuple[Step, ...]:
    """The steps of a rolling rollout; its bounds are for the Deployment and make no steps of their own."""
    return (Step(replicas=100, weight=None, in_place=True, gates=(available,)),)
