"""What must hold after every single write, whatever goes wrong: one function each, a sentence its name.

Each answers with what is wrong, or with nothing. They judge what was asked and what the cluster
holds; of how the operator works they know nothing.
"""

from collections.abc import Callable
from itertools import pairwise

from tests.fakes.kstatus import check_kstatus
from tests.faults.boundaries import BOUNDARIES, LATE_SECONDS, parent_of
from tests.faults.history import Change, History, is_ready, version_of

from lockgate_sandbox.api import Json

Invariant = Callable[[History, Change], str | None]
# A write of the status may be lost and the next one tell more than one end.
_ENDED_AT_ONCE = 3


def weights_are_whole_and_sum_to_a_hundred(_: History, change: Change) -> str | None:
    traffic = _status(change).get("traffic")
    if not traffic:
        return None
    weights = [share["weight"] for share in traffic]
    good = sum(weights) == 100 and all(isinstance(w, int) and 0 <= w <= 100 for w in weights)
    return None if good else f"weights are {weights}"


def only_stable_and_candidate_get_traffic(_: History, change: Change) -> str | None:
    status = _status(change)
    named = {(status.get(role) or {}).get("version") for role in ("stable", "candidate")}
    # Whoever was given up a moment ago is told to get what the gateway still sends to it.
    ended = {("previous", entry["version"]) for entry in status.get("history") or ()}
    got = [(s["track"], s["version"]) for s in status.get("traffic") or () if s["weight"]]
    others = [version for track, version in got if version not in named and (track, version) not in ended]
    return f"{others} get traffic, but stable and candidate are {named}" if others else None


def a_status_reads_cleanly(_: History, change: Change) -> str | None:
    if not (_status(change).get("conditions")):
        return None
    assert change.after is not None
    try:
        check_kstatus(change.after)
    except (AssertionError, KeyError) as error:
        return f"{error!r}: {change.after['status']['conditions']}"
    return None


def the_observed_generation_never_goes_back(_: History, change: Change) -> str | None:
    before, after = _same(change)
    if before and after:
        old, new = (obj.get("status", {}).get("observedGeneration", 0) for obj in (before, after))
        return f"from {old} to {new}" if new < old else None
    return None


def what_serves_is_never_forgotten(_: History, change: Change) -> str | None:
    before, after = _same(change)
    if before and after and before.get("status", {}).get("stable"):
        stable = after.get("status", {}).get("stable")
        return None if stable else f"{before['status']['stable']['version']} was stable, now nothing is"
    return None


def history_grows_at_its_head_only(_: History, change: Change) -> str | None:
    before, after = _same(change)
    if not before or not after:
        return None
    old, new = (obj.get("status", {}).get("history") or [] for obj in (before, after))
    limit = after["spec"].get("revisionHistoryLimit", 10)
    for added in range(min(_ENDED_AT_ONCE, len(new)) + 1):
        kept = len(new) - added
        if new[added:] == old[:kept] and (kept == len(old) or len(new) >= limit):
            return None
    return f"{old} became {new}"


def stable_changes_only_to_what_was_asked_for_since(history: History, change: Change) -> str | None:
    before, after = _same(change)
    if not before or not after:
        return None
    old, new = ((obj.get("status", {}).get("stable") or {}).get("version") for obj in (before, after))
    if new == old or new is None:
        return None
    since = history.stable_since.get((change.key, old or ""), 0.0) - LATE_SECONDS
    history.stable_since[change.key, new] = change.at
    asked = history.asked[change.key].since(since)
    return None if new in asked else f"from {old} to {new}; asked for since then: {sorted(asked)}"


def a_bad_version_never_becomes_stable(history: History, change: Change) -> str | None:
    stable = _status(change).get("stable") or {}
    quality = history.qualities.get(stable.get("digest", ""), "good")
    if quality == "good" or _before(change).get("stable") == stable:
        return None
    if change.after is not None and _smallest_size(history, change) == 0:
        return None  # nobody has seen a pod of it
    return f"{stable['version']} is stable and is {quality}"


