"""Which version should a ModelDeployment end on? Alias or pin to an accepted version.

Answers from what the look-ups know and applies the acceptance checks to versions that are not
serving yet. Everything that stands in the way is an error with its own class.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from lockgate.api.conditions import ConditionStatus, find
from lockgate.api.parse import parse_model_deployment
from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import Outcome, Revision
from lockgate.catalog import check_ceilings
from lockgate.domain.observed import Target
from lockgate.domain.release import release_of
from lockgate.domain.resources import Object
from lockgate.domain.version import Alias, Number, Reference, Version
from lockgate.errors import InvalidSpec, Transient, Unanswered, VersionNotFound
from lockgate.names import ConditionType
from lockgate.resolve.acceptance import check_contents, check_version
from lockgate.resolve.closures import check_runtime
from lockgate.resolve.edits import RuntimeEdits
from lockgate.resolve.followers import Followers
from lockgate.resolve.gating import check_gates
from lockgate.resolve.lookups import Lookups
from lockgate.resolve.quarantine import Quarantine
from lockgate.resolve.signatures import check_signature
from lockgate.resolve.sources import Sources
from lockgate.resolve.webhooks import NO_WEBHOOKS, Webhooks
from lockgate.sentences import cause


def reference_of(deployment: ModelDeployment, now: datetime) -> Reference:
    """What to resolve at this moment: the pinned version while the pin holds, else the alias."""
    pin = deployment.pin if deployment.pin is not None and deployment.pin.is_active(now) else None
    return Reference(
        source=deployment.source,
        registry=deployment.registry,
        collection=deployment.collection,
        wanted=Alias(deployment.alias) if pin is None else Number(pin.version),
    )


def is_resolved(deployment: ModelDeployment) -> bool:
    """Whether the status tells a good answer to what the spec asks for now."""
    told = find(deployment.status.conditions, ConditionType.RESOLVED)
    return (
        told is not None
        and told.status is ConditionStatus.TRUE
        and told.observed_generation == deployment.generation
    )


def _served_before(deployment: ModelDeployment, reference: Reference) -> Revision | None:
    """The pinned version, if it was promoted here before, whatever the history still holds."""
    if not isinstance(reference.wanted, Number):
        return None
    status, rollout = deployment.status, deployment.status.rollout
    present = (None if rollout.unproven else rollout.stable, rollout.fallback, status.previous)
    promoted = (e.revision for e in status.history if e.outcome is Outcome.PROMOTED)
    wanted = (reference.source, reference.model, reference.wanted.text)
    for seen in (*filter(None, present), *promoted):
        if (seen.source, seen.model, seen.version) == wanted:
            return replace(seen, alias=None)
    return None


class Resolver:
    """Answers with a Target or raises a LockgateError; never waits."""

    def __init__(
        self,
        sources: Sources,
        followers: Followers,
        edits: RuntimeEdits,
        quarantine: Quarantine,
        webhooks: Webhooks = NO_WEBHOOKS,
    ) -> None:
        self._sources = sources
        self._followers = followers
        self._edits = edits
        self._quarantine = quarantine
        self._webhooks = webhooks

    async def prime(self, objects: Iterable[Object], now: datetime, seconds: float) -> None:
        """Ask for what all these ModelDeployments follow, before each is looked at."""
        for obj in objects:
            try:
                self._follow(parse_model_deployment(obj), now)
            except InvalidSpec:
                continue
        await self._sources.prime(seconds)

    def resolve(self, deployment: ModelDeployment, runtime: ModelRuntime, now: datetime) -> Target:
        """The accepted version that the deployment should end on."""
        reference, lookups, after = self._follow(deployment, now)
        if not isinstance(reference.wanted, Number):
            self._webhooks.check_named(deployment)
        if not self._followers.may_ask(deployment.key):
            raise Unanswered(
                f"namespace {deployment.namespace} follows more aliases and versions than it may have "
                f"looked up; {reference} is asked for when others of them are deleted",
                waited=math.inf,
            )
        try:
            # A person waits for what else was edited, and the alias has most likely not moved.
            version = lookups.look_up(
                reference,
                deployment.key,
                after=after,
                meanwhile=self._followers.follows_still(deployment.key),
            )
        except Transient as outage:
            known = _served_before(deployment, reference)
            if known is not None:
                # A way back must not depend on the registry: what the version is cannot change.
                known = self._edits.adopted(deployment, release_of(deployment, known, runtime), runtime)
                return Target(revision=known, pinned=True)
            if lookups.is_young and is_resolved(deployment):
                # A process that has just begun cannot tell an outage from its own late start.
                raise Unanswered(outage.message) from outage
            raise
        named = check_version(reference, version, deployment.status.known_revisions)
        revision = self._edits.adopted(deployment, release_of(deployment, named, runtime), runtime)
        rollout, is_pinned = deployment.status.rollout, isinstance(reference.wanted, Number)
        warning, elsewhere = None, None
        if is_pinned or revision.is_same_version(rollout.stable):
            self._webhooks.forget(deployment.key)
        if not revision.is_same(rollout.stable) and not revision.is_same(rollout.candidate):
            check_ceilings(deployment, runtime)
            contents = lookups.inspect(version, deployment.key)
            check_contents(str(reference), version, contents, runtime)
            # Also for what a person pins, or what serves by another image: that was its author's word.
            warning = check_runtime(deployment.gates.runtime, version, runtime)
            if not is_pinned and not revision.is_same_version(rollout.stable):
                warning = self._check_gates(deployment, version) or warning
            elsewhere = self._quarantine.of(deployment, revision)
        return Target(
            revision=revision,
            pinned=is_pinned,
            failed_elsewhere=elsewhere,
            warning=warning and cause(warning),
        )

    def _check_gates(self, deployment: ModelDeployment, version: Version) -> str | None:
        """Raise what keeps the version from rolling out; returns what is to be told of it all the same."""
        check_gates(deployment.gates.metadata, version, lambda: self._serving(deployment))
        warning = check_signature(deployment.gates.signature, version, lambda: self._serving(deployment))
        # Last, because it costs somebody else something.
        self._webhooks.check(deployment, version)
        return warning

    def _serving(self, deployment: ModelDeployment) -> Version | None:
        """What the registry that it came from tells of the version that serves."""
        stable = deployment.status.rollout.stable
        if stable is None:
            return None
        try:
            lookups = self._sources[stable.source]
        except InvalidSpec:
            # It is not the spec that names it.
            raise VersionNotFound(
                f"nothing is known of {stable.version}, which serves: its registry, {stable.source}, is not "
                "configured any more"
            ) from None
        registry, _, collection = (stable.model or deployment.model).partition("/")
        reference = Reference(
            source=stable.source, registry=registry, collection=collection, wanted=Number(stable.version)
        )
        # It never changes, so an answer of any age will do.
        return lookups.look_up(reference, deployment.key)

    def _follow(self, deployment: ModelDeployment, now: datetime) -> tuple[Reference, Lookups, int | None]:
        reference = reference_of(deployment, now)
        try:
            lookups = self._sources[reference.source]
        except InvalidSpec:
            self._followers.forget(deployment.key)
            raise
        # Whoever has just written a spec may have moved the alias a moment before.
        is_new_spec = deployment.generation != deployment.status.observed_generation
        after = self._followers.follow(
            deployment.key,
            reference,
            generation=deployment.generation,
            turn=lookups.turn if is_new_spec else None,
        )
        return reference, lookups, after
