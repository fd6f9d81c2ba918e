"""What a refusal of the API server means for the person who asked, and what to do about it.

A right that is missing is named by verb and kind, with the role of the chart that has it. Whatever
else the server says is told in its own words, bounded and printable. Pure.
"""

import re

from lockgate.cli.failing import CliError, NotAllowed, NotThere, Outdated, Unanswered
from lockgate.domain.resources import MODEL_DEPLOYMENT, Object, Resource
from lockgate.sentences import cause

VIEWER, RELEASER = "lockgate-viewer", "lockgate-releaser"
_NO_RIGHT = re.compile(r'User "(.*)" cannot (\w+) resource')
_VERBS_OF = {"patch": RELEASER}


def refusal(what: str, resource: Resource, namespace: str, code: int, said: Object) -> CliError:
    """The error for an answer that is no success; `what` reads like "read churn"."""
    words = cause(said.get("message") or f"it answered {code}")
    details = said.get("details")
    named = details.get("name") if isinstance(details, dict) else None
    where = f" in namespace {namespace}" if namespace else ""
    match code:
        case 401:
            return CliError(
                f"could not {what}: the API server does not know who you are; log in again, or choose "
                "another context with --context"
            )
        case 403:
            return _forbidden(what, resource, where, str(said.get("message") or ""), words)
        case 404 if named:
            return NotThere(f"there is no {resource.kind} {named}{where}")
        case 404 if resource is MODEL_DEPLOYMENT:
            return CliError(
                "this cluster knows no ModelDeployments; install Lockgate's chart (its CRDs are in crds/), "
                "or choose another cluster with --context"
            )
        case 409:
            return Outdated(f"could not {what}: somebody else changed it at the same time; try again")
        case 429 | 500 | 502 | 503 | 504:
            return Unanswered(f"could not {what}: {words}; try again in a moment")
        case _:
            return CliError(f"could not {what}: the API server refuses it: {words}")


def _forbidden(what: str, resource: Resource, where: str, message: str, words: str) -> CliError:
    right = _NO_RIGHT.search(message)
    if right is None:
        # An admission policy, a quota or a webhook, which say themselves what they want.
        return CliError(f"could not {what}: it is forbidden: {words}")
    who, verb = right[1], right[2]
    kind = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
    role = _VERBS_OF.get(verb, VIEWER)
    if not where:
        return NotAllowed(
            f"{who} may not {verb} {kind} in all namespaces; name one with -n, or ask for a "
            f"ClusterRoleBinding to the role {role} of Lockgate's chart"
        )
    return NotAllowed(
        f"{who} may not {verb} {kind}{where}; ask for a RoleBinding there to the ClusterRole {role} of "
        f"Lockgate's chart, or to another one with the verb {verb} on {kind}"
    )