def what_is_promoted_was_proven_by_its_ready_pods(history: History, change: Change) -> str | None:
    stable = _status(change).get("stable") or {}
    if not stable or _before(change).get("stable", {}).get("version") == stable.get("version"):
        return None
    pods = [pod for pod in history.pods(change.key) if version_of(pod) == stable["version"]]
    ready = [pod for pod in pods if is_ready(pod)]
    bare = [pod["metadata"]["name"] for pod in ready if '"ok": true' not in _told(pod)]
    return f"{stable['version']} was promoted, but {bare} proved nothing" if bare else None


def a_proven_tree_never_changes(history: History, change: Change) -> str | None:
    stable = _status(change).get("stable") or {}
    tree = stable.get("treeDigest")
    if not tree:
        return None
    first = history.trees.setdefault((change.key, stable["version"], stable["digest"]), tree)
    return None if first == tree else f"{stable['version']} was {first} and is {tree}"


def an_aborted_version_is_not_tried_again_unasked(history: History, change: Change) -> str | None:
    before, after = _same(change)
    if not before or not after:
        return None
    _note_failures(history, change)
    old, new = ((obj.get("status", {}).get("candidate") or {}).get("version") for obj in (before, after))
    if new is None or new == old:
        return None
    failed = history.failed_at.get((change.key, new))
    if failed is None or any(at >= failed - LATE_SECONDS for at in history.asked[change.key].changes):
        return None
    return f"{new} was aborted {change.at - failed:.1f} s ago and is tried again; nobody asked for it"


def no_version_is_rolled_out_that_nobody_asked_for(history: History, change: Change) -> str | None:
    version = _version_of_template(change)
    asked = history.asked[parent_of(change)].ever()
    return None if not version or version in asked else f"{version}; asked for: {sorted(asked)}"


def a_suspended_workload_keeps_its_version(history: History, change: Change) -> str | None:
    since = history.asked[parent_of(change)].suspended_since
    version = _version_of_template(change)
    if not version or change.before is None or since is None or change.at < since + LATE_SECONDS:
        return None
    old = version_of(change.before["spec"]["template"])
    return None if old == version else f"{old} became {version}"


def the_workload_has_a_size_somebody_asked_for(history: History, change: Change) -> str | None:
    if change.kind != "Deployment" or change.after is None or not _ours(change.after):
        return None
    size = change.after["spec"]["replicas"]
    asked = {size for _, size in history.asked[parent_of(change)].sizes}
    owner = history.get("ModelDeployment", parent_of(change))
    if size == 0 and not ((owner or {}).get("status") or {}).get("stable"):
        return None
    if "rolling" not in ((owner or {}).get("spec", {}).get("strategy") or {"rolling": {}}):
        return None if size <= max(asked, default=0) else f"{size}; asked for: {sorted(asked)}"
    return None if size in asked else f"{size}; asked for: {sorted(asked)}"


def enough_pods_serve_while_nobody_disturbs_them(history: History, change: Change) -> str | None:
    if change.kind != "Pod":
        return None
    name = ((change.after or change.before or {})["metadata"].get("labels") or {}).get(
        "lockgate.dev/model-deployment", ""
    )
    key = (change.key[0], name)
    had = history.whole_at_round.get(key)
    asked = history.asked[key]
    if had is None or asked.disturbed_at >= history.round_began:
        return None
    floor = min([had, *(size for at, size in asked.sizes if at >= history.round_began - LATE_SECONDS)])
    ready = sum(map(is_ready, history.pods(key)))
    return None if ready >= floor else f"{ready} pods of {name} are ready, {floor} is the least"


def a_service_selects_the_pods_of_its_workload(history: History, change: Change) -> str | None:
    if change.kind != "Service" or change.after is None or not _ours(change.after):
        return None
    selector = change.after["spec"]["selector"]
    named = selector.get("lockgate.dev/workload", change.key[1])
    workload = history.get("Deployment", (change.key[0], named))
    if workload is None or not _ours(workload) or _disturbed_lately(history, change):
        return None
    labels = workload["spec"]["template"]["metadata"]["labels"]
    return None if selector.items() <= labels.items() else f"{selector} selects nothing of {labels}"


def what_belongs_to_others_is_never_touched(history: History, change: Change) -> str | None:
    if change.after is None or (change.kind, change.key) not in history.foreign:
        return None
    managers = {entry["manager"] for entry in change.after["metadata"].get("managedFields") or ()}
    return f"{change.kind} {change.key} is of a stranger and was written" if "lockgate" in managers else None


