"""One SQLite file and how rows come out of it as records.

Write-ahead log and `synchronous=NORMAL`: a commit that returned survives the death of the process at any
moment (not a power cut). Rules of the registry live in the modules that use this one.
"""

from __future__ import annotations

import dataclasses
import sqlite3
import threading
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from lockgate_sandbox.registry.errors import Missing
from lockgate_sandbox.registry.rows import (
    Alias,
    Artifact,
    Collection,
    Manifest,
    Membership,
    Project,
    Run,
    StoredFile,
    Tag,
)

TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS projects (
  id INTEGER PRIMARY KEY AUTOINCREMENT, entity TEXT NOT NULL, name TEXT NOT NULL, description TEXT,
  access TEXT NOT NULL, artifact_types TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  UNIQUE (entity, name));
CREATE TABLE IF NOT EXISTS project_roles (
  project_id INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE, user TEXT NOT NULL, role TEXT NOT NULL,
  PRIMARY KEY (project_id, user));
CREATE TABLE IF NOT EXISTS protected_aliases (
  project_id INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE, alias TEXT NOT NULL,
  PRIMARY KEY (project_id, alias));
CREATE TABLE IF NOT EXISTS runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, project_id INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE,
  name TEXT NOT NULL, display_name TEXT NOT NULL, description TEXT, notes TEXT, tags TEXT NOT NULL,
  group_name TEXT, job_type TEXT, config TEXT NOT NULL, summary TEXT NOT NULL, state TEXT NOT NULL,
  user TEXT NOT NULL, created_at TEXT NOT NULL, heartbeat_at TEXT NOT NULL, UNIQUE (project_id, name));
CREATE TABLE IF NOT EXISTS collections (
  id INTEGER PRIMARY KEY AUTOINCREMENT, project_id INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE,
  kind TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, description TEXT, state TEXT NOT NULL,
  client_id TEXT, next_version INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  UNIQUE (project_id, name));
CREATE TABLE IF NOT EXISTS artifacts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, sequence_id INTEGER NOT NULL REFERENCES collections ON DELETE CASCADE,
  type TEXT NOT NULL, version_index INTEGER, digest TEXT NOT NULL, state TEXT NOT NULL, description TEXT,
  metadata TEXT, wanted_aliases TEXT NOT NULL, size INTEGER NOT NULL, file_count INTEGER NOT NULL,
  ttl_seconds INTEGER, history_step INTEGER, run_id INTEGER REFERENCES runs ON DELETE SET NULL,
  user TEXT NOT NULL, client_id TEXT UNIQUE, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS artifacts_by_digest ON artifacts (sequence_id, digest);
CREATE TABLE IF NOT EXISTS memberships (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  collection_id INTEGER NOT NULL REFERENCES collections ON DELETE CASCADE,
  artifact_id INTEGER NOT NULL REFERENCES artifacts ON DELETE CASCADE, version_index INTEGER NOT NULL,
  created_at TEXT NOT NULL, UNIQUE (collection_id, artifact_id), UNIQUE (collection_id, version_index));
CREATE INDEX IF NOT EXISTS memberships_by_artifact ON memberships (artifact_id);
CREATE TABLE IF NOT EXISTS aliases (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  collection_id INTEGER NOT NULL REFERENCES collections ON DELETE CASCADE,
  membership_id INTEGER NOT NULL REFERENCES memberships ON DELETE CASCADE, alias TEXT NOT NULL,
  UNIQUE (collection_id, alias));
CREATE INDEX IF NOT EXISTS aliases_by_membership ON aliases (membership_id);
CREATE TABLE IF NOT EXISTS manifests (
  id INTEGER PRIMARY KEY AUTOINCREMENT, artifact_id INTEGER NOT NULL REFERENCES artifacts ON DELETE CASCADE,
  digest TEXT NOT NULL, is_base INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS manifests_by_artifact ON manifests (artifact_id);
CREATE TABLE IF NOT EXISTS files (
  id INTEGER PRIMARY KEY AUTOINCREMENT, artifact_id INTEGER NOT NULL REFERENCES artifacts ON DELETE CASCADE,
  path TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, ref TEXT, birth_artifact_id TEXT,
  updated_at TEXT NOT NULL, UNIQUE (artifact_id, path));
CREATE TABLE IF NOT EXISTS tags (
  id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (owner, name));
CREATE TABLE IF NOT EXISTS uses (
  run_id INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  artifact_id INTEGER NOT NULL REFERENCES artifacts ON DELETE CASCADE, PRIMARY KEY (run_id, artifact_id));
"""

TABLE_OF: dict[type, str] = {
    Project: "projects",
    Run: "runs",
    Collection: "collections",
    Artifact: "artifacts",
    Membership: "memberships",
    Alias: "aliases",
    Manifest: "manifests",
    StoredFile: "files",
    Tag: "tags",
}

Row = TypeVar("Row", bound=Hashable)


def now() -> str:
    """The present moment as the API writes it, in UTC with microseconds (so that order is kept)."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@cache
def _select(kind: type[Any], where: str) -> str:
    columns = ", ".join(field.name for field in dataclasses.fields(kind))
    return f"SELECT {columns} FROM {TABLE_OF[kind]} {where}"  # noqa: S608 - names are ours, values are bound


class Database:
    """The registry's rows. Safe to use from several threads: one lock, one connection."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
        self._connection.execute("PRAGMA foreign_keys=ON")
        self._connection.execute("PRAGMA busy_timeout=5000")
        self._connection.executescript(TABLES)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def held_still(self) -> Iterator[None]:
        """No other thread changes or reads anything meanwhile, so that many reads see one state."""
        with self._lock:
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; may be nested, the outermost decides."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def find(self, kind: type[Row], where: str = "", *values: object) -> Row | None:
        """The first row, or None; `where` is SQL beginning with WHERE or ORDER BY."""
        with self._lock:
            row = self._connection.execute(_select(kind, where), values).fetchone()
        return None if row is None else kind(*row)

    def all(self, kind: type[Row], where: str = "", *values: object) -> list[Row]:
        with self._lock:
            return [kind(*row) for row in self._connection.execute(_select(kind, where), values)]

    def get(self, kind: type[Row], number: int | None) -> Row:
        """The row with that id.

        Raises:
            Missing: there is none.
        """
        row = self.find(kind, "WHERE id = ?", number)
        if row is None:
            raise Missing(f"no {kind.__name__.lower()} with number {number}")
        return row

    def insert(self, kind: type, /, **values: object) -> int:
        """Adds a row and answers its id."""
        names = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        sql = f"INSERT INTO {TABLE_OF[kind]} ({names}) VALUES ({marks})"  # noqa: S608
        with self.transaction():
            return int(self._connection.execute(sql, tuple(values.values())).lastrowid or 0)

    def update(self, kind: type, number: int, /, **values: object) -> None:
        sets = ", ".join(f"{name} = ?" for name in values)
        self.execute(f"UPDATE {TABLE_OF[kind]} SET {sets} WHERE id = ?", *values.values(), number)  # noqa: S608

    def execute(self, sql: str, *values: object) -> None:
        with self.transaction():
            self._connection.execute(sql, values)

    def values(self, sql: str, *values: object) -> Sequence[tuple[Any, ...]]:
        """Plain tuples, for the few questions that are not about one table."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def meta(self, key: str) -> str | None:
        rows = self.values("SELECT value FROM meta WHERE key = ?", key)
        return rows[0][0] if rows else None

    def remember(self, key: str, value: str) -> str:
        """Stores `value` under `key` unless there is one already; answers the stored one."""
        self.execute("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING", key, value)
        return self.meta(key) or value
