"""Which registry servers are there? One by environment variables, more by a mounted file that names them.

Read once at start. What cannot be used stops the start with a sentence that names file, registry and
field. Nothing here talks to a registry, and no key is read.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_type_hints

from lockgate.mounted import Entry, is_seconds, read_each, refused
from lockgate.names import DEFAULT_SOURCE
from lockgate.sentences import listed
from lockgate.settings import Settings, SettingsError, check_address

KINDS: Final = ("wandb",)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """One registry server: where it is, how the operator asks it, and how model pods fetch from it.

    The Secret and the ConfigMap of the pods lie in each model's own namespace. `timeout` is seconds.
    """

    kind: str
    base_url: str
    api_key_file: Path | None
    organization: str = ""
    ca_bundle: Path | None = None
    allow_http: bool = False
    timeout: float = 20.0
    model_secret_name: str
    model_secret_key: str = "api-key"  # noqa: S105
    model_ca_config_map: str = ""
    model_ca_key: str = "ca.crt"


def configured_registries(settings: Settings) -> dict[str, RegistrySettings]:
    """Every registry server by the name that a spec calls it; raises SettingsError."""
    file = settings.registries_file
    found = read_each(file, "LOCKGATE_REGISTRIES_FILE", "registry", _registry)
    if settings.registry_base_url:
        if DEFAULT_SOURCE in found:
            raise SettingsError(
                f"{file} names a registry {DEFAULT_SOURCE}, and so does LOCKGATE_REGISTRY_BASE_URL; keep one"
            )
        found = {DEFAULT_SOURCE: _by_environment(settings)} | found
    if DEFAULT_SOURCE not in found:
        raise SettingsError(
            f"no registry is called {DEFAULT_SOURCE}, which a ModelDeployment means that names none: set "
            f"LOCKGATE_REGISTRY_BASE_URL, or call one so in {file}"
        )
    return found


def _by_environment(settings: Settings) -> RegistrySettings:
    return RegistrySettings(
        kind="wandb",
        base_url=settings.registry_base_url,
        api_key_file=settings.registry_api_key_file,
        organization=settings.registry_organization,
        ca_bundle=settings.registry_ca_bundle,
        allow_http=settings.registry_allow_http,
        timeout=settings.registry_timeout_seconds,
        model_secret_name=settings.model_secret_name,
        model_secret_key=settings.model_secret_key,
        model_ca_config_map=settings.model_ca_config_map,
        model_ca_key=settings.model_ca_key,
    )


def _registry(entry: Entry) -> RegistrySettings:
    given, where = entry.fields(RegistrySettings), entry.where
    found = RegistrySettings(**{field: _value(where, field, value) for field, value in given.items()})
    if found.kind not in KINDS:
        raise SettingsError(f"{where}: field kind is {found.kind!r}; this release knows {listed(KINDS)}")
    check_address(
        f"{where}: field baseUrl", "its field allowHttp", found.base_url, allow_http=found.allow_http
    )
    return found


def _value(where: str, field: str, value: object) -> Any:
    type_ = _TYPES[field]
    if type_ is bool:
        wanted, fits = "true or false", isinstance(value, bool)
    elif type_ is float:
        wanted, fits = "a number of seconds above 0", is_seconds(value)
    else:
        wanted, fits = "a text", isinstance(value, str) and bool(value)
    if not fits:
        raise refused(where, field, value, wanted)
    return Path(str(value)) if type_ == Path | None else value


_TYPES: Final = get_type_hints(RegistrySettings)
