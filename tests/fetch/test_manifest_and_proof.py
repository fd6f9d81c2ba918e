"""What a fetch refuses before it transfers, what it proves after, and what it hands over."""

import base64
import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch.digests import Algorithm
from lockgate.fetch.manifest import STAGING, Entry, check_count, check_manifest, check_path
from lockgate.fetch.proof import Proven, prove

NOBODY_LISTENS: Callable[[int], None] = lambda _: None  # noqa: E731

# Names that a file system of ours can hold and that a person can read.
plain_names = (
    st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="/\\"), min_size=1, max_size=20)
    .filter(lambda name: name not in (".", "..", STAGING) and name.isprintable())
    .filter(lambda name: len(name.encode()) <= 255)
)
plain_paths = st.lists(plain_names, min_size=1, max_size=4).map("/".join)


def an_entry(path: str, content: bytes = b"abc", algorithm: Algorithm = Algorithm.MD5) -> Entry:
    made = xxhash.xxh128(content) if algorithm is Algorithm.XXH128 else hashlib.md5(content)
    digest = base64.b64encode(made.digest()).decode()
    return Entry(path=path, size=len(content), digest=digest, algorithm=algorithm)


def refusal(entries: list[Entry], *, max_bytes: int = 1000, max_files: int = 10) -> FetchReason:
    with pytest.raises(FetchProblem) as refused:
        check_manifest(entries, max_bytes=max_bytes, max_files=max_files)
    return refused.value.reason


def a_tree(root: Path, files: Mapping[str, bytes]) -> list[Entry]:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return [an_entry(path, content) for path, content in files.items()]


def disproof(root: Path, entries: list[Entry]) -> FetchProblem:
    with pytest.raises(FetchProblem) as refused:
        prove(root, entries, NOBODY_LISTENS)
    return refused.value


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/",
            "/etc/passwd",
            "//host/share",
            ".",
            "..",
            "../up",
            "a/../../up",
            "a/..",
            "a/./b",
            "a//b",
            "a/",
            "a\0b",
            "a\nb",
            "a\rb",
            "a\x1b[2Jb",
            "a\u202egnp.exe",
            "a\\..\\b",
            "C:\\model",
            "\ud800",
            "x" * 256,
            "/".join("x" * 250 for _ in range(9)),
            "/".join("x" * 65),
            STAGING,
            f"{STAGING}/model.onnx",
        ],
    )
    def test_a_path_that_could_lead_elsewhere_is_refused(self, path: str) -> None:
        with pytest.raises(FetchProblem) as refused:
            check_path(path)
        assert refused.value.reason is FetchReason.ESCAPING_PATH
        # The message goes to terminals and into a status: nothing of the path may act there.
        assert refused.value.message.isascii()
        assert refused.value.message.isprintable()
        assert len(refused.value.message) < 3000

    @pytest.mark.parametrize(
        "path", ["model.onnx", "a/b/c.bin", "...", "..a", "a..", "-rf", "mit Leerzeichen.txt", "größe/模型"]
    )
    def test_a_plain_path_is_taken_as_it_is(self, path: str) -> None:
        check_path(path)

    @given(plain_paths)
    def test_names_that_a_person_can_read_are_taken(self, path: str) -> None:
        check_path(path)

    @given(st.lists(st.sampled_from(["a", ".", "/", "\\", "\0", "\n", "é", "~", STAGING]), max_size=12))
    def test_whatever_is_taken_stays_inside_the_directory(self, pieces: list[str]) -> None:
        path = "".join(pieces)
        try:
            check_path(path)
        except FetchProblem:
            return
        assert not PurePosixPath(path).is_absolute()
        assert os.path.normpath(f"/into/{path}") == f"/into/{path}"
        assert path.split("/")[0] != STAGING
        assert not {"\\", "\0", "\n"} & set(path)


