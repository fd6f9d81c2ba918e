"""The demo's models: small, the same every time, and the second really the better one."""

from __future__ import annotations

from pathlib import Path

from lockgate_sandbox.training import train


def test_the_second_version_is_clearly_better_and_its_figures_are_reported(tmp_path: Path) -> None:
    first, second = train("v1", tmp_path / "1"), train("v2", tmp_path / "2")
    assert second.accuracy > first.accuracy + 0.05
    assert second.auc > first.auc + 0.1
    assert second.metadata["auc"] == second.auc


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    again = [train("v2", tmp_path / name).path.read_bytes() for name in ("a", "b")]
    assert again[0] == again[1]
    assert train("v2", tmp_path / "c", seed=8).path.read_bytes() != again[0]
