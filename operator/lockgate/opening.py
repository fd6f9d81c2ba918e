"""From what is configured to what the operator works with: registries' doors, and how pods fetch."""

from collections.abc import Mapping

from lockgate.backends.settings import PodSettings, PodSource
from lockgate.domain.ports import Registry
from lockgate.registries.configured import RegistrySettings
from lockgate.registries.wandb.registry import WandbRegistry
from lockgate.settings import Settings


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


def pod_settings(settings: Settings, sources: Mapping[str, PodSource]) -> PodSettings:
    """What the platform decides about every pod."""
    return PodSettings(
        fetch_image=settings.fetch_image,
        sources=sources,
        fetch_deadline_seconds=settings.fetch_deadline_seconds,
        fetch_max_bytes=settings.fetch_max_bytes,
        fetch_max_files=settings.fetch_max_files,
        proxy=settings.proxy,
        image_pull_secrets=settings.model_image_pull_secrets,
        storage_requests=settings.model_storage_requests,
        cache_claim=settings.model_cache_claim,
        cache_max_bytes=settings.model_cache_max_bytes,
        cache_fs_group=settings.model_cache_fs_group,
    )
