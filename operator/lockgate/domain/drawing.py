"""An object as it should be, drawn without what need not be looked at while nothing changes.

The pod template of a workload is drawn once for each release and kept; `release` says whose template
belongs into the object before it is written, `shape` where in it. What needs none is whole as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lockgate.api.status import Revision
from lockgate.domain.resources import Object, Resource


@dataclass(frozen=True, slots=True)
class Shape:
    """How a kind of workload holds its pods: where their template goes, and how many it asks for.

    The number is None where it says none, which means an autoscaler's for what we draw. `made_of` are the
    objects that a controller of somebody else makes of one by its name, whoever has that name already.
    """

    put: Callable[[Object, Object], Object]
    pods: Callable[[Object], int | None]
    made_of: Callable[[str], tuple[tuple[Resource, str], ...]] = lambda _: ()


def _into_deployment(obj: Object, template: Object) -> Object:
    """With its pod template, whose pods are those that the object itself selects.

    A release has one template, in whichever workload it runs.
    """
    metadata = template.get("metadata") or {}
    selected = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    labels = {**(metadata.get("labels") or {}), **selected}
    ours = {**template, "metadata": {**metadata, "labels": labels}} if labels else template
    return {**obj, "spec": {**obj["spec"], "template": ours}}


def _of_deployment(obj: Object) -> int | None:
    asked: int | None = obj["spec"].get("replicas")
    return asked


DEPLOYMENT_SHAPE: Final = Shape(put=_into_deployment, pods=_of_deployment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """An object, and the release whose pod template it lacks, if it lacks one.

    One that `directs` says which pods requests go to: it is written once those are there.
    """

    obj: Object
    release: Revision | None = None
    directs: bool = False
    shape: Shape = DEPLOYMENT_SHAPE

    def whole(self, template: Object) -> Object:
        """The object with its pod template."""
        return self.shape.put(self.obj, template)
