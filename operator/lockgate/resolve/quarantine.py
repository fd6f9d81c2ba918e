"""Did this version fail in another ModelDeployment, so that a person has to want it here?

What failed is read from the statuses of all that the operator sees: nothing is written down twice, and who
remembers a failure no more holds up nobody. Only the same bytes on the same runtime count. Decides nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Revision
from lockgate.api.status_codec import parse_status
from lockgate.domain.observed import Elsewhere
from lockgate.domain.ports import ClusterView
from lockgate.domain.resources import MODEL_DEPLOYMENT, Key


class Scope(StrEnum):
    """Whose failures count."""

    NONE = "None"
    NAMESPACE = "Namespace"
    FLEET = "Fleet"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Looks for failures of others."""

    view: ClusterView
    scope: Scope

    def of(self, deployment: ModelDeployment, revision: Revision) -> Elsewhere | None:
        """The failure of this version in another ModelDeployment; None when there is none that counts."""
        if self.scope is Scope.NONE or revision.digest is None or not revision.runtime:
            return None
        others = self.view.failed_in((revision.digest, revision.runtime))
        near = [key for key in others if key[0] == deployment.namespace and key != deployment.key]
        for key in near:
            if why := self._why(key, revision):
                return Elsewhere(key[1], why)
        far = [key for key in others if key[0] != deployment.namespace]
        # What other namespaces hold, and what their pods say, is not for everybody.
        return Elsewhere("another namespace", "") if far and self.scope is Scope.FLEET else None

    def _why(self, key: Key, revision: Revision) -> str | None:
        raw = self.view.get(MODEL_DEPLOYMENT, key)
        for failure in parse_status(raw.get("status")).rollout.failed if raw else ():
            if (failure.revision.digest, failure.revision.runtime) == (revision.digest, revision.runtime):
                return failure.message
        return None
