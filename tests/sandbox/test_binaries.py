"""Where programs come from, with a stand-in for Go that notes its calls."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lockgate_sandbox.binaries import files_of, pins, programs_of
from lockgate_sandbox.binaries.locate import cached
from lockgate_sandbox.binaries.pins import GATEWAY_API, KUBERNETES, PAUSE, TOOLS
from lockgate_sandbox.binaries.progress import Progress
from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.worlds import cache_root

_GO = """#!/bin/sh
echo "$1" >> "$GO_CALLS"
case "$1" in
  env) echo go1.99.0 ;;
  mod)
    if [ -n "$GO_FAILS" ]; then echo '{"Error": "no such version"}'; exit 1; fi
    echo "{\\"Dir\\": \\"$GO_MODULE\\"}" ;;
  list) echo fmt; echo lockgate.dev/sandbox/pause ;;
  build)
    if [ -n "$GO_FAILS" ]; then echo "main.go:1:1: no such thing" >&2; exit 1; fi
    if [ -n "$GO_HANGS" ]; then echo $$ > "$GO_HANGS.new"; mv "$GO_HANGS.new" "$GO_HANGS"; sleep 600; fi
    echo lockgate.dev/sandbox/pause >&2
    while [ "$1" != -o ]; do shift; done
    printf program > "$2"; chmod 755 "$2" ;;
esac
"""
# Whoever started the tests in the background may have them ignore what Ctrl-C sends.
_BUILD_PAUSE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from lockgate_sandbox.binaries import programs_of; print(programs_of(['pause'])['pause'])"
)


@pytest.fixture
def go_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh cache, a stand-in for Go first on the path, and the file of its calls."""
    directory = tmp_path / "go"
    directory.mkdir()
    (directory / "go").write_text(_GO)
    (directory / "go").chmod(0o755)
    calls = tmp_path / "calls"
    calls.touch()
    for name in ("LOCKGATE_SANDBOX_BINARIES", "KUBEBUILDER_ASSETS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GO_CALLS", str(calls))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    return calls


def _in_another_process() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _BUILD_PAUSE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _cache_content() -> list[str]:
    return sorted(path.name for path in (cache_root() / "binaries").iterdir())


def test_a_program_is_built_once_and_then_found(go_calls: Path) -> None:
    first = programs_of(["pause"])["pause"]
    assert first.read_text() == "program"
    assert first.parent == cached(PAUSE)
    assert go_calls.read_text().split() == ["env", "list", "build"]
    assert programs_of(["pause"])["pause"] == first
    assert len(go_calls.read_text().split()) == 3
    assert _cache_content() == sorted(["pause.lock", first.parent.name])


def test_the_one_kubernetes_program_is_found_under_all_its_names(go_calls: Path) -> None:
    found = programs_of(["kubectl", "etcd"])
    assert found["kubectl"].resolve() == found["etcd"].resolve() == cached(KUBERNETES) / "kubernetes"


