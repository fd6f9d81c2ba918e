"""What a version's manifest holds, read within limits: it comes from whoever could log a model.

The client would read it whole, without a limit of time or memory; so its address alone is asked
of the client, and the file is read here. The fetch judges every entry again, byte by byte.
"""

import json
import threading
from pathlib import PurePosixPath
from typing import Any, Final

from lockgate.domain.version import Contents, Version
from lockgate.errors import (
    AccessDenied,
    ArtifactRejected,
    DigestChanged,
    RegistryUnavailable,
    VersionNotFound,
)
from lockgate.registries.wandb.http import Limits, request
from lockgate.registries.wandb.naming import claim_of, place_of

MOST_FILES: Final = 10_000
MOST_BYTES: Final = 8 * 2**20
# Brackets and commas bound how many objects a text can become: each costs far more than a byte.
_MARKS_A_FILE = 32
_MOST_SUFFIXES = 256
_LONGEST_SUFFIX = 32
_LONGEST_PATH = 200
_SHARD: Final = ".data-"
_NO_USABLE = "the registry gave no usable answer"

# One text at a time is turned into objects, so that many at once cannot fill the memory.
_parsing = threading.Lock()

QUERY: Final = """
query LockgateManifest($entity: String!, $project: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    artifactCollectionMembership(name: $name) {
      artifact { digest fileCount currentManifest { file { directUrl } } }
    }
  }
}
"""


def variables(version: Version) -> dict[str, str]:
    """The variables of the query for one version."""
    place = place_of(version.uri)
    return {"entity": place.entity, "project": place.project, "name": place.name}


def address_of(version: Version, answer: Any) -> str | None:
    """Where the manifest is, or None when there is none; raises what forbids to read it."""
    match answer:
        case {"project": None} | {"project": {"artifactCollectionMembership": None | {"artifact": None}}}:
            raise VersionNotFound(f"the registry does not have {version.uri} any more")
        case {"project": {"artifactCollectionMembership": {"artifact": {"digest": str(digest)} as artifact}}}:
            pass
        case _:
            raise RegistryUnavailable(f"could not read the manifest of {version.uri}: {_NO_USABLE}")
    if (claim := claim_of(digest)) != version.claim:
        raise DigestChanged(
            f"{version.uri} had digest {version.claim} and now has {claim}; log a new version"
        )
    check_count(version, artifact.get("fileCount"))
    match artifact.get("currentManifest"):
        case {"file": {"directUrl": str(url)}} if url:
            return url
        case None:
            return None
    raise RegistryUnavailable(f"could not read the manifest of {version.uri}: {_NO_USABLE}")


def check_count(version: Version, files: object) -> None:
    """Refuse too many files before a manifest that names them is read."""
    if isinstance(files, int) and files > MOST_FILES:
        raise ArtifactRejected(
            f"{version.uri} has {files} files, more than the {MOST_FILES} that a model may have"
        )


def read_manifest(version: Version, url: str, limits: Limits) -> Contents:
    """Read the file at the address and sum it up; raises a LockgateError."""
    what = f"read the manifest of {version.uri}"
    status, body = request(what, url, limits)
    match status:
        case 200:
            with _parsing:
                return sum_up(version, body)
        case 401 | 403:
            raise AccessDenied(
                f"the operator's API key may not read the manifest of {version.uri}; let its owner read "
                "the registry's files"
            )
    raise RegistryUnavailable(f"could not {what}: the registry's storage answered {status}")


def sum_up(version: Version, body: bytes) -> Contents:
    """What a manifest says; raises a LockgateError when it says nothing or too much."""
    marks = sum(body.count(mark) for mark in (b",", b"[", b"{"))
    if marks > MOST_FILES * _MARKS_A_FILE:
        raise ArtifactRejected(f"the manifest of {version.uri} says more than {MOST_FILES} files need")
    try:
        manifest = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RegistryUnavailable(f"could not read the manifest of {version.uri}: {_NO_USABLE}") from error
    match manifest:
        case {"contents": {} as contents} if all(isinstance(entry, dict) for entry in contents.values()):
            pass
        case _:
            raise RegistryUnavailable(f"could not read the manifest of {version.uri}: {_NO_USABLE}")
    check_count(version, len(contents))
    suffixes = {_suffix(path) for path in contents} - {""}
    if len(suffixes) > _MOST_SUFFIXES:
        raise ArtifactRejected(f"{version.uri} has more than {_MOST_SUFFIXES} kinds of files")
    references = sorted(path for path, entry in contents.items() if entry.get("ref") is not None)
    return Contents(
        files=len(contents),
        size=sum(_size(entry) for entry in contents.values()),
        references=len(references),
        suffixes=frozenset(suffixes),
        first_reference=references[0][:_LONGEST_PATH] if references else None,
    )


def _suffix(path: str) -> str:
    suffix = PurePosixPath(path).suffix.lower()
    # The shards of one model are numbered in their suffix.
    return _SHARD if suffix.startswith(_SHARD) else suffix[:_LONGEST_SUFFIX]


def _size(entry: dict[str, Any]) -> int:
    size = entry.get("size")
    return size if type(size) is int and size > 0 else 0
