"""Does the cluster hold what was rendered? A pure comparison that writes depend on.

An observed object matches when every rendered field is in it with the same meaning. Fields of
others (defaults, sidecars, annotations of other tools) are none of our business. That Lockgate
no longer renders a field shows in the render hash, which is a rendered annotation itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lockgate.api.quantity import parse_quantity
from lockgate.domain.fingerprint import fingerprint
from lockgate.domain.resources import Object
from lockgate.names import ANNOTATION_APPLIED_GENERATION

# By what the API server tells the items of a list apart, where it merges lists at all; an owner,
# for one, is known by its UID and by nothing else. Lists that are not named here are one value.
_MERGED_BY: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "containers": (("name",),),
    "initContainers": (("name",),),
    "volumes": (("name",),),
    "env": (("name",),),
    "imagePullSecrets": (("name",),),
    "volumeMounts": (("mountPath",),),
    "ownerReferences": (("uid",),),
    "ports": (("containerPort", "protocol"), ("port", "protocol")),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
}

# Owned as a whole by whoever writes them: in a route or a selector, more than was rendered means something
# else (core/v1 ServiceSpec and gateway-api HTTPRouteSpec, `+mapType=atomic` and `+listType=atomic`).
_WHOLE: Final = frozenset({"spec.selector", "spec.rules", "spec.hostnames", "spec.parentRefs"})

Difference = tuple[str, str]
"""The path of a rendered field, and what the cluster holds there instead."""


def is_as_applied(seen: Object) -> bool:
    """Whether nobody has changed the spec since we wrote it, by the generation that we wrote into it."""
    metadata = seen["metadata"]
    applied = (metadata.get("annotations") or {}).get(ANNOTATION_APPLIED_GENERATION)
    return applied is not None and applied == str(metadata.get("generation"))


def first_difference(rendered: Any, observed: Any) -> str | None:
    """The path of the first rendered field that the observed object does not hold, or None."""
    return next((path for path, _ in differences(rendered, observed)), None)


def differences(rendered: Any, observed: Any, path: str = "") -> Iterator[Difference]:
    """Every rendered field that the observed object does not hold."""
    if rendered == observed:
        return  # most parts are equal as a whole
    if observed is None and (rendered is False or rendered in ([], {})):
        return  # the API server drops what is empty or false
    found = list(_differences(rendered, observed, path))
    if path in _WHOLE and not found:
        found.append((path, fingerprint({"observed": observed})))
    yield from found


def _differences(rendered: Any, observed: Any, path: str) -> Iterator[Difference]:
    if isinstance(rendered, dict) and isinstance(observed, dict):
        for name, value in rendered.items():
            yield from differences(value, observed.get(name), f"{path}.{name}" if path else name)
    elif isinstance(rendered, list) and isinstance(observed, list):
        yield from _of_lists(rendered, observed, path)
    elif not (_is_quantity(path) and _same_quantity(rendered, observed)):
        yield path, repr(observed)


def _of_lists(rendered: Sequence[Any], observed: Sequence[Any], path: str) -> Iterator[Difference]:
    keys = _merge_keys(path.rpartition(".")[2], rendered)
    if keys is None:
        if len(rendered) != len(observed):
            yield path, repr(observed)
            return
        for number, (ours, theirs) in enumerate(zip(rendered, observed, strict=True)):
            yield from differences(ours, theirs, f"{path}[{number}]")
        return
    found = {_identity(item, keys): item for item in observed if isinstance(item, dict)}
    for item in rendered:
        identity = _identity(item, keys)
        yield from differences(item, found.get(identity), f"{path}[{identity[0]}]")


def _merge_keys(name: str, items: Sequence[Any]) -> tuple[str, ...] | None:
    for keys in _MERGED_BY.get(name, ()):
        if all(isinstance(item, dict) and keys[0] in item for item in items):
            return keys
    return None


def _identity(item: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[Any, ...]:
    defaults = {"protocol": "TCP"}
    return tuple(item.get(key, defaults.get(key)) for key in keys)


def _is_quantity(path: str) -> bool:
    return ".resources." in path or path.endswith(".sizeLimit")


def _same_quantity(rendered: Any, observed: Any) -> bool:
    try:
        return parse_quantity(rendered) == parse_quantity(observed)
    except ValueError:
        return False
