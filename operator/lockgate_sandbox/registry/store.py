"""What the server and the seeding share: the database, the blobs and the organization, opened together.

The rules live in `projects`, `versions` and `artifacts`, which are functions over this.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from lockgate_sandbox.registry.blobs import Blobs
from lockgate_sandbox.registry.database import Database
from lockgate_sandbox.registry.identity import Organization

DEFAULT_REGISTRIES = ("model", "dataset")


@dataclass(frozen=True, slots=True)
class Store:
    db: Database
    blobs: Blobs
    organization: Organization
    secret: str

    def sign(self, resource: str) -> str:
        """What makes an address usable without a key, as the signed addresses of an object store are."""
        return hmac.new(self.secret.encode(), resource.encode(), hashlib.sha256).hexdigest()[:32]

    def close(self) -> None:
        self.db.close()


def open_store(data_dir: Path, organization: str = "Harbor", team: str = "models") -> Store:
    """Opens the store in `data_dir`, creating what is missing; names given at the first opening stay."""
    data_dir.mkdir(parents=True, exist_ok=True)
    db = Database(data_dir / "registry.sqlite")
    display = db.remember("organization", organization)
    entity = db.remember("organization-entity", f"{_slug(organization)}-{secrets.token_hex(6)}")
    return Store(
        db=db,
        blobs=Blobs(data_dir / "blobs"),
        organization=Organization(name=display, entity=entity, team=db.remember("team", team)),
        secret=db.remember("secret", secrets.token_hex(32)),
    )


def _slug(name: str) -> str:
    return "".join(char if char.isalnum() else "-" for char in name.lower()).strip("-")
