"""Which pod template belongs to a release: drawn anew for one that begins, kept for one that runs.

A release that begins is drawn from today's runtime and settings and entered into the ledger first.
Whatever serves or was promoted before is what it was: from the ledger, or, where its entry was lost,
from a Deployment that runs it, as long as nobody has touched that.
"""

from collections.abc import Iterator

from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.apply.drift import is_as_applied
from lockgate.apply.ledger import Ledger
from lockgate.backends.deployment.facts import revision_of
from lockgate.backends.deployment.render import render_birth, render_entry
from lockgate.backends.kinds import kind_of
from lockgate.backends.settings import PodSettings
from lockgate.domain.ports import Cluster, ClusterView
from lockgate.domain.resources import DEPLOYMENT, Object, controller_of, key_of
from lockgate.errors import TemplateLost


class Templates:
    """Finds templates; costs requests only for what is to be written."""

    def __init__(self, ledger: Ledger, view: ClusterView, cluster: Cluster, pods: PodSettings) -> None:
        self._ledger = ledger
        self._view = view
        self._cluster = cluster
        self._pods = pods

    async def of(
        self, deployment: ModelDeployment, release: Revision, runtime: ModelRuntime | None
    ) -> Object:
        """The pod template of a release; raises TemplateLost, or InvalidSpec for one that begins."""
        begins = not (release.is_same(deployment.status.rollout.stable) or self._runs(deployment, release))
        drawn = render_birth(deployment, runtime, release, self._pods) if begins else None
        if drawn is None:
            kept = await self._ledger.template(deployment, release)
            if kept is not None:
                return kept
            drawn = await self._running(deployment, release) or render_birth(
                deployment, runtime, release, self._pods
            )
        if drawn is None:
            raise TemplateLost(
                f"what the pods of {release.version} (release {release.release}) were made of is lost, and "
                f"runtime {deployment.runtime} has changed since; move the alias, or pin another version"
            )
        await self._ledger.enter(render_entry(deployment, release, drawn))
        return drawn

    def _runs(self, deployment: ModelDeployment, release: Revision) -> bool:
        return next(self._running_it(deployment, release), None) is not None

    def _running_it(self, deployment: ModelDeployment, release: Revision) -> Iterator[Object]:
        """The workloads of this release, as last seen."""
        kind = kind_of(release)
        named = self._view.get(kind.resource, deployment.key)
        for seen in (*([named] if named else ()), *self._view.children(kind.resource, deployment.key)):
            if release.is_same(kind.release_in(seen)):
                yield seen

    async def _running(self, deployment: ModelDeployment, release: Revision) -> Object | None:
        """The template that runs, if it is of this release and as we wrote it; only Deployments tell that."""
        if kind_of(release).resource is not DEPLOYMENT:
            return None
        seen = map(key_of, self._running_it(deployment, release))
        for name in dict.fromkeys((deployment.key, *seen)):
            live = await self._cluster.get(DEPLOYMENT, name)
            if live is None or (controller_of(live) or {}).get("uid") != deployment.uid:
                continue
            template: Object = live["spec"]["template"]
            if release.is_same(revision_of(template["metadata"])) and is_as_applied(live):
                return template
        return None
