"""Which worlds exist: claiming, finding and sweeping, without starting any server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate_sandbox import worlds
from lockgate_sandbox.commands.parser import main
from lockgate_sandbox.errors import SandboxError, Unavailable
from lockgate_sandbox.world import running_world, start_cluster, use_existing
from lockgate_sandbox.worlds import Level, WorldRecord


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def claimed() -> Iterator[tuple[Path, int]]:
    directory, held = worlds.claim("one", Level.CONTROL_PLANE)
    yield directory, held
    try:
        os.close(held)
    except OSError:
        return


def test_a_world_is_alive_for_as_long_as_its_lock_is_held(claimed: tuple[Path, int]) -> None:
    directory, held = claimed
    assert worlds.is_alive(directory)
    assert [record.name for _, record in worlds.running()] == ["one"]
    os.close(held)
    assert not worlds.is_alive(directory)
    assert worlds.running() == []


def test_a_taken_name_is_refused_and_a_left_over_one_is_swept(claimed: tuple[Path, int]) -> None:
    directory, held = claimed
    with pytest.raises(SandboxError, match="running already"):
        worlds.claim("one", Level.CLUSTER)
    os.close(held)
    (directory / "leftover").touch()
    again, held_again = worlds.claim("one", Level.CLUSTER)
    assert again == directory
    assert not (directory / "leftover").exists()
    os.close(held_again)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a/b", "..", "a" * 31])
def test_a_name_that_is_no_plain_word_is_refused(name: str) -> None:
    with pytest.raises(SandboxError, match="world name"):
        worlds.claim(name, Level.CONTROL_PLANE)


def test_directories_of_worlds_are_private(claimed: tuple[Path, int]) -> None:
    directory, _ = claimed
    assert directory.stat().st_mode & 0o077 == 0
    assert worlds.worlds_root().stat().st_mode & 0o077 == 0


def test_a_record_survives_its_file_and_a_broken_one_is_named(claimed: tuple[Path, int]) -> None:
    directory, _ = claimed
    record = WorldRecord("one", Level.CLUSTER, 1, 2, 3, (4, 5), "2026-01-01T00:00:00+00:00")
    record.save(directory)
    assert WorldRecord.load(directory) == record
    (directory / "world.json").write_text("{")
    with pytest.raises(SandboxError, match="'one' has no readable record"):
        WorldRecord.load(directory)


def test_a_world_that_is_not_there_cannot_be_taken_hold_of() -> None:
    with pytest.raises(SandboxError, match="no world named 'none' is running"):
        running_world("none")


def test_commands_without_a_world_say_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kubeconfig"]) == 1
    assert "start one with `up`" in capsys.readouterr().err
    assert main(["status"]) == 0
    assert "no world is running" in capsys.readouterr().out


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "lockgate_sandbox", "status"],
        env={**os.environ, "PYTHONPATH": str(Path(worlds.__file__).parents[1])},
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, b"")


def test_help_names_the_levels_and_gives_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert "control-plane" in shown
    assert "exec -- kubectl get pods -A" in shown


def test_a_cluster_without_root_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match=r"needs root.*existing level"):
        start_cluster()


def test_the_existing_level_without_a_kubeconfig_says_what_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(Unavailable, match="KUBECONFIG, which is not set"):
        use_existing()
