"""Writes what a pass has to tell: the status if it differs, then one Event per transition.

The status write carries the resourceVersion that the pass has read, so that a pass over an old
view changes nothing. An Event that cannot be written is logged and let go.
"""

import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import structlog

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import ModelDeploymentStatus, to_dict
from lockgate.domain.ports import Cluster, ClusterView
from lockgate.domain.resources import EVENT, MODEL_DEPLOYMENT, Object
from lockgate.errors import LockgateError
from lockgate.names import API_VERSION, GROUP, MODEL_DEPLOYMENT_KIND
from lockgate.report.events import Notice

_log = structlog.get_logger(__name__)
_NOTE_LIMIT = 1000


class Writer:
    """The only writer of statuses and Events."""

    def __init__(
        self, cluster: Cluster, view: ClusterView, *, instance: str, clock: Callable[[], datetime]
    ) -> None:
        self._cluster = cluster
        self._view = view
        self._instance = instance
        self._clock = clock

    async def write_status(self, deployment: ModelDeployment, status: ModelDeploymentStatus) -> bool:
        """Write the status unless it is there already; returns whether it was written.

        Raises Conflict when the ModelDeployment changed since it was read.
        """
        desired = to_dict(status)
        known = self._view.get(MODEL_DEPLOYMENT, deployment.key)
        if known is not None and known.get("status") == desired:
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
        self._view.upsert(MODEL_DEPLOYMENT, await self._cluster.apply_status(MODEL_DEPLOYMENT, body))
        return True

    async def write_events(self, deployment: ModelDeployment, notices: Iterable[Notice]) -> None:
        """Write Events; never raises for a refusal."""
        for notice in notices:
            _log.info("transition", reason=notice.reason, note=notice.note)
            try:
                await self._cluster.create(EVENT, self._event(deployment, notice))
            except LockgateError as error:
                _log.warning("event not written", reason=notice.reason, error=error.message)

    def _event(self, deployment: ModelDeployment, notice: Notice) -> Object:
        now = self._clock().astimezone(UTC)
        # Names in the order of time: kubectl describe shows Events of this API in that of their names.
        order = f"{int(now.timestamp() * 1e6):x}{secrets.token_hex(2)}"
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{deployment.name}.{order}",
                "namespace": deployment.namespace,
            },
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": f"{GROUP}/operator",
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "type": notice.severity.value,
            "reason": notice.reason.value,
            "note": notice.note[:_NOTE_LIMIT],
            "regarding": {
                "apiVersion": f"{GROUP}/{API_VERSION}",
                "kind": MODEL_DEPLOYMENT_KIND,
                "name": deployment.name,
                "namespace": deployment.namespace,
                "uid": deployment.uid,
            },
        }
