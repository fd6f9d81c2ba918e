"""Parts as processes of a control plane: real, supervised, seen by others, and gone with their world."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import wait_until

from lockgate_sandbox import objects
from lockgate_sandbox.images import Image
from lockgate_sandbox.parts import lockgate, models, prometheus
from lockgate_sandbox.parts.registry import PART, Registry
from lockgate_sandbox.pytest_plugin import part
from lockgate_sandbox.running import RunningWorld
from lockgate_sandbox.source import EXAMPLES, PACKAGES
from lockgate_sandbox.training import SIGNATURE
from lockgate_sandbox.world import running_world, start_control_plane
from lockgate_sandbox.worlds import Level

pytestmark = pytest.mark.integration
_NOTING = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(os.environ["WORD"])
time.sleep(600)
"""
shared_registry = part("registry", Level.CONTROL_PLANE)


@pytest.fixture(scope="module")
def world() -> Iterator[RunningWorld]:
    """A world of this module's own: Lockgate looks at all namespaces of one."""
    with start_control_plane() as started:
        yield started


def servers(world: RunningWorld) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads((world.directory / "components.json").read_text())}


def test_a_fixture_of_a_part_is_the_part_of_the_worlds_own(
    control_plane: RunningWorld, shared_registry: Registry, tmp_path: Path
) -> None:
    assert control_plane.add(PART) == shared_registry
    (tmp_path / "model.onnx").write_bytes(b"weights")
    shared_registry.seed(tmp_path, "model/fixture")
    shared_registry.promote("model/fixture", "v0", "staging")
    (version,) = (row for row in shared_registry.versions() if row["collection"] == "fixture")
    assert (version["version"], "staging" in version["aliases"]) == ("v0", True)
    shared_registry.demote("model/fixture", "staging")
    (version,) = (row for row in shared_registry.versions() if row["collection"] == "fixture")
    assert "staging" not in version["aliases"]


def test_lockgate_follows_the_registry_that_came_with_it(world: RunningWorld, tmp_path: Path) -> None:
    operator = world.add(lockgate.PART)
    registry = running_world(world.name).add(PART)
    (tmp_path / "model.onnx").write_bytes(b"weights")
    # Without it the gates of the example would refuse a first version.
    registry.seed(tmp_path, "model/churn", {"signature": SIGNATURE})
    registry.promote("model/churn", "v0", "production")
    image = Image("modelserver", f"localhost/modelserver@sha256:{'0' * 64}", "", Path())
    world.apply(objects.namespace(models.NAMESPACE), models.runtime(image))
    world.kubectl("apply", "-f", str(EXAMPLES / "gates.yaml"))

    def said() -> bool:
        says = operator.says(models.NAMESPACE, models.MODEL)
        return (says.alias, says.desired, says.serving) == ("production", "v0", "-")

    wait_until("it says what the alias means", said)
    assert not operator.says(models.NAMESPACE, models.MODEL).serves("v0")
    world.kubectl("get", "deployment", models.MODEL, "-n", models.NAMESPACE)


def test_prometheus_reads_lockgate_whichever_of_them_came_first(world: RunningWorld) -> None:
    world.add(lockgate.PART)
    watching = world.add(prometheus.PART)
    found = wait_until("it reads", lambda: watching.query("lockgate_reconcile_total"))
    assert all(json.loads(labels)["instance"] in world.add(lockgate.PART).url for labels in found)
    assert watching.query("max(count_over_time(up[5m]))")["{}"] >= 1


def test_whoever_is_to_be_scraped_is_found_with_the_labels_that_were_given(world: RunningWorld) -> None:
    watching = world.add(prometheus.PART)
    address = world.add(lockgate.PART).url.removeprefix("http://")
    watching.scrape("once-more", address, release="e761db1f")
    ups = wait_until("it is scraped", lambda: watching.query('up{release="e761db1f"} == 1'))
    assert len(ups) == 1


def test_another_process_sees_the_parts_and_not_their_keys(world: RunningWorld) -> None:
    registry = world.add(PART)
    shown = sandbox("status", "--json")
    (row,) = (row for row in json.loads(shown) if row["name"] == world.name)
    assert row["parts"]["registry"] == registry.url
    assert not any(key in shown for key in registry.keys.values())


def test_a_part_that_dies_is_started_again_with_what_it_had(world: RunningWorld, tmp_path: Path) -> None:
    registry = world.add(PART)
    (tmp_path / "model.onnx").write_bytes(b"weights")
    registry.seed(tmp_path, "model/kept")
    before = servers(world)["registry"]["pid"]
    os.kill(before, signal.SIGKILL)
    wait_until("another process", lambda: servers(world).get("registry", {}).get("pid", before) != before)
    wait_until("it answers", lambda: answers(registry.url))
    assert "kept" in {row["collection"] for row in registry.versions()}
    assert servers(world)["registry"]["restarts"] == 1


def test_a_server_that_is_to_join_as_something_else_takes_the_place_of_what_it_was(
    world: RunningWorld, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    program = [sys.executable, "-c", _NOTING, str(note)]
    for word in ("first", "second"):
        world.join("noting", program, {"WORD": word})
        wait_until(f"it notes {word}", lambda word=word: note.exists() and note.read_text() == word)
    assert list(servers(world)).count("noting") == 1


def test_up_with_parts_starts_a_world_that_has_them_and_down_ends_both() -> None:
    name = f"parts-{os.getpid()}"
    up = sandbox("up", f"--name={name}", "--with=registry", "--detach")
    try:
        registry = running_world(name).add(PART)
        assert "part registry answers" in up
        assert registry.url in up
        assert registry.url in sandbox("status")
        assert answers(registry.url)
    finally:
        assert "ended after" in sandbox("down", f"--name={name}")
    assert not answers(registry.url)


def test_parts_are_gone_with_their_world() -> None:
    with start_control_plane() as world:
        registry = world.add(PART)
        pid = servers(world)["registry"]["pid"]
        assert answers(registry.url)
    assert not answers(registry.url)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not world.directory.exists()


def sandbox(*arguments: str) -> str:
    """What the command line says, run as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "lockgate_sandbox", *arguments],
        env={**os.environ, "PYTHONPATH": str(PACKAGES)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
