"""What the platform decides about every rendered pod; part of the operator's configuration."""

from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.api.status import Revision
from lockgate.errors import InvalidSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSource:
    """How pods fetch from one registry server: its address, the Secret with their key, whom to trust.

    An empty `ca_config_map` means that the system's authorities are enough.
    """

    base_url: str
    secret_name: str
    secret_key: str
    ca_config_map: str = ""
    ca_key: str = "ca.crt"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSettings:
    """How model pods fetch: image, the registry servers by name, bounds.

    Secrets and ConfigMaps are looked up by the kubelet in the ModelDeployment's own namespace;
    the operator never reads them. Bounds: seconds for the whole fetch, bytes and number of all files
    together. `proxy` holds environment variables of the fetch. `storage_requests` is whether pods ask
    for the disk that their model needs; a node that does not report its disk would take none of them.
    `cache_claim` is a PersistentVolumeClaim for proved versions, written to by `cache_fs_group`; empty
    means no cache.
    """

    fetch_image: str
    sources: Mapping[str, PodSource]
    fetch_deadline_seconds: int
    fetch_max_bytes: int
    fetch_max_files: int = 10_000
    proxy: tuple[tuple[str, str], ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    storage_requests: bool = True
    cache_claim: str = ""
    cache_max_bytes: int = 100 * 2**30
    cache_fs_group: int | None = None

    def source_of(self, revision: Revision) -> PodSource:
        """How a version is fetched; raises InvalidSpec when its server is not configured any more."""
        source = self.sources.get(revision.source)
        if source is None:
            raise InvalidSpec(
                "spec.model.source",
                f"led to {revision.uri} on {revision.source}, which is configured no more",
            )
        return source
