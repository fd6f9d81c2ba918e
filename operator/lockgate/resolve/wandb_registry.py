"""The W&B Registry behind the port `Registry`.

Many references of one registry travel in one request, as aliased GraphQL fields: a missing
alias is then a null of its own. The client offers no public call for that, so where the private
one is gone or the server refuses the batch, each reference is looked up by itself. However the
server or the client's own process hangs, an answer comes within the time-out.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from lockgate.domain.model import Contents, ModelReference, ModelVersion
from lockgate.domain.ports import Lookup
from lockgate.errors import (
    AccessDenied,
    ArtifactPending,
    DigestChanged,
    LockgateError,
    RegistryClientFailed,
    RegistryNotFound,
    RegistryUnavailable,
    Transient,
    VersionNotFound,
)
from lockgate.resolve.wandb_registry_answers import absent, batch_query, make_version, no_registry, read_batch
from lockgate.resolve.wandb_registry_calls import BoundedCalls
from lockgate.resolve.wandb_registry_process import kill_client_process, telling_death
from lockgate.wandb_client.connection import BatchRefused, WandbConnection
from lockgate.wandb_client.translate import http_status, is_absence, is_unfinished

BATCH = 25
_BATCH_THREADS = 4
_SINGLE_THREADS = 8
# Single look-ups that must all fail before the rest of a refused batch is spared the server.
_PROBES = 3
_BATCH_AGAIN_SECONDS = 600.0
_SILENT_LOOK_UPS = 3
_HANGING_LOOK_UPS = 64
_HANGING_INSPECTIONS = 16

# Stands for each reference of a request in what is said of them all.
_EACH = "{reference}"

T = TypeVar("T")
Chunk = tuple[ModelReference, ...]


class WandbRegistry:
    """Resolves references and reads manifests with the official client.

    `timeout` (seconds) bounds every call as a whole.
    """

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
        self._look_ups = BoundedCalls("registry-look-up", _HANGING_LOOK_UPS)
        self._inspections = BoundedCalls("registry-inspect", _HANGING_INSPECTIONS)
        self._batches_from = 0.0
        self._silent = 0
        self._closed = False

    def look_up(self, references: Sequence[ModelReference]) -> Mapping[ModelReference, Lookup]:
        """Resolve every reference; one request per registry and 25 references. Never raises."""
        wanted = tuple(dict.fromkeys(references))
        if self._closed:
            return dict.fromkeys(wanted, RegistryClientFailed("the registry's client was closed"))
        until = time.monotonic() + self._timeout
        batched = self._look_ups.each(
            _chunks(wanted), lambda chunk: self._ask_batch(chunk, until), width=_BATCH_THREADS, until=until
        )
        answers: dict[ModelReference, Lookup] = {}
        for chunk, answer in batched.items():
            answers |= self._ask_singly(chunk, until) if answer is None else answer
        self._notice_silence(heard=bool(answers) or not wanted)
        return {reference: answers.get(reference) or self._late(str(reference)) for reference in wanted}

    def inspect(self, version: ModelVersion) -> Contents:
        """Read the manifest of a version; raises a LockgateError."""
        if self._closed:
            raise RegistryClientFailed("the registry's client was closed")
        until = time.monotonic() + self._timeout
        answered = self._inspections.each(
            [version.path], lambda _: self._inspect(version), width=1, until=until
        )
        match answered.get(version.path):
            case None:
                raise self._late(version.path)
            case LockgateError() as error:
                raise error
            case contents:
                return contents

    def close(self) -> None:
        """End the client's process; waits for that no longer than the time-out."""
        self._closed = True
        until = time.monotonic() + self._timeout
        closing = BoundedCalls("registry-close", 1)
        if not closing.each(["drop"], lambda _: self._connection.drop(), width=1, until=until):
            kill_client_process()

    # --- many references in one request

    def _ask_batch(self, chunk: Chunk, until: float) -> dict[ModelReference, Lookup] | None:
        """What the registry says of each reference; None when they must be asked for singly."""
        if time.monotonic() < self._batches_from:
            return None
        what = f"look up {_EACH}"
        try:
            return _guarded(lambda: self._call(what, lambda api: self._batch(api, chunk, until)))
        except BatchRefused:
            return None
        except LockgateError as error:
            return {reference: _about(reference, error, instead_of=_EACH) for reference in chunk}

    def _batch(self, api: Any, chunk: Chunk, until: float) -> dict[ModelReference, Lookup]:
        entity = self._entity(api, chunk[0])
        query, variables = batch_query(entity, chunk)
        try:
            left = max(0.1, until - time.monotonic())
            answer = api._service_api.execute_graphql(query, variables, timeout=left)
        except (AttributeError, TypeError) as error:
            # The installed client has no such call, or it takes other arguments.
            self._batches_from = time.monotonic() + _BATCH_AGAIN_SECONDS
            raise BatchRefused from error
        except Exception as error:
            match http_status(error):
                case 400 | 413 | 422:
                    self._batches_from = time.monotonic() + _BATCH_AGAIN_SECONDS
                    raise BatchRefused from error
                # One error anywhere in an answer hides all the rest of it.
                case 0:
                    raise BatchRefused from error
            raise
        return read_batch(entity, chunk, answer)

    # --- one reference, one request

    def _ask_singly(self, chunk: Chunk, until: float) -> dict[ModelReference, Lookup]:
        probes, rest = chunk[:_PROBES], chunk[_PROBES:]
        answers = self._look_ups.each(probes, self._single, width=_PROBES, until=until)
        failed = {probe: answer for probe, answer in answers.items() if isinstance(answer, Transient)}
        if len(failed) == len(probes):
            probe, error = next(iter(failed.items()))
            return answers | {
                reference: _about(reference, error, instead_of=str(probe)) for reference in rest
            }
        return answers | self._look_ups.each(rest, self._single, width=_SINGLE_THREADS, until=until)

    def _single(self, reference: ModelReference) -> Lookup:
        try:
            return _guarded(
                lambda: self._call(f"look up {reference}", lambda api: self._artifact(api, reference))
            )
        except LockgateError as error:
            return error

    def _artifact(self, api: Any, reference: ModelReference) -> Lookup:
        entity = self._entity(api, reference)
        try:
            found = api.artifact(f"{entity}/{reference.project}/{reference.collection}:{reference.selector}")
        except Exception as error:
            if is_unfinished(error):
                return ArtifactPending(f"{reference} is a version that is still being uploaded")
            said = is_absence(error)
            if said is None:
                raise
            return no_registry(reference) if said.startswith("project") else absent(reference)
        return make_version(
            entity,
            reference,
            version=found.version,
            digest=found.digest,
            artifact_id=found.id,
            size=found.size,
            file_count=found.file_count,
            state=found.state,
            metadata=dict(found.metadata),
        )

    # --- one version's manifest

    def _inspect(self, version: ModelVersion) -> Contents | LockgateError:
        try:
            return _guarded(
                lambda: self._call(
                    f"read the manifest of {version.path}", lambda api: _read_manifest(api, version)
                )
            )
        except LockgateError as error:
            return error

    # --- what they share

    def _call(self, what: str, action: Callable[[Any], T]) -> T:
        return self._connection.call(what, telling_death(action))

    def _entity(self, api: Any, reference: ModelReference) -> str:
        """The organization's own entity, under which registries live; the client remembers it."""
        team = api.settings["entity"] or api.default_entity
        try:
            entity: str = api._resolve_org_entity_name(non_org_entity=team, org_or_entity=self._organization)
        except ValueError as error:
            # The client also remembers that there is none; only a new one asks again.
            self._connection.drop()
            raise RegistryNotFound(
                f"registry {reference.registry} cannot be found: the API key belongs to no single "
                "organization; set registry.organization in the chart"
            ) from error
        return entity

    def _late(self, what: str) -> RegistryUnavailable:
        return RegistryUnavailable(
            f"the registry did not answer for {what} within {self._timeout:g} s; it may be down or throttling"
        )

    def _notice_silence(self, *, heard: bool) -> None:
        """A client's process that stands still looks like a silent server, and is never healed."""
        self._silent = 0 if heard else self._silent + 1
        if self._silent >= _SILENT_LOOK_UPS:
            self._silent = 0
            kill_client_process()


