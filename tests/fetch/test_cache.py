"""The directory of kept versions: whole or not there, bounded, and never believed."""

import hashlib
import json
import os
import stat
import threading
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch import cache as cache_module
from lockgate.fetch.cache import Cache, Kept, file_of, to_evict
from lockgate.fetch.digests import Algorithm, new_hash
from lockgate.fetch.manifest import Entry
from lockgate.fetch.proof import prove
from lockgate.fetch.sources import wandb
from lockgate.fetch.sources.wandb import manifest_digest
from lockgate.registries.wandb.naming import claim_of

FILES = {"model.onnx": b"weights" * 1000, "vocabulary/words.txt": b"ship\nlock\n", "empty": b""}
BOUNDS = {"max_bytes": 10**6, "max_files": 10}
MUCH = 10**9
DAYS = 24 * 3600


class Version:
    """Some files as a version: its entries, its digest, and a directory that holds it."""

    def __init__(self, tree: Path, files: Mapping[str, bytes], algorithm: Algorithm = Algorithm.MD5) -> None:
        self.tree, self.files = tree, dict(files)
        self.entries = []
        for path, content in sorted(files.items()):
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
            hashed = new_hash(algorithm)
            hashed.update(content)
            digest = b64encode(hashed.digest()).decode()
            self.entries.append(Entry(path=path, size=len(content), digest=digest, algorithm=algorithm))
        self.claim = claim_of(manifest_digest(self.entries, algorithm))

    @property
    def name(self) -> str:
        return file_of(self.claim)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "cache"
    path.mkdir()
    return path


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return Version(tmp_path / "tree", FILES)


def keep(directory: Path, version: Version, *, max_bytes: int = MUCH, replace: bool = False) -> str:
    cache = Cache(directory, wandb.proves, lambda _: None)
    return cache.keep(version.claim, version.entries, version.tree, max_bytes=max_bytes, replace=replace)


def bring(directory: Path, version: Version, staging: Path) -> list[Entry]:
    staging.mkdir(exist_ok=True)
    return Cache(directory, wandb.proves, lambda _: None).bring(version.claim, staging, **BOUNDS)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_what_was_kept_comes_back_and_can_be_proved(directory, version, tmp_path):
    assert keep(directory, version) == "kept"
    entries = bring(directory, version, tmp_path / "staging")
    assert entries == version.entries
    proven = prove(tmp_path / "staging", entries, lambda _: None)
    assert proven == prove(version.tree, version.entries, lambda _: None)
    assert names(directory) == [version.name]
    assert stat.S_IMODE((directory / version.name).stat().st_mode) & 0o007 == 0


def test_what_is_not_kept_is_no_trouble(directory, version, tmp_path):
    assert bring(directory, version, tmp_path / "staging") == []


def test_what_is_there_already_is_not_written_again(directory, version):
    keep(directory, version)
    before = (directory / version.name).stat().st_ino
    assert keep(directory, version) == "kept already"
    assert (directory / version.name).stat().st_ino == before
    assert keep(directory, version, replace=True) == "kept"


def test_a_file_that_differs_from_its_manifest_is_never_kept_half(directory, version):
    (version.tree / "model.onnx").write_bytes(b"short")
    with pytest.raises(FetchProblem, match="it ends early"):
        keep(directory, version)
    assert names(directory) == []


def unfit(directory: Path, version: Version, staging: Path) -> str:
    with pytest.raises(FetchProblem) as refused:
        bring(directory, version, staging)
    return refused.value.message


def manifest(*entries: object) -> bytes:
    return json.dumps(entries).encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "cannot be read", id="nothing"),
        pytest.param(b"[" * 100_000, "cannot be read", id="brackets"),
        pytest.param(b"\xff\xfe\n", "cannot be read", id="no text"),
        pytest.param(manifest(), "another digest", id="no entries"),
        pytest.param(manifest(["m", 1]), "cannot be read", id="no entry"),
        pytest.param(manifest(["m", "1", "x"]), "cannot be read", id="a size that is none"),
        pytest.param(manifest(["\ud800", 1, "x"]), "cannot be read", id="a path that is no text"),
        pytest.param(b'{"a": 1}\n', "cannot be read", id="another document"),
        pytest.param(manifest(["m", 1, "x"]) + b"1", "another digest", id="another version"),
    ],
)
def test_a_file_that_is_no_version_is_refused(directory, version, tmp_path, content, words):
    (directory / version.name).write_bytes(content)
    assert words in unfit(directory, version, tmp_path / "staging")


@pytest.mark.parametrize(
    "change", [lambda b: b[:-1], lambda b: b + b"!", lambda b: b.replace(b"7000", b"6999")]
)
def test_a_version_of_another_length_is_refused_before_it_is_copied(directory, version, tmp_path, change):
    keep(directory, version)
    path = directory / version.name
    path.write_bytes(change(path.read_bytes()))
    assert "as many bytes" in unfit(directory, version, tmp_path / "staging")
    assert names(tmp_path / "staging") == []


def test_a_path_that_leads_out_is_refused_although_its_digest_fits(directory, tmp_path):
    content = b"x"
    digest = b64encode(hashlib.md5(content).digest()).decode()
    version = Version(tmp_path / "tree", {"m": content})
    version.claim = claim_of(manifest_digest([Entry(path="../escaped", size=1, digest=digest)]))
    (directory / version.name).write_bytes(manifest(["../escaped", 1, digest]) + content)
    assert "no plain path" in unfit(directory, version, tmp_path / "staging")
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize("bounds", [{"max_bytes": 7009}, {"max_files": 2}])
def test_bounds_hold_for_what_is_kept_as_for_what_is_downloaded(directory, version, tmp_path, bounds):
    keep(directory, version)
    with pytest.raises(FetchProblem) as refused:
        Cache(directory, wandb.proves, lambda _: None).bring(version.claim, tmp_path, **BOUNDS | bounds)
    assert refused.value.reason is FetchReason.TOO_LARGE


