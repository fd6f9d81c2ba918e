"""Which gateways does the platform offer? A mounted file names them, and says what each is for.

Read once at start. What cannot be used stops the start with a sentence that names file, gateway and
field. No gateway is asked.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from lockgate.gateways.known import Features, features_of
from lockgate.gateways.offered import Gateway
from lockgate.mounted import Entry, read_each, refused
from lockgate.settings import Settings, SettingsError

_LIMIT: Final = 253
# A hostname, perhaps with *. before it, and with places for the names of a ModelDeployment.
_PART: Final = r"([a-z0-9]|\{name\}|\{namespace\})([-a-z0-9]|\{name\}|\{namespace\})*"
_HOST: Final = re.compile(rf"{_PART}(\.{_PART})*")
_PATTERN: Final = re.compile(rf"(\*\.)?{_PART}(\.{_PART})*")


def configured_gateways(settings: Settings) -> Mapping[str, Gateway]:
    """Every gateway by the name that a spec calls it; raises SettingsError."""
    return read_each(settings.gateways_file, "LOCKGATE_GATEWAYS_FILE", "gateway", _gateway)


def _gateway(entry: Entry) -> Gateway:
    given, where = entry.fields(Gateway), entry.where
    texts: dict[str, Any] = {name: _text(where, name, given[name]) for name in _TEXTS if name in given}
    found = Gateway(name=entry.name, hostnames=_patterns(where, given.get("hostnames", [])), **texts)
    if found.hostname and not _HOST.fullmatch(found.hostname):
        raise refused(where, "hostname", found.hostname, "a host, as {name}.{namespace}.models.example.com")
    if not found.hostname and not found.hostnames:
        raise SettingsError(f"{where}: neither hostname nor hostnames is there, so it would be for nobody")
    return replace(found, features=_features(where, found.controller, given.get("features", {})))


def _text(where: str, field: str, value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LIMIT or not value.isprintable():
        raise refused(where, field, value, "a text")
    return value


def _patterns(where: str, value: object) -> tuple[str, ...]:
    wanted = 'a list of hosts, each perhaps with "*." before it'
    if not isinstance(value, list) or not all(
        isinstance(each, str) and len(each) <= _LIMIT and _PATTERN.fullmatch(each) for each in value
    ):
        raise refused(where, "hostnames", value, wanted)
    return tuple(value)


def _features(where: str, controller: str, value: object) -> Features:
    """What is known of its controller, and what the platform knows better."""
    if not isinstance(value, Mapping):
        raise refused(where, "features", value, "mirror, percentMirror, match or cookie, each true or false")
    told: dict[str, Any] = Entry(name="features", where=f"{where}, features", raw=value).fields(Features)
    for field, given in told.items():
        if not isinstance(given, bool):
            raise refused(f"{where}, features", field, given, "true or false")
    return replace(features_of(controller), **told)


_TEXTS: Final = ("namespace", "gateway", "section", "hostname", "controller")