def _about(reference: ModelReference, error: LockgateError, *, instead_of: str) -> LockgateError:
    """The same error told of one reference: what others ask for is nobody else's business."""
    message = error.message.replace(instead_of, str(reference))
    return type(error)(message, error.after) if isinstance(error, Transient) else type(error)(message)


def _guarded(call: Callable[[], T]) -> T:
    """A defect must not leave a reference without an answer."""
    try:
        return call()
    except (LockgateError, BatchRefused):
        raise
    except Exception as error:
        raise RegistryUnavailable(
            f"the registry's client failed unexpectedly ({type(error).__name__})"
        ) from error


def _read_manifest(api: Any, version: ModelVersion) -> Contents:
    try:
        artifact = api.artifact(version.path)
    except Exception as error:
        if is_absence(error) is not None:
            raise VersionNotFound(f"the registry does not have {version.path} any more") from error
        raise
    if artifact.digest != version.digest:
        raise DigestChanged(
            f"{version.path} had digest {version.digest} and now has {artifact.digest}; log a new version"
        )
    try:
        entries = dict(artifact.manifest.entries)
    # What cannot be read as a manifest looks like an absence here, and is none.
    except Exception as error:
        if getattr(getattr(error, "response", None), "status_code", None) in (401, 403):
            raise AccessDenied(
                f"the operator's API key may not read the manifest of {version.path}; give its owner the "
                "role of a viewer"
            ) from error
        raise
    references = sorted(path for path, entry in entries.items() if entry.ref is not None)
    return Contents(
        files=len(entries),
        size=sum(entry.size or 0 for entry in entries.values()),
        references=len(references),
        suffixes=frozenset(PurePosixPath(path).suffix.lower() for path in entries) - {""},
        first_reference=references[0] if references else None,
    )


def _chunks(references: Iterable[ModelReference]) -> list[Chunk]:
    by_registry: defaultdict[str, list[ModelReference]] = defaultdict(list)
    for reference in references:
        by_registry[reference.registry].append(reference)
    return [
        tuple(group[start : start + BATCH])
        for group in by_registry.values()
        for start in range(0, len(group), BATCH)
    ]