def test_a_manifest_that_would_take_much_memory_is_not_read(directory, version, tmp_path, monkeypatch):
    keep(directory, version)
    monkeypatch.setattr(cache_module, "_LONGEST_MANIFEST", 20)
    assert "cannot be read" in unfit(directory, version, tmp_path / "staging")
    assert "too long" in keep(directory, version, replace=True)


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_what_is_no_file_is_neither_followed_nor_waited_for(directory, version, tmp_path, kind):
    keep(directory, version)
    path = directory / version.name
    elsewhere = path.rename(tmp_path / "elsewhere")
    match kind:
        case "link":
            path.symlink_to(elsewhere)
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
    with pytest.raises((FetchProblem, OSError)):
        bring(directory, version, tmp_path / "staging")
    assert names(tmp_path / "staging") == []


def test_a_link_in_the_place_of_a_version_gives_way_to_it(directory, version, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    (directory / version.name).symlink_to(elsewhere)
    assert keep(directory, version) == "kept"
    assert elsewhere.read_bytes() == b"precious"
    assert not (directory / version.name).is_symlink()


def test_digests_that_anybody_could_fit_bytes_to_are_not_kept(directory, tmp_path):
    version = Version(tmp_path / "tree", FILES, Algorithm.XXH128)
    assert "do not prove" in keep(directory, version)
    assert names(directory) == []


def test_two_that_keep_the_same_at_once_leave_one_whole_version(directory, version, tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "_WRITING_SECONDS", -60)  # neither leaves it to the other
    both_write = threading.Barrier(2)

    def write() -> None:
        waited = iter([both_write.wait])
        cache = Cache(directory, wandb.proves, lambda _: next(waited, lambda: None)())
        said.append(cache.keep(version.claim, version.entries, version.tree, max_bytes=MUCH, replace=False))

    said: list[str] = []
    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert said == ["kept", "kept"]
    assert names(directory) == [version.name]
    assert bring(directory, version, tmp_path / "staging") == version.entries


@pytest.mark.parametrize(("other", "said"), [("0", "another pod"), ("f", "kept")])
def test_of_many_that_begin_at_once_one_goes_on_and_the_others_leave_it_to_that_one(
    directory, version, other, said
):
    # Before and behind every random name.
    (directory / f".{version.name}.{other * 32}.part").write_bytes(b"half")
    assert said in keep(directory, version)
    assert len(list(directory.glob(".*.part"))) == 1


def test_what_somebody_has_stopped_writing_is_written_by_the_next(directory, version):
    part = directory / f".{version.name}.{'0' * 32}.part"
    part.write_bytes(b"half")
    before = part.stat().st_mtime - 180
    os.utime(part, (before, before))
    assert keep(directory, version) == "kept"


def test_until_it_is_whole_nobody_finds_it(directory, version, tmp_path):
    seen = []
    cache = Cache(
        directory, wandb.proves, lambda _: seen.append(bring(directory, version, tmp_path / "staging"))
    )
    cache.keep(version.claim, version.entries, version.tree, max_bytes=MUCH, replace=False)
    assert seen
    assert not any(seen)


def test_what_crashes_left_is_removed_once_nobody_can_be_writing_it(directory, version):
    leftovers = {name: directory / f".{'0' * 64}.v1.{name * 32}.part" for name in "ab"}
    other = directory / ".somebody.part"
    for path in (*leftovers.values(), other):
        path.write_bytes(b"half")
    for path in (leftovers["a"], other):
        os.utime(path, (0, 0))
    keep(directory, version)
    assert names(directory) == sorted([leftovers["b"].name, other.name, version.name])


def test_the_version_that_was_not_used_for_longest_gives_way(directory, tmp_path):
    versions = [Version(tmp_path / str(n), {"m": b"%d" % n * 1000}) for n in range(3)]
    first, second, third = versions
    for age, version in enumerate(versions[:2]):
        assert keep(directory, version, max_bytes=2500) == "kept"
        os.utime(directory / version.name, (age, age))
    bring(directory, first, tmp_path / "staging")
    assert keep(directory, third, max_bytes=2500) == "kept"
    assert names(directory) == sorted([first.name, third.name])
    assert not bring(directory, second, tmp_path / "other")


def test_nothing_gives_way_for_a_version_that_fits_nowhere(directory, tmp_path):
    small, large = Version(tmp_path / "1", {"m": b"1"}), Version(tmp_path / "2", {"m": b"2" * 5000})
    keep(directory, small)
    assert "no room" in keep(directory, large, max_bytes=4000)
    assert names(directory) == [small.name]


def test_files_of_others_are_never_evicted(directory, version):
    for name in ("lost+found", "0" * 63 + ".v1", f"{'0' * 64}.v2"):
        (directory / name).write_bytes(b"1" * 5000)
    assert keep(directory, version, max_bytes=8000) == "kept"
    assert len(names(directory)) == 4


@pytest.mark.parametrize(
    ("surplus", "chosen"), [(-5, []), (0, []), (1, ["old"]), (10, ["old"]), (11, ["old", "new"]), (31, None)]
)
def test_no_more_is_evicted_than_must_be(surplus, chosen):
    kept = [Kept(name="new", size=20, used=2.0), Kept(name="old", size=10, used=1.0)]
    assert to_evict(kept, surplus=surplus) == chosen
