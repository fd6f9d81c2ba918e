"""`lockgate fetch` as pods run it: a process, the real client, and a registry that has bad days."""

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fetch.program import Ended, FetchProgram, claim_of
from tests.waiting import wait_until

from lockgate.domain.fetched import FetchOutcome, FetchReason
from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.running import RunningRegistry

FILES = {"model.onnx": b"weights" * 1000, "vocabulary/words.txt": b"ship\nlock\n", "empty": b""}


@pytest.fixture
def program(registry: RunningRegistry, tmp_path: Path) -> FetchProgram:
    room = tmp_path / "room"
    room.mkdir()
    return FetchProgram(registry, room)


@pytest.fixture
def unprivileged(program: FetchProgram) -> FetchProgram:
    """Runs with no more rights than an owner has, as the pods of the chart do.

    Not as another user, who could hardly enter the directories of this machine's Python.
    """
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root cannot drop its rights here: setpriv is missing")
        program.wrapper = (setpriv, "--bounding-set=-all", "--inh-caps=-all")
        shown = subprocess.run(
            [*program.wrapper, "grep", "CapEff", "/proc/self/status"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert set(shown.split()[1]) == {"0"}
    return program


def tree_digest(files: dict[str, bytes]) -> str:
    lines = "".join(
        f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files, key=str.encode)
    )
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def assert_refused(ended: Ended, program: FetchProgram, reason: FetchReason, code: int) -> FetchOutcome:
    """It ended with that reason and code, and the directory is as empty as before."""
    assert ended.outcome is not None, ended.log
    assert (ended.outcome.reason, ended.code) == (reason, code), ended.log
    assert list(program.into.iterdir()) == []
    assert "Traceback" not in ended.log
    return ended.outcome


class TestHandsOver:
    def test_a_version_comes_whole_proved_and_read_only(self, program: FetchProgram) -> None:
        version = program.registry.seed_version(files=FILES)
        ended = program.fetch(version)
        assert ended.code == 0, ended.log
        assert program.files() == FILES
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in program.into.rglob("*")}
        assert modes == {"model.onnx": 0o444, "empty": 0o444, "vocabulary": 0o555, "words.txt": 0o444}
        assert ended.outcome == FetchOutcome(
            ok=True,
            uri=program.uri_of(version),
            claim=claim_of(version),
            tree_digest=tree_digest(FILES),
            files=3,
            size=sum(map(len, FILES.values())),
            seconds=ended.outcome.seconds if ended.outcome else -1,
        )
        assert 0 < ended.outcome.seconds < ended.seconds

    def test_an_alias_that_moved_since_does_not_change_what_is_fetched(self, program: FetchProgram) -> None:
        resolved = program.registry.seed_version(files={"m": b"old"}, aliases=["production"])
        program.registry.seed_version(files={"m": b"new"}, aliases=["production"])
        assert program.registry.aliases("model", "churn")["production"] == "v1"
        assert program.fetch(resolved).code == 0
        assert program.files() == {"m": b"old"}

    def test_a_user_without_rights_fetches_twice_into_its_directory(self, unprivileged: FetchProgram) -> None:
        program = unprivileged
        first = program.registry.seed_version(files=FILES | {"a/b/c/d": b"deep"})
        second = program.registry.seed_version(files={"a/b/other": b"2"})
        assert program.fetch(first).code == 0
        ended = program.fetch(second)
        assert ended.code == 0, ended.log
        assert program.files() == {"a/b/other": b"2"}
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in program.into.rglob("*")}
        assert modes == {"a": 0o555, "b": 0o555, "other": 0o444}


