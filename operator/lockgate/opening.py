"""From what is configured to what the operator works with: registries' doors, and how pods fetch."""

from lockgate.backends.settings import PodSource
from lockgate.domain.ports import Registry
from lockgate.registries.configured import RegistrySettings
from lockgate.registries.wandb.registry import WandbRegistry


def open_registry(configured: RegistrySettings) -> Registry:
    """The door to one registry server; nothing is asked yet."""
    return WandbRegistry(
        base_url=configured.base_url,
        organization=configured.organization or None,
        api_key_file=configured.api_key_file,
        timeout=configured.timeout,
        ca_bundle=configured.ca_bundle,
        allow_http=configured.allow_http,
    )


def pod_source(configured: RegistrySettings) -> PodSource:
    """How model pods fetch from it."""
    return PodSource(
        base_url=configured.base_url,
        secret_name=configured.model_secret_name,
        secret_key=configured.model_secret_key,
        ca_config_map=configured.model_ca_config_map,
        ca_key=configured.model_ca_key,
    )