def children_belong_to_a_resource_that_was_there(history: History, change: Change) -> str | None:
    if change.kind not in ("Deployment", "Service") or change.after is None or change.before is not None:
        return None
    managers = {entry["manager"] for entry in change.after["metadata"].get("managedFields") or ()}
    if "lockgate" not in managers:
        return None
    owners = [o["kind"] for o in change.after["metadata"].get("ownerReferences") or () if o.get("controller")]
    return None if owners == ["ModelDeployment"] else f"{change.kind} {change.key} is controlled by {owners}"


def conditions_change_their_time_only_with_their_status(_: History, change: Change) -> str | None:
    before, after = _same(change)
    if not before or not after:
        return None
    old = {c["type"]: c for c in before.get("status", {}).get("conditions") or ()}
    for condition in after.get("status", {}).get("conditions") or ():
        known = old.get(condition["type"], {})
        stayed = known.get("status") == condition["status"]
        if stayed and known["lastTransitionTime"] != condition["lastTransitionTime"]:
            return f"{condition['type']} stayed {known['status']}"
    return None


INVARIANTS: tuple[Invariant, ...] = (
    weights_are_whole_and_sum_to_a_hundred,
    only_stable_and_candidate_get_traffic,
    a_status_reads_cleanly,
    the_observed_generation_never_goes_back,
    what_serves_is_never_forgotten,
    history_grows_at_its_head_only,
    stable_changes_only_to_what_was_asked_for_since,
    a_bad_version_never_becomes_stable,
    what_is_promoted_was_proven_by_its_ready_pods,
    a_proven_tree_never_changes,
    an_aborted_version_is_not_tried_again_unasked,
    no_version_is_rolled_out_that_nobody_asked_for,
    a_suspended_workload_keeps_its_version,
    the_workload_has_a_size_somebody_asked_for,
    enough_pods_serve_while_nobody_disturbs_them,
    a_service_selects_the_pods_of_its_workload,
    what_belongs_to_others_is_never_touched,
    children_belong_to_a_resource_that_was_there,
    conditions_change_their_time_only_with_their_status,
    *BOUNDARIES,
)


def _status(change: Change) -> Json:
    if change.kind != "ModelDeployment" or change.after is None:
        return {}
    status: Json = change.after.get("status") or {}
    return status


def _before(change: Change) -> Json:
    return (_same(change)[0] or {}).get("status") or {}


def _same(change: Change) -> tuple[Json | None, Json | None]:
    """A ModelDeployment before and after, unless it is another one of the same name."""
    if change.kind != "ModelDeployment" or not change.before or not change.after:
        return None, None
    if change.before["metadata"]["uid"] != change.after["metadata"]["uid"]:
        return None, None
    return change.before, change.after


def _ours(obj: Json) -> bool:
    owners = obj["metadata"].get("ownerReferences") or ()
    return any(o.get("controller") and o["kind"] == "ModelDeployment" for o in owners)


def _version_of_template(change: Change) -> str:
    if change.kind != "Deployment" or change.after is None or not _ours(change.after):
        return ""
    return version_of(change.after["spec"]["template"])


def _told(pod: Json) -> str:
    for container in (pod.get("status") or {}).get("initContainerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated") or {}
        if container["name"] == "fetch":
            return str(ended.get("message", ""))
    return ""


def _smallest_size(history: History, change: Change) -> int:
    sizes = history.asked[change.key].sizes
    recent = [size for at, size in sizes if at >= change.at - LATE_SECONDS] + [s for _, s in sizes[-1:]]
    recent += [first[1] for first, second in pairwise(sizes) if second[0] >= change.at - LATE_SECONDS]
    return min(recent, default=1)


def _disturbed_lately(history: History, change: Change) -> bool:
    return history.asked[change.key].disturbed_at >= change.at - LATE_SECONDS


def _note_failures(history: History, change: Change) -> None:
    old = _before(change).get("history") or []
    for entry in _status(change).get("history") or ():
        if entry["outcome"] == "Aborted" and entry not in old:
            history.failed_at[change.key, entry["version"]] = change.at