class TestRefusesForGood:
    """Exit code 1: trying again cannot help."""

    def test_other_bytes_of_the_same_size(self, program: FetchProgram) -> None:
        version = program.registry.seed_version(files=FILES)
        program.registry.faults.add(Fault(kind=FaultKind.CORRUPT, file="model.onnx"))
        told = assert_refused(program.fetch(version), program, FetchReason.CORRUPT_FILE, 1)
        assert "'model.onnx' holds other bytes" in told.message

    def test_bytes_that_are_gone_from_storage(self, program: FetchProgram) -> None:
        version = program.registry.seed_version(files=FILES)
        program.registry.faults.add(Fault(kind=FaultKind.MISSING_FILE, file="model.onnx"))
        assert_refused(program.fetch(version), program, FetchReason.MISSING_FILE, 1)

    def test_a_version_with_another_digest_than_was_resolved(self, program: FetchProgram) -> None:
        version = program.registry.seed_version(files=FILES)
        told = assert_refused(
            program.fetch(version, claim="wandb-md5:" + "0" * 32), program, FetchReason.DIGEST_MISMATCH, 1
        )
        assert version.digest in told.message
        assert "0" * 32 in told.message

    def test_a_version_larger_than_allowed(self, program: FetchProgram) -> None:
        version = program.registry.seed_version(files=FILES)
        told = assert_refused(program.fetch(version, "--max-bytes=7009"), program, FetchReason.TOO_LARGE, 1)
        assert "7010 bytes, more than the 7009 allowed" in told.message

    def test_a_version_with_more_files_than_allowed(self, program: FetchProgram) -> None:
        version = program.registry.seed_version(files=FILES)
        assert_refused(program.fetch(version, "--max-files=2"), program, FetchReason.TOO_LARGE, 1)

    def test_a_reference_to_somewhere_else(self, program: FetchProgram) -> None:
        version = program.registry.seed_version(files=FILES, references={"w": "s3://elsewhere/key"})
        assert_refused(program.fetch(version), program, FetchReason.REFERENCE_ENTRY, 1)

    @pytest.mark.parametrize("path", ["../../escaped", "{room}/escaped"])
    def test_a_path_that_leads_out(self, program: FetchProgram, path: str) -> None:
        out = path.format(room=program.room)
        version = program.registry.seed_version(files={"m": b"1", out: b"2"})
        assert_refused(program.fetch(version), program, FetchReason.ESCAPING_PATH, 1)
        assert not list(program.room.parent.rglob("escaped*"))


class TestMayTryAgain:
    """Exit code 3: the registry, the key or the network may be better the next time."""

    def test_a_version_that_the_registry_does_not_have(self, program: FetchProgram) -> None:
        version = program.registry.seed_version(files=FILES)
        gone = program.uri_of(version).replace(f":{version.version}", ":v9")
        ended = program.fetch(version, "--uri", gone)
        assert "churn:v9" in assert_refused(ended, program, FetchReason.NOT_FOUND, 3).message

    @pytest.mark.parametrize(
        "fault",
        [
            Fault(kind=FaultKind.DENY, user="viewer", registry="model"),
            Fault(kind=FaultKind.STATUS, status=403, operation="download"),
        ],
        ids=["by the registry", "by the storage"],
    )
    def test_a_key_that_is_refused(self, program: FetchProgram, fault: Fault) -> None:
        version = program.registry.seed_version(files=FILES)
        program.registry.faults.add(fault)
        assert_refused(program.fetch(version), program, FetchReason.ACCESS_DENIED, 3)

    def test_a_key_that_the_registry_does_not_know(self, program: FetchProgram) -> None:
        version = program.registry.seed_version(files=FILES)
        program.key_file.write_text("f" * 40)
        ended = program.fetch(version)
        assert_refused(ended, program, FetchReason.ACCESS_DENIED, 3)
        assert "f" * 40 not in ended.log

    @pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
    def test_a_key_that_is_not_there(self, program: FetchProgram, content: bytes | None) -> None:
        version = program.registry.seed_version(files=FILES)
        program.key_file.unlink()
        if content is not None:
            program.key_file.write_bytes(content)
        told = assert_refused(program.fetch(version), program, FetchReason.ACCESS_DENIED, 3)
        assert str(program.key_file) in told.message

    @pytest.mark.parametrize("operation", ["*", "download"])
    def test_web_pages_instead_of_answers(self, program: FetchProgram, operation: str) -> None:
        version = program.registry.seed_version(files=FILES)
        program.registry.faults.add(Fault(kind=FaultKind.HTML, operation=operation))
        assert_refused(program.fetch(version), program, FetchReason.REGISTRY_UNAVAILABLE, 3)

    @pytest.mark.parametrize("operation", ["*", "download"])
    def test_a_registry_that_hangs_until_the_deadline(self, program: FetchProgram, operation: str) -> None:
        version = program.registry.seed_version(files=FILES)
        program.registry.faults.add(Fault(kind=FaultKind.HANG, operation=operation))
        ended = program.fetch(version, "--deadline=3")
        assert_refused(ended, program, FetchReason.DEADLINE, 3)
        assert ended.seconds >= 3


