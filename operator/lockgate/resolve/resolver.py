"""Which version should a ModelDeployment end on? Alias or pin to an accepted version.

Asks the look-ups (usually answered from memory) and applies the acceptance checks to versions
that are not serving yet. Everything that stands in the way is an error with its own class.
"""

from datetime import datetime

from lockgate.api.spec import ModelDeployment, ModelRuntime
from lockgate.api.status import Revision
from lockgate.domain.model import ModelReference
from lockgate.domain.observed import Target
from lockgate.resolve.acceptance import check_contents, check_version
from lockgate.resolve.followers import Followers
from lockgate.resolve.lookups import Lookups


def reference_of(deployment: ModelDeployment, now: datetime) -> ModelReference:
    """What to resolve at this moment: the pinned version while the pin holds, else the alias."""
    pinned = deployment.pin is not None and deployment.pin.is_active(now)
    return ModelReference(
        registry=deployment.registry,
        collection=deployment.collection,
        selector=deployment.pin.version if pinned and deployment.pin else deployment.alias,
    )


class Resolver:
    """Answers with a Target or raises a LockgateError."""

    def __init__(self, lookups: Lookups, followers: Followers) -> None:
        self._lookups = lookups
        self._followers = followers

    async def resolve(self, deployment: ModelDeployment, runtime: ModelRuntime, now: datetime) -> Target:
        """The accepted version that the deployment should end on."""
        reference = reference_of(deployment, now)
        self._followers.follow(deployment.key, reference)
        pinned = reference.selector != deployment.alias
        # Whoever has just written a spec may have moved the alias a moment before.
        is_new_spec = deployment.generation != deployment.status.observed_generation
        version = await self._lookups.look_up(reference, anew=is_new_spec)
        revision = Revision(
            version=version.version,
            digest=version.digest,
            reference=version.path,
            alias=None if pinned else deployment.alias,
        )
        rollout = deployment.status.rollout
        check_version(str(reference), version, rollout.stable)
        if not revision.is_same(rollout.stable) and not revision.is_same(rollout.candidate):
            check_contents(str(reference), version, await self._lookups.inspect(version), runtime)
        return Target(revision=revision, pinned=pinned)
