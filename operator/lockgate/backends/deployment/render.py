"""A plan as the objects of this backend, in the order in which they are to be applied. Pure.

The order matters: workloads first, so that no Service ever points at pods that were never asked for,
then the Services of each, and last what sends people and requests to them. Nothing here reads a
cluster; what the API server adds is no concern of this file.
"""

from typing import Any

from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.apply.ledger import entry_key
from lockgate.backends.deployment.arms import render_arms
from lockgate.backends.deployment.marks import labels_of, owner_reference, release_annotations, release_labels
from lockgate.backends.deployment.route import render_route
from lockgate.backends.deployment.service import front_services, own_services
from lockgate.backends.deployment.template import render_template
from lockgate.backends.kinds import kind_of
from lockgate.backends.settings import PodSettings
from lockgate.domain.drawing import Drawing
from lockgate.domain.fingerprint import fingerprint
from lockgate.domain.plan import Stage, Track
from lockgate.domain.release import release_of
from lockgate.domain.resources import CONTROLLER_REVISION, Object
from lockgate.gateways.offered import Gateway
from lockgate.names import ANNOTATION_RENDER_HASH


def render_children(
    deployment: ModelDeployment, stage: Stage, gateway: Gateway | None = None
) -> tuple[Drawing, ...]:
    """Every child of its own rollout; `gateway` is for the split. Raises InvalidSpec for its hostnames."""
    workloads = [_draw_workload(deployment, track) for track in stage.tracks]
    services = [Drawing(obj=_finish(each, deployment)) for each in own_services(deployment, stage)]
    directing = front_services(deployment, stage)
    if stage.split is not None and gateway is not None:
        directing.append(render_route(deployment, stage.split, gateway))
    directs = [Drawing(obj=_finish(each, deployment), directs=True) for each in directing]
    return (*workloads, *services, *directs)


def render_variants(deployment: ModelDeployment) -> tuple[Drawing, ...]:
    """The ModelDeployment of each variant, in their order."""
    return tuple(Drawing(obj=_finish(each, deployment)) for each in render_arms(deployment))


def render_birth(
    deployment: ModelDeployment, runtime: ModelRuntime | None, release: Revision, pods: PodSettings
) -> Object | None:
    """The pod template of a release; None when today's runtime would make another release of it."""
    if runtime is None or not release.is_same(release_of(deployment, release, runtime)):
        return None
    return render_template(deployment, runtime, release, pods)


def render_entry(deployment: ModelDeployment, release: Revision, template: Object) -> Object:
    """A release and its pod template for the ledger."""
    namespace, name = entry_key(deployment, release)
    return {
        "apiVersion": CONTROLLER_REVISION.api_version,
        "kind": CONTROLLER_REVISION.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels_of(deployment) | release_labels(release),
            "annotations": release_annotations(release),
            "ownerReferences": [owner_reference(deployment)],
        },
        "revision": deployment.generation,
        "data": {"template": template},
    }


def _draw_workload(deployment: ModelDeployment, track: Track) -> Drawing:
    kind = kind_of(track.release)
    obj = _finish(kind.render(deployment, track), deployment)
    return Drawing(obj=obj, release=track.release, shape=kind.shape)


def _finish(child: dict[str, Any], deployment: ModelDeployment) -> Object:
    metadata = child["metadata"]
    metadata["namespace"] = deployment.namespace
    metadata["labels"] = labels_of(deployment) | metadata.get("labels", {})
    metadata["ownerReferences"] = [owner_reference(deployment)]
    metadata.setdefault("annotations", {})[ANNOTATION_RENDER_HASH] = fingerprint(child)
    return child
