"""Which ModelDeployments follow which reference of the registry.

Kept by the passes, so that a poll looks at references alone and never at each deployment.
"""

from collections.abc import Iterable

from lockgate.domain.model import ModelReference
from lockgate.domain.resources import Key


class Followers:
    """Each deployment follows one reference at a time: its alias, or its pinned version."""

    def __init__(self) -> None:
        self._reference_of: dict[Key, ModelReference] = {}
        self._followers: dict[ModelReference, set[Key]] = {}

    def follow(self, key: Key, reference: ModelReference) -> None:
        """The deployment follows this reference from now on, and no other."""
        if self._reference_of.get(key) == reference:
            return
        self.forget(key)
        self._reference_of[key] = reference
        self._followers.setdefault(reference, set()).add(key)

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        reference = self._reference_of.pop(key, None)
        if reference is None:
            return
        followers = self._followers[reference]
        followers.discard(key)
        if not followers:
            del self._followers[reference]

    def references(self) -> frozenset[ModelReference]:
        """Every reference that somebody follows."""
        return frozenset(self._followers)

    def of(self, reference: ModelReference) -> Iterable[Key]:
        """Who follows a reference."""
        return tuple(self._followers.get(reference, ()))
