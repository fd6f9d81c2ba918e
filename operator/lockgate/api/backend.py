"""Where the pods of a model run, as the author chose it: field for field the block `spec.backend`.

What a backend does and cannot do is not said here: that is `backends/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Deployments:
    """Deployments of the cluster itself, which is where there is nothing else said."""


@dataclass(frozen=True, slots=True)
class KServe:
    """InferenceServices of KServe, in its Standard mode."""


@dataclass(frozen=True, slots=True)
class RayService:
    """RayServices of KubeRay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ecs:
    """A service of Amazon ECS, at the target of this name that the platform offers."""

    target: str


BackendChoice = Deployments | KServe | RayService | Ecs
_ECS: Final = "ecs/"
BACKENDS: Final[Mapping[str, type[BackendChoice]]] = {
    "deployment": Deployments,
    "kserve": KServe,
    "rayService": RayService,
    "ecs": Ecs,
}
"""By the names of their blocks in a spec."""


def backend_name(choice: BackendChoice) -> str | None:
    """How releases name it, which they do not where it is the one that goes without saying."""
    if isinstance(choice, Ecs):
        # Another target is another place: what runs at the one before is not there.
        return f"{_ECS}{choice.target}"
    name = next(name for name, kind in BACKENDS.items() if isinstance(choice, kind))
    return None if name == "deployment" else name


def place_of(name: str) -> Ecs:
    """What a spec would say for a name by which releases mean a place elsewhere."""
    return Ecs(target=name.removeprefix(_ECS))


def is_elsewhere(name: str | None) -> bool:
    """Whether what releases name so lies outside this cluster."""
    return name is not None and name.startswith(_ECS)
