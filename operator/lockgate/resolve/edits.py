"""Does an edit of a runtime reach this ModelDeployment now, or does its release stay as it was?

An edit is a rollout like any other, and it would be one of everything at once: so only a part of
those that run on a runtime roll because of its edits at a time, and the others wait for their turn.
A runtime that says `onChange: NextVersion` waits for the next version of each.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from lockgate.api.spec import ModelDeployment, ModelRuntime, OnChange
from lockgate.api.status import Revision
from lockgate.domain.ports import ClusterView
from lockgate.domain.release import differs_by_runtime
from lockgate.domain.resources import DEPLOYMENT, Key
from lockgate.names import LABEL_RELEASE
from lockgate.plan.failures import failure_of


class RuntimeEdits:
    """Gives turns; what rolls is read from the statuses, so that a restart forgets nothing."""

    def __init__(self, view: ClusterView, wake: Callable[[Key], None], *, share: float) -> None:
        """`share` of those that run on a runtime (0 to 1, at least one of them) may roll at once."""
        self._view = view
        self._wake = wake
        self._share = share
        self._given: defaultdict[str, dict[Key, None]] = defaultdict(dict)
        self._waiting: defaultdict[str, dict[Key, None]] = defaultdict(dict)

    def adopted(self, deployment: ModelDeployment, wanted: Revision, runtime: ModelRuntime) -> Revision:
        """The release to end on: the wanted one, or the present one while the edit is to wait."""
        rollout = deployment.status.rollout
        stable, candidate = rollout.stable, rollout.candidate
        if stable is None or wanted.is_same(stable):
            return wanted  # nothing serves that could be spared it, or there is no edit
        present = next(
            (r for r in (candidate, stable) if r and differs_by_runtime(deployment, wanted, r)), None
        )
        if present is None or failure_of(deployment, rollout, wanted):
            return wanted  # an edit that has failed begins nothing, and is told
        waits = runtime.on_change is OnChange.NEXT_VERSION
        needs_turn = present is not candidate and not self._has_begun(deployment.key, wanted)
        if waits or (needs_turn and not self._has_turn(deployment.key, runtime.name)):
            return replace(wanted, release=present.release, runtime=present.runtime)
        return wanted

    def passed(self, deployment: Key) -> None:
        """A pass has ended: what it began the status tells now, and what has ended makes room."""
        for given in self._given.values():
            given.pop(deployment, None)
        for runtime in tuple(self._waiting):
            self._call_next(runtime)

    def forget(self, deployment: Key) -> None:
        """The ModelDeployment is gone."""
        for waiting in self._waiting.values():
            waiting.pop(deployment, None)
        self.passed(deployment)

    def waiting(self) -> int:
        """How many wait for their turn."""
        return sum(map(len, self._waiting.values()))

    def _has_begun(self, deployment: Key, wanted: Revision) -> bool:
        """Whether a workload is of the edit already: what a process left behind that told nobody of it."""
        for workload in self._view.children(DEPLOYMENT, deployment):
            template = workload.get("spec", {}).get("template", {}).get("metadata", {})
            if (template.get("labels") or {}).get(LABEL_RELEASE) == wanted.release:
                return True
        return False

    def _has_turn(self, deployment: Key, runtime: str) -> bool:
        if deployment not in self._given[runtime]:
            if not self._has_room(runtime):
                self._waiting[runtime].setdefault(deployment)
                return False
            self._given[runtime][deployment] = None
        self._waiting[runtime].pop(deployment, None)
        return True

    def _has_room(self, runtime: str) -> bool:
        users, rolling = self._view.on_runtime(runtime)
        most = max(1, math.floor(users * self._share))
        return len(rolling | self._given[runtime].keys()) < most

    def _call_next(self, runtime: str) -> None:
        waiting = self._waiting[runtime]
        if waiting and self._has_room(runtime):
            key = next(iter(waiting))
            del waiting[key]
            self._wake(key)
        if not waiting:
            del self._waiting[runtime]