def test_a_failed_build_says_what_go_said_and_leaves_nothing(
    go_calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_FAILS", "yes")
    with pytest.raises(SandboxError, match=r"building pause failed: .*no such thing"):
        programs_of(["pause"])
    assert _cache_content() == ["pause.lock"]


def test_an_interrupted_build_stops_go_and_leaves_nothing(
    go_calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = tmp_path / "hanging"
    os.mkfifo(tmp_path / "hanging.new")  # opening it below waits until the stand-in hangs
    monkeypatch.setenv("GO_HANGS", str(hanging))
    builder = _in_another_process()
    go = int((tmp_path / "hanging.new").read_text())
    builder.send_signal(signal.SIGINT)
    _, complaint = builder.communicate(timeout=20)
    assert "KeyboardInterrupt" in complaint
    with pytest.raises(ProcessLookupError):
        os.kill(go, 0)
    assert _cache_content() == ["pause.lock"]


def test_a_second_builder_waits_for_the_first_and_says_so(go_calls: Path) -> None:
    (cache_root() / "binaries").mkdir(parents=True)
    with (cache_root() / "binaries" / "pause.lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = _in_another_process()
        assert second.stderr is not None
        assert "process 4711 is building it already; waiting" in second.stderr.readline()
        assert "build" not in go_calls.read_text()
    told, _ = second.communicate(timeout=20)
    assert told.strip() == str(cached(PAUSE) / "pause")


def test_a_directory_named_by_the_user_comes_first(
    go_calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in ("pause", "etcd"):
        (own / name).touch(mode=0o755)
    monkeypatch.setenv("LOCKGATE_SANDBOX_BINARIES", str(own))
    assert programs_of(["pause"])["pause"] == own / "pause"
    assert not go_calls.read_text()
    # Only some of a tool's programs are named: the rest is built.
    found = programs_of(["etcd", "kubectl"])
    assert found == {"etcd": own / "etcd", "kubectl": cached(KUBERNETES) / "kubectl"}


def test_the_assets_of_kubebuilder_serve_for_what_they_are_known_for(
    go_calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("etcd", "pause"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    found = programs_of(["etcd", "pause"])
    assert found == {"etcd": tmp_path / "etcd", "pause": cached(PAUSE) / "pause"}


def test_files_of_a_module_are_fetched_once_and_then_found(
    go_calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = tmp_path / "module" / GATEWAY_API.within
    (carried / "more").mkdir(parents=True)
    for path in ("crd.yaml", "more/crd.yaml"):
        (carried / path).write_text("kind: CustomResourceDefinition")
        (carried / path).chmod(0o444)
    (carried / "more").chmod(0o555)
    monkeypatch.setenv("GO_MODULE", str(tmp_path / "module"))
    found = files_of(GATEWAY_API)
    assert found == cached(GATEWAY_API)
    assert sorted(path.relative_to(found).as_posix() for path in found.rglob("*")) == [
        "crd.yaml",
        "more",
        "more/crd.yaml",
    ]
    # As Go's own cache is, but whoever tidies up need not be root.
    assert (found / "more").stat().st_mode & 0o200
    assert files_of(GATEWAY_API) == found
    assert go_calls.read_text().split() == ["env", "mod"]
    assert _cache_content() == sorted(["gateway-api.lock", found.name])


def test_files_that_cannot_be_fetched_leave_nothing_and_go_says_why(
    go_calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_FAILS", "yes")
    with pytest.raises(SandboxError, match=r"fetching sigs\.k8s\.io/gateway-api failed: .*no such version"):
        files_of(GATEWAY_API)
    assert _cache_content() == ["gateway-api.lock"]


def test_a_directory_named_by_the_user_may_hold_the_files_too(
    go_calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own" / GATEWAY_API.name).mkdir(parents=True)
    monkeypatch.setenv("LOCKGATE_SANDBOX_BINARIES", str(tmp_path / "own"))
    assert files_of(GATEWAY_API) == tmp_path / "own" / GATEWAY_API.name
    assert not go_calls.read_text()


def test_a_name_nobody_knows_is_refused() -> None:
    with pytest.raises(SandboxError, match="no program kubernotes"):
        programs_of(["kubernotes"])


def test_a_changed_pin_is_another_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = PAUSE.key()
    shutil.copytree(PAUSE.directory, tmp_path / "pause")
    monkeypatch.setattr(pins, "GO_MODULES", tmp_path)
    assert PAUSE.key() == before
    with (tmp_path / "pause" / "go.mod").open("a") as pinned:
        pinned.write("\n// changed\n")
    assert PAUSE.key() != before


def test_every_tool_is_pinned_and_no_program_comes_from_two() -> None:
    names = [name for tool in TOOLS for name in tool.provides]
    assert len(names) == len(set(names))
    assert (GATEWAY_API.directory / "go.sum").exists()
    for tool in TOOLS:
        assert pins.go_version_needed(tool) >= (1, 26)
        assert (tool.directory / "go.sum").exists() or tool is PAUSE


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_a_moving_line_with_what_is_done_and_what_is_left() -> None:
    screen = _Terminal()
    progress = Progress("helm", ["runc", "cni"], screen)
    progress.tick("7 of at most 900 packages compiled")
    assert screen.getvalue().startswith("\r")
    for part in ("helm", "0s", "7 of at most 900 packages compiled", "then runc, cni"):
        assert part in screen.getvalue()
    progress.say("built, 63 MB")
    assert screen.getvalue().endswith("built, 63 MB\n")


def test_a_file_gets_no_moving_line() -> None:
    page = io.StringIO()
    Progress("helm", [], page).tick("7 packages compiled")
    assert page.getvalue() == ""
