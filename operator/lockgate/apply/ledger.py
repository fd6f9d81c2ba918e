"""Keeps what the pods of each release are made of: one ControllerRevision a release.

What runs is never drawn anew from whatever the operator is today; it is what was written here when
its release was born. Entries are not watched: one is read when a workload has to be put right, or
when an older release takes over again, also while the registry is away.
"""

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision
from lockgate.domain.ports import Cluster
from lockgate.domain.resources import CONTROLLER_REVISION, Key, Object, controller_of
from lockgate.errors import AlreadyExists, Conflict, NotOwned


class Ledger:
    """Reads and writes the entries of ModelDeployments; remembers nothing."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def enter(self, entry: Object) -> None:
        """Write the entry of a release that begins; an older one of the same release gives way.

        Raises NotOwned when an object of somebody else has its name.
        """
        try:
            await self._cluster.create(CONTROLLER_REVISION, entry)
            return
        except AlreadyExists:
            known = await self._cluster.get(CONTROLLER_REVISION, _key(entry))
        if known is None:
            raise Conflict(f"the ledger entry {entry['metadata']['name']} went away meanwhile")
        _check_ownership(known, (controller_of(entry) or {}).get("uid", ""))
        if known.get("data") != entry["data"]:
            # What an entry holds cannot be changed.
            await self._cluster.delete(CONTROLLER_REVISION, known)
            await self._cluster.create(CONTROLLER_REVISION, entry)

    async def template(self, deployment: ModelDeployment, release: Revision) -> Object | None:
        """The pod template of a release; None when there is no entry, or none that can be read."""
        known = await self._cluster.get(CONTROLLER_REVISION, entry_key(deployment, release))
        if known is None:
            return None
        _check_ownership(known, deployment.uid)
        data = known.get("data")
        template = data.get("template") if isinstance(data, dict) else None
        return template if isinstance(template, dict) else None

    async def strike(self, deployment: ModelDeployment, release: Revision) -> None:
        """Delete the entry of a release that nobody can go back to any more."""
        known = await self._cluster.get(CONTROLLER_REVISION, entry_key(deployment, release))
        if known is not None:
            _check_ownership(known, deployment.uid)
            await self._cluster.delete(CONTROLLER_REVISION, known)


def entry_key(deployment: ModelDeployment, release: Revision) -> Key:
    """Where the entry of a release is."""
    return deployment.namespace, f"{deployment.name}-{release.release}"


def _key(entry: Object) -> Key:
    return entry["metadata"]["namespace"], entry["metadata"]["name"]


def _check_ownership(known: Object, uid: str) -> None:
    if (controller_of(known) or {}).get("uid") != uid:
        name, namespace = known["metadata"]["name"], known["metadata"]["namespace"]
        raise NotOwned(
            f"ControllerRevision {name} exists in namespace {namespace} and does not belong to the "
            "ModelDeployment; delete or rename it"
        )
