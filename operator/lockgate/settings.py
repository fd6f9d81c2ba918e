"""The operator's configuration, from LOCKGATE_* environment variables, each explained here.

Read once at start; a value that cannot be used stops the start with a sentence naming it.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


class SettingsError(Exception):
    """A variable is missing or cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured. Field `x_y` is read from LOCKGATE_X_Y.

    registry_base_url: W&B's API, for instance https://api.wandb.ai; always explicit.
    registry_organization: organization whose registries are meant, when the key sees several.
    registry_api_key_file: file with the operator's API key; read again when it changes.
    registry_timeout_seconds: how long one call to the registry may take.
    poll_interval_seconds: how often every alias in use is looked up.
    fetch_image: image of the fetch container, usually the operator's own.
    fetch_deadline_seconds, fetch_max_bytes: bounds of one fetch.
    model_secret_name, model_secret_key: Secret with the API key, in each model's own namespace.
    watch_namespaces: comma-separated; empty means all.
    workers: how many ModelDeployments are looked at at once.
    sweep_seconds: how often everything is listed to find what the watch has missed.
    resync_seconds: how often a ModelDeployment is looked at although nothing happened.
    http_host, http_port: where /metrics, /healthz and /readyz answer.
    log_level: DEBUG, INFO, WARNING or ERROR. log_format: json, or console for people.
    pod_name: this instance's name in Events.
    """

    registry_base_url: str
    fetch_image: str
    registry_organization: str = ""
    registry_api_key_file: Path | None = None
    registry_timeout_seconds: float = 20.0
    poll_interval_seconds: float = 30.0
    fetch_deadline_seconds: int = 900
    fetch_max_bytes: int = 100 * 2**30
    model_secret_name: str = "lockgate-registry"  # noqa: S105
    model_secret_key: str = "api-key"  # noqa: S105
    watch_namespaces: tuple[str, ...] = ()
    workers: int = 16
    sweep_seconds: float = 600.0
    resync_seconds: float = 600.0
    http_host: str = "0.0.0.0"  # noqa: S104
    http_port: int = 8080
    log_level: str = "INFO"
    log_format: str = "json"
    pod_name: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings; raises SettingsError."""
        values: dict[str, Any] = {"pod_name": socket.gethostname()}
        for field in fields(cls):
            name = f"LOCKGATE_{field.name.upper()}"
            text = environment.get(name, "")
            if text:
                values[field.name] = _convert(name, text, field.type)
        for required in ("registry_base_url", "fetch_image"):
            if required not in values:
                raise SettingsError(
                    f"LOCKGATE_{required.upper()} is not set; `lockgate run --help` explains it"
                )
        settings = cls(**values)
        settings._check()
        return settings

    def _check(self) -> None:
        if not self.registry_base_url.startswith(("https://", "http://")):
            raise SettingsError(
                f"LOCKGATE_REGISTRY_BASE_URL is {self.registry_base_url!r}; write https://HOST"
            )
        for name in ("registry_timeout_seconds", "poll_interval_seconds", "workers", "sweep_seconds"):
            if getattr(self, name) <= 0:
                raise SettingsError(f"LOCKGATE_{name.upper()} must be above 0")
        if self.log_format not in ("json", "console"):
            raise SettingsError(f"LOCKGATE_LOG_FORMAT is {self.log_format!r}; write json or console")
        if self.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise SettingsError(
                f"LOCKGATE_LOG_LEVEL is {self.log_level!r}; write DEBUG, INFO, WARNING or ERROR"
            )


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
