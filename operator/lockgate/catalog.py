"""What does the platform offer and permit? The ModelRuntimes, as last seen and read once each.

A runtime is a given, not an observation: nothing here looks at what runs.
"""

from lockgate.api.parse import parse_model_runtime
from lockgate.api.quantity import parse_quantity
from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.domain.ports import ClusterView
from lockgate.domain.resources import MODEL_RUNTIME
from lockgate.errors import InvalidSpec, RuntimeNotFound


class Catalog:
    """Reads runtimes from the view of the cluster."""

    def __init__(self, view: ClusterView) -> None:
        self._view = view
        self._runtimes: dict[str, tuple[bytes, ModelRuntime]] = {}

    def runtime(self, deployment: ModelDeployment) -> ModelRuntime:
        """The runtime that the deployment names; raises RuntimeNotFound or InvalidSpec."""
        key = ("", deployment.runtime)
        stamp, known = self._view.stamp(MODEL_RUNTIME, key), self._runtimes.get(deployment.runtime)
        if known is not None and known[0] == stamp:
            return known[1]
        raw = self._view.get(MODEL_RUNTIME, key)
        if raw is None or stamp is None:
            self._runtimes.pop(deployment.runtime, None)
            raise RuntimeNotFound(
                f"spec.runtime.name is {deployment.runtime!r}, but no such ModelRuntime exists; "
                "kubectl get modelruntimes lists what the platform offers"
            )
        runtime = parse_model_runtime(raw)
        self._runtimes[deployment.runtime] = (stamp, runtime)
        return runtime


def check_ceilings(deployment: ModelDeployment, runtime: ModelRuntime) -> None:
    """Where a runtime sets ceilings, an author may ask only for what has one, and no more than that.

    Raises InvalidSpec.
    """
    asked = deployment.resources
    for field, amounts in (("requests", asked.requests), ("limits", asked.limits)):
        for name, amount in amounts.items():
            ceiling = runtime.ceilings.get(name)
            if ceiling is None and runtime.ceilings:
                raise InvalidSpec(
                    f"spec.resources.{field}.{name}",
                    f"has no ceiling in runtime {runtime.name}, which sets ceilings for "
                    f"{', '.join(sorted(runtime.ceilings))} only; leave it out, or have one set",
                )
            if ceiling is not None and parse_quantity(amount) > parse_quantity(ceiling):
                raise InvalidSpec(
                    f"spec.resources.{field}.{name}",
                    f"is {amount}, above the ceiling of {ceiling} that runtime {runtime.name} sets",
                )
