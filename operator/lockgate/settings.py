"""The operator's configuration, from LOCKGATE_* environment variables, each explained here.

One of them names a file with more registries, which is read where registries are.

Read once at start; a value that cannot be used stops the start with a sentence naming it.
"""

import math
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_args
from urllib.parse import urlsplit

from lockgate.addresses import is_loopback

_LARGEST_PORT = 65535


class SettingsError(Exception):
    """A variable is missing or cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured. Field `x_y` is read from LOCKGATE_X_Y."""

    registries_file: Annotated[
        Path | None, "file (YAML or JSON) that names more registries; one of all must be called default"
    ] = None
    gateways_file: Annotated[
        Path | None, "file (YAML or JSON) that names the gateways by which models may be reached"
    ] = None
    webhooks_file: Annotated[
        Path | None, "file (YAML or JSON) that names the services that gates may ask"
    ] = None
    ecs_file: Annotated[Path | None, "file (YAML or JSON) that names where on Amazon ECS models may run"] = (
        None
    )
    registry_base_url: Annotated[
        str, "API of the registry called default, for instance https://api.wandb.ai; unless the file has it"
    ] = ""
    registry_organization: Annotated[
        str, "organization whose registries are meant, if the key sees several"
    ] = ""
    registry_api_key_file: Annotated[
        Path | None, "file with the operator's API key; read again when it changes"
    ] = None
    registry_ca_bundle: Annotated[
        Path | None, "file with authorities (PEM) that the registry is trusted by, beside the system's"
    ] = None
    registry_allow_http: Annotated[
        bool, "true lets API keys go to a registry over plain http, beyond this machine"
    ] = False
    registry_references_per_namespace: Annotated[
        int, "how many different aliases and versions of one namespace are looked up"
    ] = 1000
    registry_timeout_seconds: Annotated[float, "how long one call to the registry may take"] = 20.0
    poll_interval_seconds: Annotated[float, "how often every alias in use is looked up"] = 30.0
    prometheus_url: Annotated[
        str,
        "Prometheus that analyses ask, for instance http://prometheus.monitoring.svc:9090; without it none",
    ] = ""
    prometheus_token_file: Annotated[
        Path | None, "file with a bearer token for it; read again for each query"
    ] = None
    prometheus_ca_bundle: Annotated[
        Path | None, "file with authorities (PEM) that it is trusted by, beside the system's"
    ] = None
    prometheus_allow_http: Annotated[
        bool, "true lets the token go to it over plain http, beyond this machine"
    ] = False
    prometheus_author_promql: Annotated[
        bool, "true lets authors of ModelDeployments ask it PromQL of their own, with the operator's rights"
    ] = False
    prometheus_timeout_seconds: Annotated[float, "how long one query to it may take"] = 10.0
    fetch_image: Annotated[str, "image of the fetch container, usually the operator's own"]
    fetch_deadline_seconds: Annotated[int, "how long fetching one model may take"] = 900
    fetch_max_bytes: Annotated[int, "most bytes that one model may have"] = 100 * 2**30
    fetch_max_files: Annotated[int, "most files that one model may have"] = 10_000
    model_secret_name: Annotated[
        str, "Secret with the API key that pods fetch with, in each model's own namespace"
    ] = "lockgate-registry"  # noqa: S105
    model_secret_key: Annotated[str, "its entry"] = "api-key"  # noqa: S105
    model_ca_config_map: Annotated[
        str, "ConfigMap with authorities that pods trust as well, in each model's own namespace"
    ] = ""
    model_ca_key: Annotated[str, "its entry"] = "ca.crt"
    model_image_pull_secrets: Annotated[
        tuple[str, ...], "Secrets that pods pull the fetch image with, in each model's own namespace"
    ] = ()
    model_storage_requests: Annotated[
        bool, "whether pods ask for the disk that their model needs, which nodes must report"
    ] = True
    model_cache_claim: Annotated[
        str, "PersistentVolumeClaim in which pods keep proved models, in each model's own namespace"
    ] = ""
    model_cache_max_bytes: Annotated[int, "most bytes that one such claim is filled with"] = 100 * 2**30
    model_cache_fs_group: Annotated[
        int | None, "group that pods write to the claim with; without it what the storage gives them"
    ] = None
    https_proxy: Annotated[str, "proxy through which pods fetch; the operator itself reads HTTPS_PROXY"] = ""
    http_proxy: Annotated[str, "likewise, for http addresses"] = ""
    no_proxy: Annotated[str, "hosts that are reached without it, with commas"] = ""
    backends: Annotated[
        tuple[str, ...], "where models may run beside Deployments, with commas: kserve, rayService"
    ] = ()
    runtime_edit_share: Annotated[
        float, "part (0 to 1) of a runtime's models that may roll at once because it was edited"
    ] = 0.1
    quarantine: Annotated[
        str,
        "whose failures keep a version from being tried until a person asks for it: those of the Fleet, "
        "of the same Namespace, or None",
    ] = "Namespace"
    watch_namespaces: Annotated[tuple[str, ...], "namespaces to watch, with commas; empty means all"] = ()
    workers: Annotated[int, "how many ModelDeployments are looked at at once"] = 1024
    kubernetes_requests_per_second: Annotated[
        float, "most requests to the Kubernetes API; fewer when it asks for patience"
    ] = 400.0
    sweep_seconds: Annotated[float, "how often everything is listed, for what the watch has missed"] = 600.0
    resync_seconds: Annotated[float, "how often a ModelDeployment is looked at if nothing happens"] = 600.0
    http_host: Annotated[
        str, "address on which metrics and probes answer; empty means all, IPv4 and IPv6"
    ] = ""
    http_port: Annotated[int, "port of /metrics"] = 8080
    probe_port: Annotated[int, "port of /healthz and /readyz; must be another one"] = 8081
    log_level: Annotated[str, "DEBUG, INFO, WARNING or ERROR"] = "INFO"
    log_format: Annotated[str, "json, or console for people"] = "json"
    pod_name: Annotated[str, "this instance's name in Events; the host's name unless given"] = ""

    @property
    def proxy(self) -> tuple[tuple[str, str], ...]:
        """The proxy as the environment variables that every client knows."""
        known = {"HTTPS_PROXY": self.https_proxy, "HTTP_PROXY": self.http_proxy, "NO_PROXY": self.no_proxy}
        return tuple((name, value) for name, value in known.items() if value)

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
        if not self.registry_base_url and self.registries_file is None:
            raise SettingsError(
                "LOCKGATE_REGISTRY_BASE_URL is not set, and no LOCKGATE_REGISTRIES_FILE either; "
                "`lockgate run --help` explains them"
            )
        if self.registry_base_url:
            check_address(
                "LOCKGATE_REGISTRY_BASE_URL",
                "LOCKGATE_REGISTRY_ALLOW_HTTP",
                self.registry_base_url,
                allow_http=self.registry_allow_http,
            )
        if self.prometheus_url:
            self._check_prometheus()
        for setting in fields(self):
            value = getattr(self, setting.name)
            counts = isinstance(value, (int, float)) and not isinstance(value, bool)
            if counts and not 0 < value < math.inf:
                raise SettingsError(f"{_variable(setting)} must be a number above 0")
        if self.runtime_edit_share > 1:
            raise SettingsError("LOCKGATE_RUNTIME_EDIT_SHARE must be at most 1, which means all at once")
        self._check_words()
        self._check_ports()

    def _check_words(self) -> None:
        if self.quarantine not in ("Fleet", "Namespace", "None"):
            raise SettingsError(f"LOCKGATE_QUARANTINE is {self.quarantine!r}; write Fleet, Namespace or None")
        if unknown := set(self.backends) - {"kserve", "rayService"}:
            raise SettingsError(
                f"LOCKGATE_BACKENDS names {', '.join(sorted(unknown))}; there are kserve and rayService"
            )
        if self.log_format not in ("json", "console"):
            raise SettingsError(f"LOCKGATE_LOG_FORMAT is {self.log_format!r}; write json or console")
        if self.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise SettingsError(
                f"LOCKGATE_LOG_LEVEL is {self.log_level!r}; write DEBUG, INFO, WARNING or ERROR"
            )

    def _check_prometheus(self) -> None:
        url, name = self.prometheus_url, "LOCKGATE_PROMETHEUS_URL"
        if not url.startswith(("https://", "http://")) or not _has_host(url):
            raise SettingsError(f"{name} is no address; write https://HOST or http://HOST:9090")
        parts = urlsplit(url)
        if parts.username is not None or parts.query or parts.fragment:
            # It may hold a password, so it is not shown.
            raise SettingsError(
                f"{name} holds more than scheme, host, port and path; put a token into the file that "
                "LOCKGATE_PROMETHEUS_TOKEN_FILE names"
            )
        is_safe = parts.scheme == "https" or self.prometheus_allow_http or is_loopback(parts.hostname or "")
        if self.prometheus_token_file is not None and not is_safe:
            raise SettingsError(
                f"{name} is {url!r}, over which the token could be read; write https://HOST, or set "
                "LOCKGATE_PROMETHEUS_ALLOW_HTTP to true"
            )

    def _check_ports(self) -> None:
        ports = {"LOCKGATE_HTTP_PORT": self.http_port, "LOCKGATE_PROBE_PORT": self.probe_port}
        for name, port in ports.items():
            if port > _LARGEST_PORT:
                raise SettingsError(f"{name} must be at most {_LARGEST_PORT}")
        if self.probe_port == self.http_port:
            raise SettingsError(f"LOCKGATE_PROBE_PORT must not be {self.http_port}, as LOCKGATE_HTTP_PORT is")


