"""The kinds of workload that run pods in this cluster, by how a release names its backend.

They differ in how they are drawn and in what they say of themselves; all else (Services, route, ledger, the
order of writes, whose pods are ours) is the same for each, and done once in `deployment/`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision
from lockgate.backends.deployment.facts import revision_of, workload_facts
from lockgate.backends.deployment.workload import render_workload
from lockgate.backends.kserve import facts as kserve_facts
from lockgate.backends.kserve import workload as kserve
from lockgate.backends.ray import facts as ray_facts
from lockgate.backends.ray import workload as ray
from lockgate.domain.drawing import DEPLOYMENT_SHAPE, Shape
from lockgate.domain.observed import WorkloadFacts
from lockgate.domain.plan import Track
from lockgate.domain.ports import ClusterView
from lockgate.domain.resources import (
    DEPLOYMENT,
    INFERENCE_SERVICE,
    RAY_SERVICE,
    Object,
    Resource,
    controller_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of workload.

    `render` draws one without its pods, `shape` says how it holds them, `release_in` of which release one is
    that was seen. `maker` finds the object whose pods they are, which is another where a controller makes
    it; `facts` are of both. `check` raises InvalidSpec for what this kind cannot do. `port` is what its pods
    call the port that answers, and `answers` labels that only pods have which do.
    """

    resource: Resource
    shape: Shape
    render: Callable[[ModelDeployment, Track], dict[str, Any]]
    release_in: Callable[[Object], Revision | None]
    maker: Callable[[ClusterView, Object], Object | None]
    facts: Callable[[Object, Object | None], WorkloadFacts]
    check: Callable[[ModelDeployment], None]
    port: str = "http"
    answers: Mapping[str, str] = field(default_factory=dict)


def _itself(_: ClusterView, deployment: Object) -> Object:
    return deployment


def _of_template(deployment: Object) -> Revision | None:
    return revision_of(deployment["spec"]["template"]["metadata"])


def _made_by_kserve(view: ClusterView, service: Object) -> Object | None:
    metadata = service["metadata"]
    made = view.get(DEPLOYMENT, (metadata["namespace"], kserve.maker_of(metadata["name"])))
    is_its_own = made is not None and (controller_of(made) or {}).get("uid") == metadata["uid"]
    return made if is_its_own else None


DEPLOYMENTS: Final = Kind(
    resource=DEPLOYMENT,
    shape=DEPLOYMENT_SHAPE,
    render=render_workload,
    release_in=_of_template,
    maker=_itself,
    facts=lambda deployment, _: workload_facts(deployment),
    check=lambda _: None,
)
KSERVE: Final = Kind(
    resource=INFERENCE_SERVICE,
    shape=kserve.SHAPE,
    render=kserve.render_workload,
    release_in=kserve_facts.release_in,
    maker=_made_by_kserve,
    facts=kserve_facts.facts_of,
    check=kserve.check,
)
RAY: Final = Kind(
    resource=RAY_SERVICE,
    shape=ray.SHAPE,
    render=ray.render_workload,
    release_in=ray_facts.release_in,
    maker=_itself,
    facts=ray_facts.facts_of,
    check=ray.check,
    port=ray.PORT_NAME,
    answers=ray.SERVES,
)
KINDS: Final[Mapping[str | None, Kind]] = {None: DEPLOYMENTS, "kserve": KSERVE, "rayService": RAY}
"""By the name that a release has for it."""


def kind_of(release: Revision) -> Kind:
    """What runs a release; one of a backend that is none of these runs nowhere here."""
    return KINDS.get(release.backend, DEPLOYMENTS)
