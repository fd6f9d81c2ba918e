"""The operator's configuration, from LOCKGATE_* environment variables, each explained here.

Read once at start; a value that cannot be used stops the start with a sentence naming it.
"""

import math
import os
import socket
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_args

_LARGEST_PORT = 65535


class SettingsError(Exception):
    """A variable is missing or cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured. Field `x_y` is read from LOCKGATE_X_Y."""

    registry_base_url: Annotated[str, "W&B's API, for instance https://api.wandb.ai; always explicit"]
    registry_organization: Annotated[
        str, "organization whose registries are meant, if the key sees several"
    ] = ""
    registry_api_key_file: Annotated[
        Path | None, "file with the operator's API key; read again when it changes"
    ] = None
    registry_timeout_seconds: Annotated[float, "how long one call to the registry may take"] = 20.0
    poll_interval_seconds: Annotated[float, "how often every alias in use is looked up"] = 30.0
    fetch_image: Annotated[str, "image of the fetch container, usually the operator's own"]
    fetch_deadline_seconds: Annotated[int, "how long fetching one model may take"] = 900
    fetch_max_bytes: Annotated[int, "most bytes that one model may have"] = 100 * 2**30
    model_secret_name: Annotated[
        str, "Secret with the API key that pods fetch with, in each model's own namespace"
    ] = "lockgate-registry"  # noqa: S105
    model_secret_key: Annotated[str, "its entry"] = "api-key"  # noqa: S105
    watch_namespaces: Annotated[tuple[str, ...], "namespaces to watch, with commas; empty means all"] = ()
    workers: Annotated[int, "how many ModelDeployments are looked at at once"] = 16
    sweep_seconds: Annotated[float, "how often everything is listed, for what the watch has missed"] = 600.0
    resync_seconds: Annotated[float, "how often a ModelDeployment is looked at if nothing happens"] = 600.0
    http_host: Annotated[str, "address on which /metrics, /healthz and /readyz answer"] = "0.0.0.0"  # noqa: S104
    http_port: Annotated[int, "its port"] = 8080
    log_level: Annotated[str, "DEBUG, INFO, WARNING or ERROR"] = "INFO"
    log_format: Annotated[str, "json, or console for people"] = "json"
    pod_name: Annotated[str, "this instance's name in Events; the host's name unless given"] = ""

    @classmethod
    def explanation(cls) -> str:
        """Every variable with what it is for and what holds without it, for --help."""
        lines = []
        for setting in fields(cls):
            default = "required" if setting.default is MISSING else _shown(setting.default)
            help_ = get_args(setting.type)[1]
            lines.append(f"  {_variable(setting)}{f' ({default})' if default else ''}\n      {help_}")
        return "\n".join(lines)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings; raises SettingsError."""
        values: dict[str, Any] = {"pod_name": socket.gethostname()}
        for setting in fields(cls):
            name = _variable(setting)
            text = environment.get(name, "")
            if text:
                values[setting.name] = _convert(name, text, get_args(setting.type)[0])
            elif setting.default is MISSING:
                raise SettingsError(f"{name} is not set; `lockgate run --help` explains it")
        settings = cls(**values)
        settings._check()
        return settings

    def _check(self) -> None:
        if not self.registry_base_url.startswith(("https://", "http://")):
            raise SettingsError(
                f"LOCKGATE_REGISTRY_BASE_URL is {self.registry_base_url!r}; write https://HOST"
            )
        for setting in fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, (int, float)) and not 0 < value < math.inf:
                raise SettingsError(f"{_variable(setting)} must be a number above 0")
        if self.http_port > _LARGEST_PORT:
            raise SettingsError(f"LOCKGATE_HTTP_PORT must be at most {_LARGEST_PORT}")
        if self.log_format not in ("json", "console"):
            raise SettingsError(f"LOCKGATE_LOG_FORMAT is {self.log_format!r}; write json or console")
        if self.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise SettingsError(
                f"LOCKGATE_LOG_LEVEL is {self.log_level!r}; write DEBUG, INFO, WARNING or ERROR"
            )


def _variable(setting: Field[Any]) -> str:
    return f"LOCKGATE_{setting.name.upper()}"


def _shown(default: Any) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default or "")


def _convert(name: str, text: str, type_: Any) -> Any:
    try:
        if type_ is int:
            return int(text)
        if type_ is float:
            return float(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}, which is not a number") from None
    if type_ == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return Path(text) if type_ == (Path | None) else text
