"""Reading one object anew where what was seen of it may be so no more. It knows the ports alone."""

from lockgate.domain.ports import Cluster, ClusterView
from lockgate.domain.resources import Object, Resource, key_of


async def look_anew(cluster: Cluster, view: ClusterView, resource: Resource, seen: Object) -> Object | None:
    """The object as it is at this moment, as the view has it from now on; None when it is gone."""
    present = await cluster.get(resource, key_of(seen))
    if present is None:
        view.remove(resource, seen)
    else:
        view.upsert(resource, present)
    return present
