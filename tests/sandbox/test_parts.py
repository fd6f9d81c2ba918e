"""What a part is: one file, taken in once with what it needs, and found again; with parts made up for it."""

from __future__ import annotations

import json
import os
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.waiting import wait_until

from lockgate_sandbox import part
from lockgate_sandbox.commands.parser import main
from lockgate_sandbox.commands.running import furnish
from lockgate_sandbox.errors import NotOffered, SandboxError
from lockgate_sandbox.part import Handle, in_order, part_named, part_names, take_in, urls
from lockgate_sandbox.parts.registry import Registry
from lockgate_sandbox.worlds import Level

LONGEST_PART = 120
WritePart = Callable[..., None]
_PART = """
    from pathlib import Path
    from lockgate_sandbox.part import Handle, Prepared
    from lockgate_sandbox.worlds import Level

    class PART:
        name = {name!r}
        needs = {needs!r}
        levels = frozenset(Level)
        handle = Handle

        def prepare(level):
            note("prepare")
            return Prepared(programs={{"saw": Path("/saw")}})

        def install(world, prepared):
            assert prepared.programs["saw"]
            note("install")
            {body}
            return Handle(world=world, url="http://{name}")

    def note(what):
        with Path({log!r}).open("a") as log:
            log.write(what + " {name}\\n")
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What was done to parts that are made up, in order."""
    (tmp_path / "log").touch()
    return tmp_path / "log"


@pytest.fixture
def write_part(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> WritePart:
    """Write a part into a directory of made-up ones, which takes the place of the real one."""
    package = f"furniture_{abs(hash(request.node.name))}"
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(part, "_PARTS", package)

    def write(name: str, needs: tuple[str, ...] = (), body: str = "pass") -> None:
        text = textwrap.dedent(_PART).format(name=name, needs=needs, body=body, log=str(log))
        (tmp_path / package / f"{name}.py").write_text(text)

    return write


@pytest.mark.parametrize("name", part_names())
def test_a_part_is_one_short_file_of_its_name_and_can_be_had_wherever_it_says(name: str) -> None:
    known = part_named(name)
    assert known.name == name
    file = Path(part.__file__).parent / "parts" / f"{name}.py"
    assert len(file.read_text().splitlines()) <= LONGEST_PART
    assert issubclass(known.handle, Handle)
    for level in known.levels:
        assert in_order([name], level)[-1] is known


def test_a_part_comes_after_all_it_needs_and_each_comes_once() -> None:
    names = [known.name for known in in_order(["visitor", "registry"], Level.CLUSTER)]
    assert names == ["registry", "crowd", "lockgate", "models", "visitor"]


@pytest.mark.parametrize("command", ["up", "build"])
def test_a_part_that_is_not_there_is_refused_before_anything_starts(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, "--with", "registry,prometeus"]) == 1
    said = capsys.readouterr()
    assert "there is no part 'prometeus'; there are " in said.err
    assert ", registry, visitor" in said.err
    assert said.out == ""


def test_a_detached_world_does_not_stay_without_the_parts_it_was_to_have() -> None:
    ended: list[bool] = []

    def cannot(name: str) -> Handle:
        raise SandboxError(f"{name} does not answer")

    world = SimpleNamespace(level=Level.CONTROL_PLANE, add=cannot, close=lambda: ended.append(True))
    with pytest.raises(SandboxError, match="registry does not answer"):
        furnish(world, ["registry"])  # type: ignore[arg-type]
    assert ended == [True]


def test_a_part_that_a_level_cannot_have_is_refused_with_one_that_can() -> None:
    with pytest.raises(NotOffered, match="'models' cannot be had on the level control-plane; use cluster"):
        in_order(["models"], Level.CONTROL_PLANE)


def test_all_is_prepared_before_anything_is_installed_and_needs_are_installed_first(
    tmp_path: Path, log: Path, write_part: WritePart
) -> None:
    write_part("chair")
    write_part("table", needs=("chair",))
    handle = take_in("table", "a world", tmp_path, Level.CLUSTER)
    assert (handle.url, handle.world) == ("http://table", "a world")
    assert log.read_text().splitlines() == [
        "prepare chair",
        "prepare table",
        "install chair",
        "install table",
    ]


def test_a_part_that_is_there_is_found_again_and_not_installed(
    tmp_path: Path, log: Path, write_part: WritePart
) -> None:
    write_part("chair")
    first = take_in("chair", "a world", tmp_path, Level.CLUSTER)
    log.write_text("")
    assert take_in("chair", "a world", tmp_path, Level.CLUSTER) == first
    assert log.read_text() == ""
    assert urls(tmp_path) == {"chair": "http://chair"}


def test_a_part_whose_installation_failed_is_not_there_and_may_be_tried_again(
    tmp_path: Path, write_part: WritePart
) -> None:
    write_part("chair", body=f"if not Path({str(tmp_path / 'glue')!r}).exists(): raise ValueError('no glue')")
    with pytest.raises(ValueError, match="no glue"):
        take_in("chair", "a world", tmp_path, Level.CLUSTER)
    assert urls(tmp_path) == {}
    (tmp_path / "glue").touch()
    assert take_in("chair", "a world", tmp_path, Level.CLUSTER).url == "http://chair"


def test_of_two_who_add_the_same_part_at_once_one_installs_it_and_both_have_it(
    tmp_path: Path, log: Path, write_part: WritePart
) -> None:
    going_on = tmp_path / "go on"
    os.mkfifo(going_on)
    write_part("chair", body=f"Path({str(going_on)!r}).read_text()")
    handles: list[Handle] = []
    adding = [
        threading.Thread(target=lambda: handles.append(take_in("chair", "w", tmp_path, Level.CLUSTER)))
        for _ in range(2)
    ]
    for thread in adding:
        thread.start()
    wait_until("both are at it", lambda: log.read_text().count("prepare chair") == 2)
    wait_until("one of them installs", lambda: "install chair" in log.read_text())
    going_on.write_text("now")
    for thread in adding:
        thread.join(20)
    assert log.read_text().count("install chair") == 1
    assert [handle.url for handle in handles] == ["http://chair"] * 2


def test_a_handle_is_kept_privately_with_all_but_the_world_and_its_keys_are_never_shown(
    tmp_path: Path,
) -> None:
    (tmp_path / "parts").mkdir()
    kept = tmp_path / "parts" / "registry.json"
    handle = Registry(world="here", url="http://a", inner_url="http://b", keys={"admin": "a-key"})
    handle.save(kept)
    assert kept.stat().st_mode & 0o077 == 0
    assert json.loads(kept.read_text()) == {
        "url": "http://a",
        "inner_url": "http://b",
        "keys": {"admin": "a-key"},
    }
    assert Registry.load(kept, "there").keys == handle.keys
    assert urls(tmp_path) == {"registry": "http://a"}
    assert "a-key" not in repr(handle)


def test_needs_that_lead_in_a_circle_are_found_out(write_part: WritePart) -> None:
    write_part("chair", needs=("table",))
    write_part("table", needs=("chair",))
    with pytest.raises((SandboxError, ValueError), match="cycle"):
        in_order(["chair"], Level.CLUSTER)
