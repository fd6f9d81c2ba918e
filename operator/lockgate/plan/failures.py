"""Which versions were aborted, and what makes them worth another try.

A failure is remembered by the release that failed: version, bytes, runtime and resources. An edit
of anything else, or an alias that comes back, does not try it again; another release does, and so
does a new value of the annotation lockgate.dev/retry.
"""

from lockgate.api.spec import ModelDeployment
from lockgate.api.status import Failure, Revision, RolloutState
from lockgate.domain.fingerprint import fingerprint
from lockgate.domain.observed import Elsewhere
from lockgate.names import ANNOTATION_RETRY

REMEMBERED = 10
HOW_TO_RETRY = (
    "move the alias to another version, change its runtime or resources, "
    f"or give the annotation {ANNOTATION_RETRY} a new value to try it again"
)
HOW_TO_TRY_HERE = "move the alias to another version, or run kubectl lockgate retry to try it here"


def told_elsewhere(elsewhere: Elsewhere) -> str:
    """Where and how it failed, for people."""
    return f"it failed in {elsewhere.where}" + (f" ({elsewhere.why})" if elsewhere.why else "")


def recipe_of(deployment: ModelDeployment, revision: Revision) -> str:
    """A release, and how often people asked for it."""
    return fingerprint({"release": revision.release or revision.uri, "retry": deployment.retry})


def failure_of(deployment: ModelDeployment, state: RolloutState, revision: Revision) -> Failure | None:
    """How this version failed when its pods were made just so; None when it is worth a try."""
    recipe = recipe_of(deployment, revision)
    for failure in state.failed:
        if failure.recipe == recipe or (not failure.recipe and failure.revision.is_same_version(revision)):
            return failure
    return None


def with_failure(state: RolloutState, failure: Failure) -> tuple[Failure, ...]:
    """The remembered failures with a new one, the newest first and not without end."""
    others = (known for known in state.failed if known.recipe != failure.recipe)
    return (failure, *others)[:REMEMBERED]


def without(state: RolloutState, revision: Revision) -> tuple[Failure, ...]:
    """The remembered failures once this version has held."""
    return tuple(failure for failure in state.failed if not failure.revision.is_same_version(revision))