class TestManifest:
    def test_its_size_is_that_of_all_files(self) -> None:
        entries = [an_entry("a", b"12345"), an_entry("b/c", b"123")]
        assert check_manifest(entries, max_bytes=8, max_files=2) == 8

    def test_one_byte_too_many_is_too_large(self) -> None:
        entries = [an_entry("a", b"12345"), an_entry("b", b"123")]
        assert refusal(entries, max_bytes=7) is FetchReason.TOO_LARGE

    def test_one_file_too_many_is_too_large(self) -> None:
        assert refusal([an_entry("a"), an_entry("b")], max_files=1) is FetchReason.TOO_LARGE

    def test_files_are_counted_before_there_is_a_manifest(self) -> None:
        check_count(10, max_files=10)
        with pytest.raises(FetchProblem, match="11 files, more than the 10"):
            check_count(11, max_files=10)

    def test_a_version_without_files_is_refused(self) -> None:
        assert refusal([]) is FetchReason.MISSING_FILE

    def test_a_reference_is_refused_by_name(self) -> None:
        entries = [an_entry("a"), Entry(path="weights", size=0, digest="x", reference="s3://bucket/key")]
        with pytest.raises(FetchProblem, match="'weights' is a reference") as refused:
            check_manifest(entries, max_bytes=1000, max_files=10)
        assert refused.value.reason is FetchReason.REFERENCE_ENTRY
        assert "bucket" not in refused.value.message

    @pytest.mark.parametrize("size", [None, -1])
    def test_a_size_that_is_none_cannot_lower_the_sum(self, size: int | None) -> None:
        entries = [an_entry("a"), Entry(path="b", size=size, digest="x")]
        assert refusal(entries, max_bytes=1) is FetchReason.CORRUPT_FILE

    @pytest.mark.parametrize("paths", [("a", "a/b"), ("a/b/c", "a"), ("x/y", "x/y/z/w")])
    def test_a_file_cannot_be_a_directory_too(self, paths: tuple[str, ...]) -> None:
        with pytest.raises(FetchProblem, match="both a file and a directory") as refused:
            check_manifest([an_entry(path) for path in paths], max_bytes=1000, max_files=10)
        assert refused.value.reason is FetchReason.ESCAPING_PATH

    @pytest.mark.parametrize("paths", [("a", "a"), ("caf\u00e9", "cafe\u0301")])
    def test_a_name_cannot_be_there_twice(self, paths: tuple[str, ...]) -> None:
        with pytest.raises(FetchProblem, match="is in the manifest twice") as refused:
            check_manifest([an_entry(path) for path in paths], max_bytes=1000, max_files=10)
        assert refused.value.reason is FetchReason.ESCAPING_PATH

    def test_a_neighbour_with_the_same_beginning_is_no_parent(self) -> None:
        check_manifest([an_entry("a"), an_entry("ab/c"), an_entry("a.b")], max_bytes=1000, max_files=10)


