"""Gathers what one plan needs, from what the watch last saw; costs no request.

Only objects that belong to the ModelDeployment count: a Deployment of the same name with
another controller is not observed, it is refused when it would be written.
"""

from lockgate.api.parse import parse_model_runtime
from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.domain.observed import Observed
from lockgate.domain.ports import ClusterView
from lockgate.domain.resources import DEPLOYMENT, MODEL_RUNTIME, POD, controller_of
from lockgate.errors import RuntimeNotFound
from lockgate.observe.facts import pod_facts, workload_facts


class Observer:
    """Reads the view of the cluster."""

    def __init__(self, view: ClusterView) -> None:
        self._view = view

    def runtime(self, deployment: ModelDeployment) -> ModelRuntime:
        """The runtime that the deployment names; raises RuntimeNotFound or InvalidSpec."""
        raw = self._view.get(MODEL_RUNTIME, ("", deployment.runtime))
        if raw is None:
            raise RuntimeNotFound(
                f"spec.runtime.name is {deployment.runtime!r}, but no such ModelRuntime exists; "
                "kubectl get modelruntimes lists what the platform offers"
            )
        return parse_model_runtime(raw)

    def observe(self, deployment: ModelDeployment) -> Observed:
        """Facts about the workload and its pods."""
        workload = self._view.get(DEPLOYMENT, deployment.key)
        controller = controller_of(workload) if workload else None
        owned = controller is not None and controller.get("uid") == deployment.uid
        pods = (pod_facts(pod) for pod in self._view.children(POD, deployment.key))
        return Observed(
            workload=workload_facts(workload) if workload and owned else None,
            pods=tuple(sorted(pods, key=lambda pod: pod.name)),
        )
