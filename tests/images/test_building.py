"""What a caller of `build_images` sees before anything is built."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lockgate_sandbox.errors import SandboxError, Unavailable
from lockgate_sandbox.images import build_images


def test_an_unknown_image_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(SandboxError, match="no image gateway; there are operator, modelserver, registry"):
        build_images(["gateway"])


def test_a_user_who_is_not_root_is_told_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match="docker build"):
        build_images(["operator"])


def test_the_command_line_says_no_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lockgate_sandbox.images", "gateway"],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": "operator"},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
