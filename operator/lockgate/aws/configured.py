"""Which targets on Amazon ECS does the platform offer? A mounted file names them, and says what each is.

Read once at start. What cannot be used stops the start with a sentence that names file, target and field.
AWS is not asked, and no credential is read.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from lockgate.addresses import is_loopback
from lockgate.aws.targets import Target
from lockgate.mounted import NAMESPACES, Entry, are_namespaces, is_name, is_seconds, read_each, refused
from lockgate.settings import Settings, SettingsError

T = TypeVar("T")
_LIMIT: Final = 512
_LONGEST_SECONDS: Final = 60.0
# Longer than that a candidate could be late while it bakes.
_LONGEST_BAKE: Final = 15
_DIGEST: Final = re.compile(r"\S+@sha256:[0-9a-f]{64}")
_LOAD_BALANCER: Final = ("target_group", "alternate_target_group", "production_listener_rule")


def configured_targets(settings: Settings) -> Mapping[str, Target]:
    """Every target by the name that a spec calls it; raises SettingsError."""
    return read_each(settings.ecs_file, "LOCKGATE_ECS_FILE", "target", _target)


def _target(entry: Entry) -> Target:
    given, where = entry.fields(Target), entry.where
    read: dict[str, Any] = {}
    for name, value in given.items():
        takes, wanted = _FIELDS.get(name, (_is_text, "a text"))
        if not takes(value):
            raise refused(where, name, value, wanted)
        read[name] = _CONVERTED.get(name, _as_it_is)(value)
    found = Target(name=entry.name, **read)
    _check(found, where)
    return found


def _check(target: Target, where: str) -> None:
    if (target.credentials_file is None) == (not target.role):
        raise SettingsError(f"{where}: write either credentialsFile or role, for it needs one of the two")
    if bool(target.role) != (target.token_file is not None):
        raise SettingsError(f"{where}: role and tokenFile belong together")
    named = [name for name in (*_LOAD_BALANCER, "load_balancer_role") if getattr(target, name)]
    if named not in ([], ["target_group"], [*_LOAD_BALANCER, "load_balancer_role"]):
        raise SettingsError(
            f"{where}: traffic is shifted with targetGroup, alternateTargetGroup, productionListenerRule and "
            "loadBalancerRole; write all four, or targetGroup alone, or none"
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LIMIT and value.isprintable()


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _are_secrets(value: object) -> bool:
    is_map = isinstance(value, Mapping) and bool(value)
    return is_map and all(is_name(key) and _is_text(arn) for key, arn in dict(value).items())  # type: ignore[call-overload]


def _is_size(value: object) -> bool:
    return type(value) is int and 128 <= value <= 2**20


def _is_bake(value: object) -> bool:
    return type(value) is int and 0 <= value <= _LONGEST_BAKE


def _is_endpoint(value: object) -> bool:
    """Over anything but TLS what is signed could be read, and sent again, on its way."""
    if not isinstance(value, str) or not _is_text(value):
        return False
    try:
        parts = urlsplit(value)
        is_plain = parts.port != 0 and parts.username is None and not (parts.path or parts.query)
    except ValueError:
        return False
    return is_plain and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    )


def _as_it_is(value: Any) -> Any:
    return value


_FIELDS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "namespaces": (are_namespaces, NAMESPACES),
    "subnets": (_are_texts, "a list of subnets"),
    "security_groups": (_are_texts, "a list of security groups"),
    "alarms": (_are_texts, "a list of names of alarms"),
    "registry_secrets": (_are_secrets, "for each registry by its name the ARN of a secret"),
    "fetch_image": (lambda v: isinstance(v, str) and bool(_DIGEST.fullmatch(v)), "IMAGE@sha256:DIGEST"),
    "region": (lambda v: isinstance(v, str) and bool(re.fullmatch(r"[a-z0-9-]{1,32}", v)), "a region"),
    "cpu": (_is_size, "units of a processor, 1024 for one"),
    "memory": (_is_size, "MiB of memory"),
    "bake_minutes": (_is_bake, f"whole minutes, at most {_LONGEST_BAKE}"),
    "assign_public_ip": (lambda v: isinstance(v, bool), "true or false"),
    "endpoint": (_is_endpoint, "https://HOST and nothing behind"),
    "identity_endpoint": (_is_endpoint, "https://HOST and nothing behind"),
    "timeout_seconds": (
        lambda v: is_seconds(v, _LONGEST_SECONDS),
        f"a number above 0, at most {_LONGEST_SECONDS:g}",
    ),
}
_CONVERTED: Final[Mapping[str, Callable[[Any], Any]]] = {
    "namespaces": tuple,
    "subnets": tuple,
    "security_groups": tuple,
    "alarms": tuple,
    "registry_secrets": dict,
    "timeout_seconds": float,
    "credentials_file": Path,
    "token_file": Path,
}
