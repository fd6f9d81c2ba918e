"""Rolling: one Deployment takes the candidate's template, Kubernetes replaces the pods.

One step; traffic follows the pods. Capacity is held by the Deployment's own bounds.
"""

from lockgate.domain.plan import Stage


def stages(replicas: int) -> tuple[Stage, ...]:
    """The steps of a rolling rollout to `replicas` pods."""
    return (Stage(stable_replicas=0, candidate_replicas=replicas, candidate_weight=100),)