def check_address(where: str, switch: str, url: str, *, allow_http: bool) -> None:
    """Refuse what is no address of a registry, or one over which keys could be read; raises SettingsError."""
    if not url.startswith(("https://", "http://")) or not _has_host(url):
        raise SettingsError(f"{where} is {url!r}; write https://HOST")
    if url.startswith("http://") and not (allow_http or is_loopback(urlsplit(url).hostname or "")):
        raise SettingsError(
            f"{where} is {url!r}, over which API keys could be read on their way; write https://HOST, "
            f"or set {switch} to true"
        )


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Reading the port raises for what is none.
        return bool(parts.hostname) and parts.port != 0 and not re.search(r"[\s\x00-\x1f]", url)
    except ValueError:
        return False


def _variable(setting: Field[Any]) -> str:
    return f"LOCKGATE_{setting.name.upper()}"


def _shown(default: Any) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default or "")


def _convert(name: str, text: str, type_: Any) -> Any:
    if type_ is bool:
        if text.lower() not in ("true", "false"):
            raise SettingsError(f"{name} is {text!r}; write true or false")
        return text.lower() == "true"
    try:
        if type_ in (int, int | None):
            return int(text)
        if type_ is float:
            return float(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}, which is not a number") from None
    if type_ == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return Path(text) if type_ == (Path | None) else text
