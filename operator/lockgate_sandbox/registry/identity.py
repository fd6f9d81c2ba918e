"""Who may talk to the registry and what each may do: users, keys, roles, the organization's names.

Read once at the start from flags, a file or the environment. Keys are compared and never written anywhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from lockgate_sandbox.registry.errors import Invalid, Unauthenticated

USERS_VARIABLE = "LOCKGATE_REGISTRY_USERS"
SHORTEST_KEY = 40  # the client refuses shorter ones before it asks any server


class Role(IntEnum):
    """What a user may do in a registry; each role may do all the former may."""

    NONE = 0  # the registry does not exist for this user
    RESTRICTED = 1  # sees versions and aliases, downloads nothing
    VIEWER = 2  # downloads
    MEMBER = 3  # logs, links, moves aliases that are not protected
    ADMIN = 4  # moves protected aliases, changes registries and their members

    @property
    def label(self) -> str:
        return self.name.lower()


def role_named(label: str) -> Role:
    """The role of that name.

    Raises:
        Invalid: there is none of that name.
    """
    try:
        return Role[label.upper()]
    except KeyError:
        known = ", ".join(role.label for role in Role)
        raise Invalid(f"role {label!r} is not known; use one of {known}") from None


@dataclass(frozen=True, slots=True)
class User:
    name: str
    role: Role
    key: str = field(repr=False)

    @property
    def email(self) -> str:
        return f"{self.name}@registry.invalid"


def parse_user(text: str) -> User:
    """A user from `name:key:role`.

    Raises:
        Invalid: a part is missing or the key is too short; the key is never in the message.
    """
    parts = text.strip().split(":")
    if len(parts) != 3 or not all(parts):
        raise Invalid("a user is written as name:key:role, with role one of viewer, member, admin")
    name, key, label = parts
    if len(key) < SHORTEST_KEY:
        raise Invalid(
            f"the key of user {name!r} has {len(key)} characters; at least {SHORTEST_KEY} are needed"
        )
    return User(name=name, role=role_named(label), key=key)


def read_users(flags: Iterable[str] = (), file: Path | None = None) -> tuple[User, ...]:
    """Users from flags, then a file (one a line, # comments), then the environment (comma separated).

    Raises:
        Invalid: none at all, one that cannot be read, or a name or key used twice.
    """
    texts = [*flags]
    if file is not None:
        lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
        texts += [line for line in lines if line and not line.startswith("#")]
    texts += [part for part in os.environ.get(USERS_VARIABLE, "").split(",") if part.strip()]
    users = tuple(parse_user(text) for text in texts)
    if not users:
        raise Invalid(f"no users: give --user name:key:role, --users-file, or set {USERS_VARIABLE}")
    check_distinct(users)
    return users


def new_users() -> tuple[User, ...]:
    """One user of each role (`admin`, `member`, `viewer`), with fresh keys."""
    roles = (Role.ADMIN, Role.MEMBER, Role.VIEWER)
    return tuple(User(role.label, role, secrets.token_hex(SHORTEST_KEY // 2)) for role in roles)


def kept_users(file: Path) -> tuple[User, ...]:
    """The users in a private file; one of each role, with fresh keys, where there is none yet."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text("".join(f"{user.name}:{user.key}:{user.role.label}\n" for user in new_users()))
    return tuple(parse_user(line) for line in file.read_text().splitlines())


def check_distinct(users: Iterable[User]) -> None:
    """Refuses two users of one name or one key."""
    names: set[str] = set()
    keys: set[str] = set()
    for user in users:
        if user.name in names or user.key in keys:
            raise Invalid(f"user {user.name!r}: its name or its key is used twice")
        names.add(user.name)
        keys.add(user.key)


@dataclass(frozen=True, slots=True)
class Organization:
    """The one organization: its display name, the generated name of its entity, its default team."""

    name: str
    entity: str
    team: str


class Door:
    """Tells from an Authorization header who is asking."""

    def __init__(self, users: Iterable[User]) -> None:
        self.users = {user.name: user for user in users}
        # Looked up by hash, so that comparing takes no longer for a nearly right key.
        self._by_hash = {_hash(user.key): user for user in self.users.values()}

    def user(self, authorization: str | None) -> User:
        """The user behind `Basic base64("api:"+key)` or `Bearer key`.

        Raises:
            Unauthenticated: no header, an unreadable one, or an unknown key.
        """
        if not authorization:
            raise Unauthenticated("no API key in the request; set WANDB_API_KEY")
        user = self._by_hash.get(_hash(_key_of(authorization)))
        if user is None:
            raise Unauthenticated("the API key in the request is not known here")
        return user


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _key_of(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            try:
                return base64.b64decode(value.strip()).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return ""
        case _:
            return ""
