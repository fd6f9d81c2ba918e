"""The W&B Registry behind the port `Registry`.

Many references of one registry travel in one request, as aliased GraphQL fields: a missing
alias is then a null of its own. The client offers no public call for that, so where the private
one is gone or the server refuses the batch, each reference is looked up by itself.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from lockgate.domain.model import Contents, ModelReference, ModelVersion
from lockgate.domain.ports import Lookup
from lockgate.errors import (
    AliasNotFound,
    DigestChanged,
    LockgateError,
    RegistryNotFound,
    RegistryUnavailable,
    VersionNotFound,
)
from lockgate.wandb_client.connection import BatchRefused, WandbConnection
from lockgate.wandb_client.translate import http_status, is_absence

BATCH = 25
_SINGLE_THREADS = 8
_FRAGMENT = """
fragment Version on ArtifactCollectionMembership {
  versionIndex
  artifact { id digest state size fileCount metadata }
}
"""


class WandbRegistry:
    """Resolves references and reads manifests with the official client."""

    def __init__(
        self,
        *,
        base_url: str,
        organization: str | None = None,
        api_key_file: Path | None = None,
        timeout: float = 20.0,
    ) -> None:
        self._connection = WandbConnection(base_url=base_url, api_key_file=api_key_file, timeout=timeout)
        self._organization = organization
        self._timeout = timeout
        self._batches = True

    def look_up(self, references: Sequence[ModelReference]) -> Mapping[ModelReference, Lookup]:
        """Resolve every reference; one request per registry and 25 references. Never raises."""
        by_registry: defaultdict[str, list[ModelReference]] = defaultdict(list)
        for reference in references:
            by_registry[reference.registry].append(reference)
        answers: dict[ModelReference, Lookup] = {}
        for group in by_registry.values():
            for chunk in _chunks(group):
                answers |= self._look_up_chunk(chunk)
        return answers

    def inspect(self, version: ModelVersion) -> Contents:
        """Read the manifest of a version; raises a LockgateError."""
        artifact = self._connection.call(f"read {version.path}", lambda api: api.artifact(version.path))
        if artifact.digest != version.digest:
            raise DigestChanged(f"{version.path} had digest {version.digest} and now has {artifact.digest}")
        entries = self._connection.call(
            f"read the manifest of {version.path}", lambda _: dict(artifact.manifest.entries)
        )
        references = sorted(path for path, entry in entries.items() if entry.ref is not None)
        return Contents(
            files=len(entries),
            size=sum(entry.size or 0 for entry in entries.values()),
            references=len(references),
            suffixes=frozenset(PurePosixPath(path).suffix.lower() for path in entries) - {""},
            first_reference=references[0] if references else None,
        )

    def close(self) -> None:
        """End the client's process."""
        self._connection.drop()

    def _look_up_chunk(self, chunk: Sequence[ModelReference]) -> dict[ModelReference, Lookup]:
        what = f"look up {chunk[0]}" + (f" and {len(chunk) - 1} more" if len(chunk) > 1 else "")
        try:
            if self._batches:
                try:
                    return self._connection.call(what, lambda api: self._batch(api, chunk))
                except BatchRefused:
                    self._batches = False
            return self._one_by_one(chunk)
        except LockgateError as error:
            return dict.fromkeys(chunk, error)

    def _batch(self, api: Any, chunk: Sequence[ModelReference]) -> dict[ModelReference, Lookup]:
        entity = self._entity(api, chunk[0])
        names = {f"n{i}": f"{r.collection}:{r.selector}" for i, r in enumerate(chunk)}
        variables = "".join(f", ${name}: String!" for name in names)
        query = (
            f"query LockgateLookUp($entity: String!, $project: String!{variables})"
            " { project(name: $project, entityName: $entity) {"
            + " ".join(f"{n}: artifactCollectionMembership(name: ${n}) {{ ...Version }}" for n in names)
            + " } }"
            + _FRAGMENT
        )
        try:
            execute = api._service_api.execute_graphql
        except AttributeError as error:
            raise BatchRefused from error
        try:
            answer = execute(
                query, {"entity": entity, "project": chunk[0].project, **names}, timeout=self._timeout
            )
        except TypeError as error:
            raise BatchRefused from error
        except Exception as error:
            if http_status(error) == 400:
                raise BatchRefused from error
            raise
        project = answer.get("project")
        if project is None:
            return dict.fromkeys(chunk, _no_registry(chunk[0]))
        return {
            reference: _version(entity, reference, project.get(name))
            for name, reference in zip(names, chunk, strict=True)
        }

    def _one_by_one(self, chunk: Sequence[ModelReference]) -> dict[ModelReference, Lookup]:
        with ThreadPoolExecutor(_SINGLE_THREADS) as threads:
            return dict(zip(chunk, threads.map(self._single, chunk), strict=True))

    def _single(self, reference: ModelReference) -> Lookup:
        try:
            return self._connection.call(f"look up {reference}", lambda api: self._artifact(api, reference))
        except LockgateError as error:
            return error

    def _artifact(self, api: Any, reference: ModelReference) -> Lookup:
        entity = self._entity(api, reference)
        try:
            found = api.artifact(f"{entity}/{reference.project}/{reference.collection}:{reference.selector}")
        except Exception as error:
            absent = is_absence(error)
            if absent is None:
                raise
            return _no_registry(reference) if absent.startswith("project") else _absent(reference)
        return ModelVersion(
            path=f"{entity}/{reference.project}/{reference.collection}:{found.version}",
            version=found.version,
            digest=found.digest,
            artifact_id=found.id,
            size=found.size,
            file_count=found.file_count,
            committed=found.state == "COMMITTED",
            metadata=dict(found.metadata),
        )

    def _entity(self, api: Any, reference: ModelReference) -> str:
        """The organization's own entity, under which registries live; the client remembers it."""
        team = api.settings["entity"] or api.default_entity
        try:
            entity: str = api._resolve_org_entity_name(non_org_entity=team, org_or_entity=self._organization)
        except ValueError as error:
            raise RegistryNotFound(
                f"registry {reference.registry} cannot be found: the API key belongs to no single "
                "organization; set registry.organization in the chart"
            ) from error
        return entity


