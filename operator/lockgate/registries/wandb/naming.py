"""How W&B names things, and what that is in our words: projects, versions, digests.

The one place that knows its spelling, for the operator's door and for the fetch. Pure: nothing here
loads the client.
"""

import re
from dataclasses import dataclass
from typing import Final

from lockgate.domain.version import Reference

PROJECT_PREFIX: Final = "wandb-registry-"
SCHEME: Final = "wandb"
CLAIM_SCHEME: Final = "wandb-md5"
_URI: Final = re.compile(rf"{SCHEME}://([^/:\s]+)/({PROJECT_PREFIX}[^/:\s]+)/([^/:]+):(v[0-9]+)")
_CLAIM: Final = re.compile(rf"{CLAIM_SCHEME}:([0-9a-f]{{32}})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the client finds one version."""

    entity: str
    project: str
    name: str

    def __str__(self) -> str:
        return f"{self.entity}/{self.project}/{self.name}"


def project_of(reference: Reference) -> str:
    """The project that holds the registry."""
    return f"{PROJECT_PREFIX}{reference.registry}"


def name_of(reference: Reference) -> str:
    """Collection and alias or number, as both kinds of questions name them."""
    return f"{reference.collection}:{reference.wanted}"


def uri_of(entity: str, reference: Reference, number: str) -> str:
    """The name that this version of the reference's collection has for ever."""
    return f"{SCHEME}://{entity}/{project_of(reference)}/{reference.collection}:{number}"


def claim_of(digest: str) -> str:
    """What the digest of a manifest claims; few are made otherwise, which W&B tells nobody who looks up."""
    return f"{CLAIM_SCHEME}:{digest}"


def place_of(uri: str) -> Place:
    """Where the client finds the version of a URI; raises ValueError when that names none of W&B's."""
    found = _URI.fullmatch(uri)
    if found is None:
        raise ValueError(
            f"one version of W&B's is named as in {SCHEME}://acme/{PROJECT_PREFIX}model/churn:v3; "
            "an alias may move"
        )
    entity, project, collection, number = found.groups()
    return Place(entity, project, f"{collection}:{number}")


def digest_of(claim: str) -> str:
    """The digest that a manifest must have; raises ValueError when the claim is none of W&B's."""
    found = _CLAIM.fullmatch(claim)
    if found is None:
        raise ValueError(f"what W&B claims is written {CLAIM_SCHEME}: and 32 hexadecimal digits")
    return found[1]
