"""One object as it is written and as it is seen: its name, its marks, and its preconditions. Pure."""

from lockgate.apply.drift import Difference, differences, is_as_applied
from lockgate.domain.resources import CHILDREN, DEPLOYMENT, HTTP_ROUTE, WORKLOADS, Key, Object, key_of
from lockgate.names import ANNOTATION_APPLIED_GENERATION, ANNOTATION_RENDER_HASH

Thing = tuple[str, Key]
"""Kind and key, for what is remembered of it."""

_COUNTED = ("spec", "metadata.annotations")


def is_leaving(seen: Object) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in seen["metadata"]


def is_followed(written: Object) -> bool:
    """Whether the object's controller has yet to tell that it has seen what was written."""
    status, generation = written.get("status") or {}, written["metadata"].get("generation", 0)
    if written["kind"] == HTTP_ROUTE.kind:
        said = (each for parent in status.get("parents") or () for each in parent.get("conditions") or ())
        return all(each.get("observedGeneration", 0) < generation for each in said)
    if written["kind"] == DEPLOYMENT.kind:
        return bool(status.get("observedGeneration", 0) < generation)
    # Of the others it is what they are made of that tells.
    return any(written["kind"] == each.kind for each in WORKLOADS)


def head_differences(obj: Object, seen: Object) -> frozenset[Difference]:
    """What differs beside the spec."""
    head = {name: value for name, value in _markless(obj).items() if name != "spec"}
    return frozenset(differences(head, seen))


def lends_marks(obj: Object) -> bool:
    """Whether it cannot carry marks of ours, because its controller would put them onto its pods."""
    return CHILDREN[obj["kind"]].lends_marks


def _markless(obj: Object) -> Object:
    """As it is written: a drawing has the name of its rendering in any case."""
    if not lends_marks(obj):
        return obj
    metadata = obj["metadata"]
    kept = {name: text for name, text in metadata["annotations"].items() if name != ANNOTATION_RENDER_HASH}
    return {**obj, "metadata": {**metadata, "annotations": kept}}


def creating(obj: Object) -> Object:
    """An apply that can only create: no object was ever at the very first version.

    A plain creation would do so too, but what it sets is owned otherwise than what is applied, and
    an apply of less would never take it away again.
    """
    return _noted(obj, 1, {"resourceVersion": "1"})


def meeting(obj: Object, seen: Object, found: frozenset[Difference]) -> Object:
    """An apply that meets just what was seen."""
    preconditions = {name: seen["metadata"][name] for name in ("uid", "resourceVersion")}
    # Spec and annotations make a new generation of a Deployment; what we know of it is one of these.
    rises = not is_as_applied(seen) or any(path.startswith(_COUNTED) for path, _ in found)
    return _noted(obj, seen["metadata"].get("generation", 0) + rises, preconditions)


def _noted(obj: Object, generation: int, preconditions: Object) -> Object:
    """With the generation that the object will have by this write, since no other comes between."""
    obj = _markless(obj)
    metadata = {**obj["metadata"], **preconditions}
    if obj["kind"] == DEPLOYMENT.kind:
        applied = {ANNOTATION_APPLIED_GENERATION: str(generation)}
        metadata["annotations"] = {**metadata.get("annotations", {}), **applied}
    return {**obj, "metadata": metadata}


def name_of(obj: Object) -> str:
    """Kind and name, for people."""
    return f"{obj['kind']} {obj['metadata']['name']}"


def thing_of(obj: Object) -> Thing:
    """Kind and key."""
    return obj["kind"], key_of(obj)


def render_hash_of(obj: Object) -> str:
    """The name of the rendering that it is of."""
    hashed: str = (obj["metadata"].get("annotations") or {}).get(ANNOTATION_RENDER_HASH, "")
    return hashed