class TestProof:
    def test_the_tree_digest_is_what_the_documented_command_gives(self, tmp_path: Path) -> None:
        names = ("b", "B", "a b/c", "a-b", "a/z", "ä", "\U0001f6a2", "\uffee", "_", "~x", "-n")
        entries = a_tree(tmp_path, {name: name.encode() * 9 for name in names})
        by_hand = subprocess.run(
            r"find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum -- | sha256sum",
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[0]
        proven = prove(tmp_path, entries, NOBODY_LISTENS)
        assert proven == Proven(
            tree_digest=f"sha256:{by_hand}", files=len(names), size=sum(entry.size or 0 for entry in entries)
        )

    def test_the_tree_digest_does_not_depend_on_the_order_of_the_manifest(self, tmp_path: Path) -> None:
        entries = a_tree(tmp_path, {"b": b"1", "a/c": b"2", "a/b": b"3"})
        there = prove(tmp_path, entries, NOBODY_LISTENS)
        assert prove(tmp_path, entries[::-1], NOBODY_LISTENS) == there

    @pytest.mark.parametrize("algorithm", Algorithm)
    def test_both_ways_of_naming_bytes_are_proved(self, tmp_path: Path, algorithm: Algorithm) -> None:
        (tmp_path / "m").write_bytes(b"weights")
        assert prove(tmp_path, [an_entry("m", b"weights", algorithm)], NOBODY_LISTENS).files == 1
        assert disproof(tmp_path, [an_entry("m", b"WEIGHTS", algorithm)]).reason is FetchReason.CORRUPT_FILE

    def test_an_empty_file_is_a_file(self, tmp_path: Path) -> None:
        assert prove(tmp_path, a_tree(tmp_path, {"empty": b""}), NOBODY_LISTENS).size == 0

    def test_other_bytes_of_the_same_size_are_found(self, tmp_path: Path) -> None:
        entries = a_tree(tmp_path, {"model.onnx": b"good"})
        (tmp_path / "model.onnx").write_bytes(b"evil")
        problem = disproof(tmp_path, entries)
        assert (problem.reason, "model.onnx" in problem.message) == (FetchReason.CORRUPT_FILE, True)

    @pytest.mark.parametrize("content", [b"", b"goo", b"goods"])
    def test_another_size_is_told_in_bytes(self, tmp_path: Path, content: bytes) -> None:
        entries = a_tree(tmp_path, {"model.onnx": b"good"})
        (tmp_path / "model.onnx").write_bytes(content)
        problem = disproof(tmp_path, entries)
        assert problem.reason is FetchReason.CORRUPT_FILE
        assert f"has {len(content)} bytes instead of 4" in problem.message

    def test_a_missing_file_is_found(self, tmp_path: Path) -> None:
        entries = a_tree(tmp_path, {"a": b"1", "d/b": b"2"})
        (tmp_path / "d/b").unlink()
        problem = disproof(tmp_path, entries)
        assert (problem.reason, "'d/b'" in problem.message) == (FetchReason.MISSING_FILE, True)

    @pytest.mark.parametrize("extra", ["b", "d/b", ".hidden", "a.tmp"])
    def test_an_extra_file_is_found(self, tmp_path: Path, extra: str) -> None:
        entries = a_tree(tmp_path, {"a": b"1", "d/c": b"2"})
        (tmp_path / extra).write_bytes(b"")
        assert disproof(tmp_path, entries).reason is FetchReason.EXTRA_FILE

    def test_an_extra_directory_is_found(self, tmp_path: Path) -> None:
        entries = a_tree(tmp_path, {"a": b"1"})
        (tmp_path / "empty").mkdir()
        assert disproof(tmp_path, entries).reason is FetchReason.EXTRA_FILE

    def test_a_directory_in_the_place_of_a_file_is_found(self, tmp_path: Path) -> None:
        entries = a_tree(tmp_path, {"a": b"1"})
        (tmp_path / "a").unlink()
        (tmp_path / "a").mkdir()
        assert disproof(tmp_path, entries).reason is FetchReason.EXTRA_FILE

    @pytest.mark.parametrize("target", ["good", "/etc/hostname", "/nowhere"])
    def test_a_link_is_never_followed_even_to_the_right_bytes(self, tmp_path: Path, target: str) -> None:
        root = tmp_path / "root"
        root.mkdir()
        entries = a_tree(root, {"a": b"1", "b": b"1"})
        (tmp_path / "good").write_bytes(b"1")
        (root / "b").unlink()
        (root / "b").symlink_to(tmp_path / target)
        assert disproof(root, entries).reason is FetchReason.EXTRA_FILE

    def test_a_file_that_becomes_a_link_under_our_hands_is_not_followed(self, tmp_path: Path) -> None:
        root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
        root.mkdir()
        # As long as the link will be, so that only following it can tell.
        same = str(elsewhere).encode()
        elsewhere.write_bytes(same)
        entries = a_tree(root, {"a": b"1", "b": same})

        def swap(_: int) -> None:
            (root / "b").unlink()
            (root / "b").symlink_to(elsewhere)

        with pytest.raises(OSError, match="symbolic links"):
            prove(root, entries, swap)

    def test_a_linked_directory_is_found(self, tmp_path: Path) -> None:
        root, other = tmp_path / "root", tmp_path / "other"
        root.mkdir()
        entries = a_tree(root, {"d/a": b"1"})
        (root / "d").rename(other)
        (root / "d").symlink_to(other)
        assert disproof(root, entries).reason is FetchReason.EXTRA_FILE

    def test_a_pipe_is_found_and_not_opened(self, tmp_path: Path) -> None:
        entries = a_tree(tmp_path, {"a": b"1"})
        (tmp_path / "a").unlink()
        os.mkfifo(tmp_path / "a")
        assert disproof(tmp_path, entries).reason is FetchReason.EXTRA_FILE

    def test_every_byte_is_told_and_what_the_listener_raises_ends_the_proof(self, tmp_path: Path) -> None:
        entries = a_tree(tmp_path, {"a": bytes(2**20 + 5), "b": b"123"})
        told: list[int] = []
        prove(tmp_path, entries, told.append)
        assert (sum(told), max(told)) == (2**20 + 8, 2**20)

        def enough(_: int) -> None:
            raise FetchProblem(FetchReason.DEADLINE, "time is up")

        with pytest.raises(FetchProblem, match="time is up"):
            prove(tmp_path, entries, enough)

    @given(content=st.binary(min_size=1, max_size=40), place=st.integers(0, 39), bit=st.integers(0, 7))
    def test_one_flipped_bit_is_found(
        self, tmp_path_factory: pytest.TempPathFactory, content: bytes, place: int, bit: int
    ) -> None:
        root = tmp_path_factory.mktemp("flipped")
        damaged = bytearray(content)
        damaged[place % len(content)] ^= 1 << bit
        (root / "m").write_bytes(damaged)
        assert disproof(root, [an_entry("m", content)]).reason is FetchReason.CORRUPT_FILE
