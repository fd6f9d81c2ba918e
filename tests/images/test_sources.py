"""Which of a machine's package sources the base image is made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.images.base import _source_lists


def test_only_the_sources_of_the_machines_own_release_are_used(tmp_path: Path) -> None:
    lists = tmp_path / "sources.list.d"
    lists.mkdir()
    ours = lists / "debian.sources"
    ours.write_text(
        "Types: deb\nURIs: http://mirror.example\nSuites: bookworm bookworm-updates\nComponents: main\n"
    )
    (lists / "vendor.sources").write_text(
        "Types: deb\nURIs: http://v.example\nSuites: nodistro\nComponents: main\n"
    )
    (lists / "cloud.list").write_text("deb https://c.example cloud-sdk-bookworm main\n")
    (lists / "debian.sources.bak").write_text(ours.read_text())
    old = tmp_path / "sources.list"
    old.write_text("# deb http://mirror.example bookworm main\n")
    assert _source_lists(tmp_path, "bookworm") == [ours]
    old.write_text("deb [signed-by=/k.gpg] http://mirror.example bookworm-security main\n")
    assert _source_lists(tmp_path, "bookworm") == [old, ours]


def test_a_machine_without_sources_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no package source for bookworm"):
        _source_lists(tmp_path, "bookworm")
