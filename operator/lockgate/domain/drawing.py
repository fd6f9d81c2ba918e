"""An object as it should be, drawn without what need not be looked at while nothing changes.

The pod template of a workload is drawn once for each release and kept; `release` says whose template
belongs into the object before it is written. What needs none is whole as it is.
"""

from dataclasses import dataclass

from lockgate.api.status import Revision
from lockgate.domain.resources import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """An object, and the release whose pod template it lacks, if it lacks one.

    One that `directs` says which pods requests go to: it is written once those are there.
    """

    obj: Object
    release: Revision | None = None
    directs: bool = False

    def whole(self, template: Object) -> Object:
        """The object with its pod template, whose pods are those that the object itself selects.

        A release has one template, in whichever workload it runs.
        """
        metadata = template.get("metadata") or {}
        selected = (self.obj["spec"].get("selector") or {}).get("matchLabels") or {}
        labels = {**(metadata.get("labels") or {}), **selected}
        ours = {**template, "metadata": {**metadata, "labels": labels}} if labels else template
        return {**self.obj, "spec": {**self.obj["spec"], "template": ours}}
