"""Which other Python the tests are run on, and that a machine without one is none the worse for it."""

from pathlib import Path

import pytest
from tests import other_python


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose programs are those of one directory."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return programs


def has(machine: Path, name: str, script: str) -> None:
    program = machine / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_machine_without_another_python_passes_and_says_so(machine, capsys):
    has(machine, "python3.12", "exit 127")
    assert other_python.main(["-q"]) == 0
    assert "none here but 3." in capsys.readouterr().out


def test_a_python_that_takes_no_packages_is_left_out_and_named(machine, capsys):
    has(machine, "python3.14", 'case "$1" in -c) echo 3 14;; *) exit 1;; esac')
    assert other_python.main(["-q"]) == 0
    told = capsys.readouterr().out
    assert "3.14 is left out" in told
    assert "none here but 3." in told


def test_every_other_python_that_is_supported_counts_and_ours_does_not(machine):
    for minor in (10, 11, 12, 13):
        has(machine, f"python3.{minor}", f"echo 3 {minor}")
    assert sorted(other_python.others((3, 12))) == [(3, 11), (3, 13)]
