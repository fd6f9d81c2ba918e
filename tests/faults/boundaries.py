"""What children must never be given, and what may never change behind a rollout's back: one function each.

They are invariants like those of invariants.py, which has all of them in its list: each is asked after
every single write. They read what was written and asked, and know nothing of how the operator works.
"""

import json
from collections.abc import Callable

from tests.faults.history import Change, History, version_of

from lockgate_sandbox.api import Json

# An answer of the registry, a pass and a write may all be under way when the wish changes.
LATE_SECONDS = 10.0
_CHILDREN = ("Deployment", "Service", "HTTPRoute", "ControllerRevision")
_FETCH = "fetch"
# What the API server itself puts there for a deletion that waits.
_OF_A_DELETION = {"foregroundDeletion", "orphan"}
_RELEASE = "lockgate.dev/release"


def nothing_of_ours_holds_up_a_deletion(_: History, change: Change) -> str | None:
    obj = change.after or {"metadata": {}}
    found = set(obj["metadata"].get("finalizers") or ()) - _OF_A_DELETION
    ours = found if controller_of(obj) else {each for each in found if "lockgate" in each}
    return f"{change.kind} has the finalizers {sorted(ours)}" if ours else None


def children_live_where_their_owner_does(history: History, change: Change) -> str | None:
    owner = controller_of(change.after) if change.kind in _CHILDREN else None
    if owner is None:
        return None
    homes = {
        place[0]
        for (kind, place), obj in history.objects.items()
        if kind == owner["kind"] and obj["metadata"]["uid"] == owner["uid"]
    }
    strange = homes and change.key[0] not in homes
    return f"it is in {change.key[0]}, and its owner in {sorted(homes)}" if strange else None


def no_server_gets_a_key(_: History, change: Change) -> str | None:
    pod = _pod_of(change)
    keys = {volume["name"] for volume in pod.get("volumes") or () if "secret" in volume}
    for container in (*(pod.get("containers") or ()), *(pod.get("initContainers") or ())):
        if "secretKeyRef" in json.dumps([container.get("env"), container.get("envFrom")]):
            return f"{container['name']} has a key in its environment"
        mounted = keys & {mount["name"] for mount in container.get("volumeMounts") or ()}
        if mounted and container["name"] != _FETCH:
            return f"{container['name']} can read {sorted(mounted)}"
    return None


def pods_are_nobody_in_the_cluster(_: History, change: Change) -> str | None:
    pod = _pod_of(change)
    if not pod:
        return None
    if pod.get("serviceAccountName", "default") != "default":
        return f"its pods act as {pod['serviceAccountName']}"
    return None if pod.get("automountServiceAccountToken") is False else "its pods get a token"


def the_pods_of_a_release_stay_as_they_were(history: History, change: Change) -> str | None:
    """Until somebody else touches them; and they may become again what they were."""
    if change.kind != "Deployment" or not change.after or controller_of(change.after) is None:
        return None
    template = change.after["spec"]["template"]
    release = (template["metadata"].get("labels") or {}).get(_RELEASE, "")
    known = history.templates[change.key, change.after["metadata"]["uid"], release]
    text = json.dumps(template, sort_keys=True)
    disturbed = history.asked[parent_of(change)].disturbed_at >= change.at - LATE_SECONDS
    if release and known and text not in known and not disturbed:
        return f"release {release} is given other pods than it had"
    known.add(text)
    return None


def a_workload_is_given_only_what_is_wanted_or_serves(history: History, change: Change) -> str | None:
    if change.kind != "Deployment" or not change.after or controller_of(change.after) is None:
        return None
    version, before = version_of(change.after["spec"]["template"]), change.before
    if not version or (before and version_of(before["spec"]["template"]) == version):
        return None
    parent = parent_of(change)
    status = (history.get("ModelDeployment", parent) or {}).get("status") or {}
    named = {(status.get(role) or {}).get("version") for role in ("stable", "candidate")}
    wanted = _wanted(history, parent, status)
    # Where nobody knows who serves, whatever runs may be put right.
    if not status.get("stable") or version in wanted | named:
        return None
    return f"{change.key[1]} is given {version}; wanted is {sorted(wanted)}, named are {named}"


def a_candidate_is_what_was_asked_for_since_stable_is(history: History, change: Change) -> str | None:
    if change.kind != "ModelDeployment" or not change.before or not change.after:
        return None
    before, status = ((each.get("status") or {}) for each in (change.before, change.after))
    old, new = ((each.get("candidate") or {}).get("version") for each in (before, status))
    wanted = _wanted(history, change.key, status)
    if new in (None, old) or new in wanted or not status.get("stable"):
        return None
    return (
        f"{new} is the candidate; asked for since {status['stable']['version']} is stable: {sorted(wanted)}"
    )


def a_status_names_the_candidate_that_rolls_out(_: History, change: Change) -> str | None:
    if change.kind != "ModelDeployment" or not change.after:
        return None
    status = change.after.get("status") or {}
    told, known = (
        (each.get("candidate") or {}).get("version") for each in (status, status.get("rollout") or {})
    )
    if told != known:
        return f"{told} is told to be the candidate, and {known} is the one that is remembered"
    return None if told or "step" not in status else f"step {status['step']} of no rollout is told"


BOUNDARIES: tuple[Callable[[History, Change], str | None], ...] = (
    nothing_of_ours_holds_up_a_deletion,
    children_live_where_their_owner_does,
    no_server_gets_a_key,
    pods_are_nobody_in_the_cluster,
    the_pods_of_a_release_stay_as_they_were,
    a_workload_is_given_only_what_is_wanted_or_serves,
    a_candidate_is_what_was_asked_for_since_stable_is,
    a_status_names_the_candidate_that_rolls_out,
)


def controller_of(obj: Json | None) -> Json | None:
    """The ModelDeployment that controls an object, if one does."""
    owners: list[Json] = (obj or {"metadata": {}})["metadata"].get("ownerReferences") or []
    return next((o for o in owners if o.get("controller") and o["kind"] == "ModelDeployment"), None)


def parent_of(change: Change) -> tuple[str, str]:
    """The ModelDeployment that a child is of."""
    owner = controller_of(change.after)
    return change.key[0], owner["name"] if owner else change.key[1]


def _wanted(history: History, parent: tuple[str, str], status: Json) -> set[str]:
    """What was asked for since stable is what it is: an answer of the registry may be as old as that."""
    stable = (status.get("stable") or {}).get("version", "")
    return history.asked[parent].since(history.stable_since.get((parent, stable), 0.0) - LATE_SECONDS)


def _pod_of(change: Change) -> Json:
    """What the pods of a workload or of an entry of the ledger are made of."""
    if controller_of(change.after) is None or change.after is None:
        return {}
    held = change.after.get("data" if change.kind == "ControllerRevision" else "spec") or {}
    pod: Json = (held.get("template") or {}).get("spec") or {}
    return pod