@pytest.mark.signals
class TestEndsEarly:
    def test_a_stopped_pod_waits_for_nothing_and_leaves_nothing(self, program: FetchProgram) -> None:
        version = program.registry.seed_version(files=FILES)
        program.registry.faults.add(Fault(kind=FaultKind.HANG))
        process = program.start(version)
        wait_until("at the registry", lambda: program.runs("wandb-core"))
        process.send_signal(signal.SIGTERM)
        ended = program.end(process)
        assert_refused(ended, program, FetchReason.INTERRUPTED, 128 + signal.SIGTERM)

    def test_a_fetch_that_was_killed_in_the_middle_is_done_anew(self, program: FetchProgram) -> None:
        files = {f"layers/{number}": bytes([number]) * 1000 for number in range(100)}
        version = program.registry.seed_version(files=files)
        # The client brings 32 files at a time: the first ones are there while most are not.
        program.registry.faults.add(Fault(kind=FaultKind.LATENCY, operation="download", seconds=0.3))
        process = program.start(version)
        wait_until("in the middle", lambda: any(program.staging.glob("layers/*")))
        # From here on the client would wait for ever.
        program.registry.faults.add(Fault(kind=FaultKind.HANG, operation="download"))
        process.kill()
        assert program.end(process).code == -signal.SIGKILL
        assert program.staging.is_dir()
        program.registry.faults.clear()
        shutil.rmtree(program.room / "scratch")
        (program.room / "scratch").mkdir()
        assert program.fetch(version).code == 0
        assert program.files() == files


@pytest.mark.parametrize("uri", ["mlflow://prod/churn/7", "acme/wandb-registry-model/churn:v0", "://"])
def test_a_kind_of_registry_that_is_not_known_is_told_in_one_sentence_and_not_tried_again(
    program: FetchProgram, uri: str
) -> None:
    ended = program.fetch(program.registry.seed_version(files=FILES), "--uri", uri)
    told = assert_refused(ended, program, FetchReason.UNKNOWN_SOURCE, 1)
    assert uri in told.message
    assert "it knows wandb://" in told.message
    assert program.registry.requests.totals().requests == 0


class TestArguments:
    """Exit code 2: whoever started it must change something. No request is made."""

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--uri", "wandb://acme/wandb-registry-model/churn:production"],
            ["--uri", "wandb://wandb-registry-model/churn:v1"],
            ["--claim", "sha256:abc"],
            ["--claim", ""],
            ["--base-url", "file:///etc"],
            ["--base-url", "https://"],
            ["--deadline", "0"],
            ["--deadline", "nan"],
            ["--max-bytes", "-1"],
            ["--into", "/dev/null"],
        ],
        ids=" ".join,
    )
    def test_what_cannot_be_meant_is_refused(self, program: FetchProgram, arguments: list[str]) -> None:
        version = program.registry.seed_version(files=FILES)
        ended = program.fetch(version, *arguments)
        assert ended.code == 2, ended.log
        assert arguments[0] in ended.log
        assert program.registry.requests.totals().requests == 0

    def test_a_directory_with_something_of_somebody_else_is_left_alone(self, program: FetchProgram) -> None:
        version = program.registry.seed_version(files=FILES)
        (program.into / "theirs").write_bytes(b"precious")
        assert program.fetch(version).code == 2
        assert program.files() == {"theirs": b"precious"}

    def test_the_help_tells_the_exit_codes_and_how_to_find_the_tree_digest(self) -> None:
        shown = subprocess.run(
            [sys.executable, "-m", "lockgate", "fetch", "--help"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout
        assert "143 stopped by a signal" in shown
        assert "sha256sum -- | sha256sum" in " ".join(shown.split())
