"""Writes what a pass has to tell: the status if it differs, then one Event per transition.

The status write carries the resourceVersion that the pass has read, so that a pass over an old
view changes nothing; and the view is made new then. Events go through the outbox.
"""

from collections.abc import Iterable

import structlog

from lockgate.api.spec import Identity
from lockgate.api.status import ModelDeploymentStatus
from lockgate.api.status_codec import to_dict
from lockgate.domain.anew import look_anew
from lockgate.domain.ports import Cluster, ClusterView
from lockgate.domain.resources import MODEL_DEPLOYMENT, Object
from lockgate.errors import Conflict
from lockgate.names import API_VERSION, GROUP, MODEL_DEPLOYMENT_KIND
from lockgate.report.events import Notice
from lockgate.report.outbox import Outbox

_log = structlog.get_logger(__name__)


class Writer:
    """The only writer of statuses and Events."""

    def __init__(self, cluster: Cluster, view: ClusterView, outbox: Outbox) -> None:
        self._cluster = cluster
        self._view = view
        self._outbox = outbox

    async def write_status(self, deployment: Identity, status: ModelDeploymentStatus, told: object) -> bool:
        """Write the status unless it is what the pass has read; returns whether it was written.

        Raises Conflict when the ModelDeployment changed since it was read.
        """
        return await self.write_raw_status(deployment, to_dict(status), told)

    async def write_raw_status(self, deployment: Identity, desired: Object, told: object) -> bool:
        """As write_status, with a status as the API server holds it."""
        if told == desired:
            return False
        body: Object = {
            "apiVersion": f"{GROUP}/{API_VERSION}",
            "kind": MODEL_DEPLOYMENT_KIND,
            "metadata": {
                "name": deployment.name,
                "namespace": deployment.namespace,
                "uid": deployment.uid,
                "resourceVersion": deployment.resource_version,
            },
            "status": desired,
        }
        try:
            self._view.upsert(MODEL_DEPLOYMENT, await self._cluster.apply_status(MODEL_DEPLOYMENT, body))
        except Conflict:
            # The next pass must not rest on what was seen, however late the watch is.
            await look_anew(self._cluster, self._view, MODEL_DEPLOYMENT, body)
            raise
        return True

    def write_events(self, deployment: Identity, notices: Iterable[Notice]) -> None:
        """Have Events written in the background."""
        for notice in notices:
            _log.info("transition", reason=notice.reason, note=notice.note)
            self._outbox.post(deployment, notice)
