"""Writes what a pass has to tell: the status if it is news, then one Event per transition.

The status write carries the resourceVersion that the pass has read, so that a pass over an old
view changes nothing; and the view is made new then. Events go through the outbox.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from lockgate.api.parse import parse_followed, parse_identity
from lockgate.api.spec import Followed, Identity
from lockgate.api.status import ModelDeploymentStatus
from lockgate.api.status_codec import parse_status, to_dict, with_summary
from lockgate.domain.anew import look_anew
from lockgate.domain.ports import Cluster, ClusterView
from lockgate.domain.resources import MODEL_DEPLOYMENT, Object
from lockgate.errors import Conflict, Refused
from lockgate.names import API_VERSION, GROUP, MODEL_DEPLOYMENT_KIND
from lockgate.report.compute import refused_status
from lockgate.report.events import Notice, turns
from lockgate.report.outbox import Outbox

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a pass has to tell, without what it was read from: many wait at once for their turn to tell.

    `news` is the status as the API server holds it, None where that has been told the same before.
    """

    identity: Identity
    followed: Followed
    status: ModelDeploymentStatus
    news: Object | None
    owed: Sequence[Notice]


def told(raw: Object, status: ModelDeploymentStatus, owed: Sequence[Notice]) -> Told:
    """What is to be told of a ModelDeployment as it was read."""
    said = to_dict(status)
    return Told(
        identity=parse_identity(raw),
        followed=parse_followed(raw),
        status=status,
        news=None if said == raw.get("status") else said,
        owed=owed,
    )


class Writer:
    """The only writer of statuses and Events."""

    def __init__(self, cluster: Cluster, view: ClusterView, outbox: Outbox) -> None:
        self._cluster = cluster
        self._view = view
        self._outbox = outbox

    async def tell(
        self, told: Told, clock: Callable[[], datetime]
    ) -> tuple[ModelDeploymentStatus, Refused | None]:
        """Tell it; a status that is refused gives way to one that tells of that. Returns what stands.

        Raises Conflict when the ModelDeployment changed since it was read.
        """
        refusal, key = None, told.identity.key
        try:
            await self._write_status(told)
        except Refused as error:
            _log.error("status refused", key=key, message=error.message)
            refusal, told = error, self._instead(told, error, clock())
            await self._write_status(told)
        if told.news is not None:
            self._write_events(told.identity, told.owed)
        return told.status, refusal

    def _instead(self, told: Told, error: Refused, now: datetime) -> Told:
        """What the API server holds it has accepted: only the summary in it is changed."""
        held = (self._view.get(MODEL_DEPLOYMENT, told.identity.key) or {}).get("status")
        previous = parse_status(held)
        status = refused_status(previous, generation=told.identity.generation, error=error, now=now)
        summary = with_summary(held, status)
        news = None if summary == held else summary
        return replace(told, status=status, news=news, owed=turns(previous, status))

    async def _write_status(self, told: Told) -> None:
        if told.news is None:
            return
        deployment = told.identity
        body: Object = {
            "apiVersion": f"{GROUP}/{API_VERSION}",
            "kind": MODEL_DEPLOYMENT_KIND,
            "metadata": {
                "name": deployment.name,
                "namespace": deployment.namespace,
                "uid": deployment.uid,
                "resourceVersion": deployment.resource_version,
            },
            "status": told.news,
        }
        try:
            self._view.upsert(MODEL_DEPLOYMENT, await self._cluster.apply_status(MODEL_DEPLOYMENT, body))
        except Conflict:
            # The next pass must not rest on what was seen, however late the watch is.
            await look_anew(self._cluster, self._view, MODEL_DEPLOYMENT, body)
            raise

    def _write_events(self, deployment: Identity, notices: Iterable[Notice]) -> None:
        for notice in notices:
            _log.info("transition", reason=notice.reason, note=notice.note)
            self._outbox.post(deployment, notice)
