"""What people do with a registry, done with the real client: seed, promote, demote, show.

The only module here that imports `wandb`, and only when called. It leaves no file behind.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.registry.errors import Invalid
from lockgate_sandbox.registry.rows import REGISTRY_PREFIX


class ClientError(SandboxError):
    """The real client could not do what was asked; the message is the client's."""


@dataclass(frozen=True, slots=True)
class ShownVersion:
    registry: str
    collection: str
    version: str
    aliases: tuple[str, ...]
    digest: str
    created_at: str

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def client_environment(url: str, key: str, scratch: Path) -> dict[str, str]:
    """The variables that point the real client at a registry and keep its files in `scratch`."""
    return {
        "WANDB_BASE_URL": url,
        "WANDB_API_KEY": key,
        "WANDB_MODE": "online",
        "WANDB_SILENT": "true",
        "WANDB_DIR": str(scratch),
        "WANDB_CACHE_DIR": str(scratch / "cache"),
        "WANDB_CONFIG_DIR": str(scratch / "config"),
        "WANDB_DATA_DIR": str(scratch / "data"),
    }


@contextmanager
def connected(url: str | None, key: str | None) -> Iterator[None]:
    """Points the real client at that registry for the length of the block, and keeps its files off the disk.

    Raises:
        Invalid: no address or no key.
        ClientError: the client failed within the block.
    """
    key = key or os.environ.get("WANDB_API_KEY")
    if not url or not key:
        raise Invalid("give --url and --api-key, or set WANDB_BASE_URL and WANDB_API_KEY")
    with tempfile.TemporaryDirectory(prefix="registry-client-", ignore_cleanup_errors=True) as scratch:
        before = dict(os.environ)
        os.environ.update(client_environment(url, key, Path(scratch)))
        import wandb

        try:
            yield
        except (wandb.Error, ValueError) as error:
            raise ClientError(f"{url}: {error}") from error
        finally:
            wandb.teardown()
            os.environ.clear()
            os.environ.update(before)


def seed(
    directory: Path,
    registry: str,
    collection: str,
    *,
    aliases: Iterable[str],
    metadata: Mapping[str, object],
    artifact_type: str = "model",
    project: str = "training",
) -> ShownVersion:
    """Logs the directory in a run of its own and links it.

    Raises:
        Invalid: the directory is missing or empty.
    """
    import wandb

    if not directory.is_dir() or not any(path.is_file() for path in directory.rglob("*")):
        raise Invalid(f"directory {directory} is missing or has no files")
    artifact = wandb.Artifact(collection, artifact_type, metadata=dict(metadata))
    artifact.add_dir(str(directory))
    with wandb.init(project=project, job_type="seed", settings=wandb.Settings(console="off")) as run:
        run.log_artifact(artifact).wait()
        linked = run.link_artifact(
            artifact, f"{REGISTRY_PREFIX}{registry}/{collection}", aliases=list(aliases)
        )
    return _shown(registry, collection, linked)


def promote(registry: str, collection: str, version: str, alias: str) -> ShownVersion:
    """Points the alias at the version."""
    artifact = _api().artifact(f"{REGISTRY_PREFIX}{registry}/{collection}:{version}")
    if alias not in artifact.aliases:
        artifact.aliases.append(alias)
        artifact.save()
    return _shown(registry, collection, artifact)


def demote(registry: str, collection: str, alias: str) -> ShownVersion:
    """Takes the alias off the version that has it."""
    artifact = _api().artifact(f"{REGISTRY_PREFIX}{registry}/{collection}:{alias}")
    artifact.aliases.remove(alias)
    artifact.save()
    return _shown(registry, collection, artifact)


def show() -> list[ShownVersion]:
    """Every version of every registry the key can see, by registry and collection, newest first."""
    versions = _api().registries().collections().versions()
    found = [_shown(v.project.removeprefix(REGISTRY_PREFIX), v.name.split(":")[0], v) for v in versions]
    return sorted(found, key=lambda v: (v.registry, v.collection, -int(v.version.removeprefix("v"))))


def _api() -> Any:
    import wandb

    return wandb.Api()


def _shown(registry: str, collection: str, artifact: Any) -> ShownVersion:
    return ShownVersion(
        registry=registry,
        collection=collection,
        version=artifact.version,
        aliases=tuple(artifact.aliases),
        digest=artifact.digest,
        created_at=artifact.created_at,
    )
