"""What the platform decides about every rendered pod; part of the operator's configuration."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSettings:
    """How model pods fetch: image, address of the registry, secret by name, bounds.

    The Secret is looked up by the kubelet in the ModelDeployment's own namespace; the operator
    never reads it. Bounds: seconds for the whole fetch, bytes for all files together.
    """

    fetch_image: str
    registry_base_url: str
    secret_name: str
    secret_key: str
    fetch_deadline_seconds: int
    fetch_max_bytes: int
