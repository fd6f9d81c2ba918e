"""Which services may gates ask? A mounted file names them, and says where each is and who may name it.

Read once at start. What cannot be used stops the start with a sentence that names file, service and
field. No service is asked, and neither token nor authority is read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from lockgate.mounted import NAMESPACES, Entry, are_namespaces, is_seconds, read_each, refused
from lockgate.settings import Settings
from lockgate.webhooks.offered import Service

_LONGEST_SECONDS: Final = 60.0


def configured_services(settings: Settings) -> Mapping[str, Service]:
    """Every service by the name that a spec calls it; raises SettingsError."""
    return read_each(settings.webhooks_file, "LOCKGATE_WEBHOOKS_FILE", "service", _service)


def _service(entry: Entry) -> Service:
    given, where = entry.fields(Service), entry.where
    files: dict[str, Any] = {
        name: _file(where, name, given[name]) for name in ("ca_file", "token_file") if name in given
    }
    if "timeout_seconds" in given:
        files["timeout_seconds"] = _seconds(where, given["timeout_seconds"])
    return Service(
        name=entry.name,
        address=_address(where, given["address"]),
        namespaces=_namespaces(where, given["namespaces"]),
        **files,
    )


def _address(where: str, value: object) -> str:
    if not isinstance(value, str) or not _is_address(value):
        # What was written may hold a password, so it is not shown.
        raise refused(
            where, "address", "no address that can be asked", "https://HOST/PATH and nothing behind"
        )
    return value


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # Reading the port raises for what is none.
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    is_plain = text.isascii() and text.isprintable() and " " not in text and parts.username is None
    return parts.scheme == "https" and has_host and is_plain and not parts.query and not parts.fragment


def _file(where: str, field: str, value: object) -> Path:
    if not isinstance(value, str) or not value:
        raise refused(where, field, value, "the path of a file")
    return Path(value)


def _seconds(where: str, value: object) -> float:
    if not is_seconds(value, _LONGEST_SECONDS):
        raise refused(where, "timeout_seconds", value, f"a number above 0, at most {_LONGEST_SECONDS:g}")
    return float(value)


def _namespaces(where: str, value: object) -> tuple[str, ...]:
    if not are_namespaces(value):
        raise refused(where, "namespaces", value, NAMESPACES)
    return tuple(value)
