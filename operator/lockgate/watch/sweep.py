"""Lists everything, and finds what the watch has missed: above all, what vanished meanwhile.

A watch that is cut does not report deletions that happened before it is back. The first sweep
fills the store before the workers start, so that no pass ever rests on half a view.
"""

from collections.abc import Sequence

import structlog

from lockgate.domain.resources import WATCHED, Resource, key_of
from lockgate.kube.session import KubeSession
from lockgate.watch.handlers import Intake
from lockgate.watch.store import Store

_log = structlog.get_logger(__name__)


async def sweep(session: KubeSession, store: Store, intake: Intake, namespaces: Sequence[str]) -> None:
    """Bring the store in line with the cluster; raises a LockgateError when a list fails."""
    for resource in WATCHED:
        await _sweep_kind(session, store, intake, resource, namespaces)


async def _sweep_kind(
    session: KubeSession, store: Store, intake: Intake, resource: Resource, namespaces: Sequence[str]
) -> None:
    known_before = store.keys(resource)
    listed = set()
    for namespace in namespaces if namespaces and resource.namespaced else ("",):
        async for item in session.list(resource, namespace):
            # Items of a list do not say what they are.
            intake.take(resource, None, {"apiVersion": resource.api_version, "kind": resource.kind, **item})
            listed.add(key_of(item))
    for ghost in store.missing(resource, listed, known_before):
        _log.info("vanished unseen", kind=resource.kind, key=key_of(ghost))
        intake.take(resource, "DELETED", ghost)
