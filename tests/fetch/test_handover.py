"""The directory that is handed over: read-only, whole, and never at the cost of somebody else's files."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from lockgate.domain.fetched import PERMANENT, FetchProblem, FetchReason
from lockgate.fetch.handover import discard, hand_over, make_staging
from lockgate.fetch.manifest import STAGING, Entry


def a_tree(root: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def modes(root: Path) -> dict[str, int]:
    return {path.relative_to(root).as_posix(): stat.S_IMODE(path.lstat().st_mode) for path in root.rglob("*")}


def entries_of(files: Mapping[str, bytes]) -> list[Entry]:
    return [Entry(path=path, size=len(content), digest="") for path, content in files.items()]


def fetched(into: Path, files: Mapping[str, bytes]) -> None:
    staging = make_staging(into)
    a_tree(staging, files)
    hand_over(staging, into, entries_of(files))


def test_the_tree_is_read_only_and_the_staging_directory_is_gone(tmp_path: Path) -> None:
    fetched(tmp_path, {"model.onnx": b"1", "d/e/f": b"2"})
    assert modes(tmp_path) == {"model.onnx": 0o444, "d": 0o555, "d/e": 0o555, "d/e/f": 0o444}
    assert (tmp_path / "d/e/f").read_bytes() == b"2"


def test_a_staging_directory_is_only_for_its_owner(tmp_path: Path) -> None:
    assert stat.S_IMODE(make_staging(tmp_path).stat().st_mode) == 0o700


def test_what_an_earlier_fetch_handed_over_gives_way(tmp_path: Path) -> None:
    fetched(tmp_path, {"old": b"1", "d/e/f": b"2"})
    fetched(tmp_path, {"new": b"3"})
    assert modes(tmp_path) == {"new": 0o444}


def test_what_a_killed_fetch_left_gives_way(tmp_path: Path) -> None:
    staging = make_staging(tmp_path)
    a_tree(staging, {"half": b"1", "d/e": b"2"})
    # Killed in the middle of the move: one file is in place, another not yet.
    a_tree(tmp_path, {"moved/already": b"3"})
    (staging / "d").chmod(0o555)
    assert list(make_staging(tmp_path).iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == [STAGING]


def test_leftovers_are_removed_without_following_links(tmp_path: Path) -> None:
    into, elsewhere = tmp_path / "into", tmp_path / "elsewhere"
    into.mkdir()
    a_tree(elsewhere, {"precious": b"1"})
    staging = make_staging(into)
    (staging / "link").symlink_to(elsewhere)
    (into / "link").symlink_to(elsewhere)
    (into / "file").symlink_to(elsewhere / "precious")
    os.mkfifo(into / "pipe")
    discard(into)
    assert list(into.iterdir()) == []
    assert (elsewhere / "precious").read_bytes() == b"1"
    assert stat.S_IMODE(elsewhere.stat().st_mode) != 0o700


def test_a_link_in_the_place_of_the_staging_directory_is_not_ours(tmp_path: Path) -> None:
    into, elsewhere = tmp_path / "into", tmp_path / "elsewhere"
    into.mkdir()
    a_tree(elsewhere, {"precious": b"1"})
    (into / STAGING).symlink_to(elsewhere)
    with pytest.raises(FetchProblem, match="of somebody else"):
        make_staging(into)
    assert (elsewhere / "precious").exists()


@pytest.mark.parametrize("name", ["theirs", ".hidden"])
def test_what_somebody_else_put_there_is_not_touched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"precious")
    with pytest.raises(FetchProblem, match="of somebody else") as refused:
        make_staging(tmp_path)
    assert refused.value.reason is FetchReason.INVALID_ARGUMENT
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("kind", ["missing", "file", "link"])
def test_only_a_directory_is_filled(tmp_path: Path, kind: str) -> None:
    into, other = tmp_path / "into", tmp_path / "other"
    other.mkdir()
    match kind:
        case "file":
            into.write_bytes(b"")
        case "link":
            into.symlink_to(other)
    with pytest.raises(FetchProblem, match="which is no directory") as refused:
        make_staging(into)
    assert refused.value.reason is FetchReason.INVALID_ARGUMENT
    assert list(other.iterdir()) == []


@pytest.mark.parametrize("name", ["evil.so", "d/evil.so", "empty/"])
def test_what_somebody_else_adds_while_the_version_is_fetched_is_never_handed_over(
    tmp_path: Path, name: str
) -> None:
    files = {"model.onnx": b"1", "d/e": b"2"}
    staging = make_staging(tmp_path)
    a_tree(staging, files)
    added = (staging if name.startswith("d/") else tmp_path) / name
    if name.endswith("/"):
        added.mkdir()
    else:
        added.write_bytes(b"never proved")
    with pytest.raises(FetchProblem, match="somebody else writes into --into") as refused:
        hand_over(staging, tmp_path, entries_of(files))
    assert refused.value.reason is FetchReason.INVALID_ARGUMENT
    # Not the version's fault: it may be tried again.
    assert refused.value.reason not in PERMANENT


def test_a_file_that_vanishes_while_the_version_is_handed_over_is_missed(tmp_path: Path) -> None:
    staging = make_staging(tmp_path)
    a_tree(staging, {"model.onnx": b"1"})
    with pytest.raises(FetchProblem, match="'weights' is in the manifest but was not delivered"):
        hand_over(staging, tmp_path, entries_of({"model.onnx": b"1", "weights": b"2"}))