def _version(entity: str, reference: ModelReference, raw: Any) -> Lookup:
    if raw is None or raw.get("artifact") is None:
        return _absent(reference)
    artifact, version = raw["artifact"], f"v{raw['versionIndex']}"
    try:
        metadata = json.loads(artifact.get("metadata") or "{}")
    except ValueError:
        return RegistryUnavailable(f"the registry's metadata of {reference} cannot be read")
    return ModelVersion(
        path=f"{entity}/{reference.project}/{reference.collection}:{version}",
        version=version,
        digest=artifact["digest"],
        artifact_id=artifact["id"],
        size=int(artifact.get("size") or 0),
        file_count=int(artifact.get("fileCount") or 0),
        committed=artifact["state"] == "COMMITTED",
        metadata=metadata if isinstance(metadata, dict) else {},
    )


def _absent(reference: ModelReference) -> LockgateError:
    where = f"collection {reference.collection} of registry {reference.registry}"
    if reference.is_version:
        return VersionNotFound(
            f"{where} has no version {reference.selector}, or there is no such collection, or the operator's "
            "API key may not see it"
        )
    return AliasNotFound(
        f"{where} has no alias {reference.selector}, or there is no such collection, or the operator's "
        "API key may not see it"
    )


def _no_registry(reference: ModelReference) -> RegistryNotFound:
    return RegistryNotFound(
        f"there is no registry {reference.registry} (project {reference.project}), or the operator's API key "
        "may not see it"
    )


def _chunks(references: Sequence[ModelReference]) -> Iterator[Sequence[ModelReference]]:
    for start in range(0, len(references), BATCH):
        yield references[start : start + BATCH]
