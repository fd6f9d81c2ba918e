"""From what is configured to what the operator works with: what is offered, doors, and how pods fetch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lockgate.aws.configured import configured_targets
from lockgate.aws.door import EcsDoor
from lockgate.aws.targets import Target
from lockgate.backends.ecs.backend import EcsBackend
from lockgate.backends.ecs.pulse import Pulse
from lockgate.backends.settings import PodSettings, PodSource
from lockgate.clock import now
from lockgate.domain.ports import Registry
from lockgate.domain.resources import Key
from lockgate.gateways.configured import configured_gateways
from lockgate.gateways.offered import NO_GATEWAYS, Gateway
from lockgate.registries.configured import RegistrySettings
from lockgate.registries.wandb.registry import WandbRegistry
from lockgate.settings import Settings
from lockgate.webhooks.configured import configured_services
from lockgate.webhooks.offered import NO_SERVICES, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What the platform offers to authors by name: gateways, services that gates ask, places on ECS."""

    gateways: Mapping[str, Gateway] = field(default_factory=lambda: NO_GATEWAYS)
    services: Mapping[str, Service] = field(default_factory=lambda: NO_SERVICES)
    targets: Mapping[str, Target] = field(default_factory=dict)

    @classmethod
    def read(cls, settings: Settings) -> "Offered":
        """From the mounted files; raises SettingsError."""
        return cls(
            gateways=configured_gateways(settings),
            services=configured_services(settings),
            targets=configured_targets(settings),
        )


@dataclass(frozen=True, slots=True)
class Ecs:
    """All that it takes to run models on ECS."""

    door: EcsDoor
    pulse: Pulse
    backend: EcsBackend


def open_ecs(
    targets: Mapping[str, Target],
    pods: PodSettings,
    wake: Callable[[Key], None],
    monotonic: Callable[[], float],
) -> Ecs | None:
    """None where there is no target; nothing is asked yet."""
    if not targets:
        return None
    door, pulse = EcsDoor(now), Pulse(wake, monotonic)
    return Ecs(door, pulse, EcsBackend(door, targets, pods, pulse, clock=now, monotonic=monotonic))


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
