"""`lockgate fetch` where the machine, the storage or the surroundings are against it."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from tests.fetch.program import Ended, FetchProgram
from tests.waiting import PATIENCE_SECONDS, wait_until

from lockgate.domain.fetched import FetchOutcome
from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.rows import Artifact, StoredFile
from lockgate_sandbox.registry.running import RunningRegistry
from lockgate_sandbox.registry.seeding import SeededVersion

FILES = {"model.onnx": b"weights" * 1000, "vocabulary/words.txt": b"ship\nlock\n"}


@pytest.fixture
def program(registry: RunningRegistry, tmp_path: Path) -> FetchProgram:
    room = tmp_path / "room"
    room.mkdir()
    return FetchProgram(registry, room)


@pytest.fixture
def version(registry: RunningRegistry) -> SeededVersion:
    return registry.seed_version(files=FILES)


def assert_refused(ended: Ended, program: FetchProgram, reason: str, code: int) -> FetchOutcome:
    assert ended.outcome is not None, ended.log
    assert (ended.outcome.reason, ended.code) == (reason, code), ended.log
    assert list(program.into.iterdir()) == []
    return ended.outcome


def stored_files(program: FetchProgram) -> list[StoredFile]:
    return program.registry.store.db.all(StoredFile)


# --- the storage


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_storage_that_stays_overloaded_is_waited_for_until_the_deadline(program, version, status):
    program.registry.faults.add(Fault(kind=FaultKind.STATUS, status=status, operation="download"))
    assert_refused(program.fetch(version, "--deadline=2.5"), program, "Deadline", 3)


def test_a_storage_that_stumbles_once_is_asked_again(program, version):
    program.registry.faults.add(Fault(kind=FaultKind.STATUS, status=503, operation="download", count=1))
    ended = program.fetch(version)
    assert (ended.code, program.files()) == (0, FILES), ended.log


def test_a_file_that_the_registry_does_not_list_is_missed(program, version):
    one = stored_files(program)[0]
    program.registry.store.db.execute("DELETE FROM files WHERE id = ?", one.id)
    told = assert_refused(program.fetch(version), program, "MissingFile", 1)
    assert one.path in told.message


def test_a_file_that_only_the_registry_lists_is_refused(program, version):
    program.registry.store.db.insert(
        StoredFile,
        artifact_id=program.registry.store.db.all(Artifact)[0].id,
        path="smuggled.so",
        digest=stored_files(program)[0].digest,
        size=7,
        updated_at="2026-01-01T00:00:00",
    )
    assert_refused(program.fetch(version), program, "ExtraFile", 1)


def test_a_file_that_grew_in_storage_is_corrupt(program, version):
    for content in (program.registry.data_dir).rglob("*"):
        if content.is_file() and content.read_bytes() == FILES["model.onnx"]:
            content.write_bytes(FILES["model.onnx"] + b"!")
    assert_refused(program.fetch(version), program, "CorruptFile", 1)


def test_what_somebody_adds_while_a_version_is_fetched_is_not_served(program, version):
    program.registry.faults.add(Fault(kind=FaultKind.HANG, operation="download"))
    process = program.start(version)
    wait_until("a request is met", lambda: met(program))
    (program.into / "evil.so").write_bytes(b"never proved")
    program.registry.faults.clear()
    assert_refused(program.end(process), program, "InvalidArgument", 2)
    ended = program.fetch(version)
    assert (ended.code, program.files()) == (0, FILES), ended.log


# --- the machine


def in_a_small_volume(program: FetchProgram, options: str) -> list[str]:
    """Runs a program where the directory to fill is a file system of its own, without being root."""
    mount = f'mount -t tmpfs -o {options} none "$0" && exec "$@"'
    wrapper = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(program.into)]
    if shutil.which("unshare") is None or subprocess.run([*wrapper, "true"], capture_output=True).returncode:
        pytest.skip("user namespaces are not allowed here")
    return wrapper


def test_a_version_that_cannot_fit_is_refused_before_its_bytes_are_asked_for(program, registry):
    version = registry.seed_version(files={"large": bytes(2 << 20)})
    program.wrapper = in_a_small_volume(program, "size=1m")
    registry.requests.clear()
    ended = program.fetch(version)
    assert_refused(ended, program, "NoSpace", 3)
    assert not [r for r in registry.requests.records() if r.path.startswith("/storage/files")]


def test_a_volume_that_fills_up_in_the_middle_is_told_as_one(program, registry):
    version = registry.seed_version(files={f"part-{n}": b"%d" % n for n in range(40)})
    # Room for all bytes, but not for so many files.
    program.wrapper = in_a_small_volume(program, "size=1m,nr_inodes=12")
    ended = program.fetch(version)
    assert_refused(ended, program, "NoSpace", 3)


def test_a_client_that_is_killed_alone_is_told_and_cleared_away(program, version):
    program.registry.faults.add(Fault(kind=FaultKind.HANG))
    process = program.start(version)
    wait_until("a request is met", lambda: met(program))
    (client,) = client_of(program)
    os.kill(client, signal.SIGKILL)
    ended = program.end(process, left=PATIENCE_SECONDS)
    assert_refused(ended, program, "InternalError", 3)
    assert "-9" in ended.log


def test_a_fetch_that_is_killed_takes_its_client_with_it(program, version):
    program.registry.faults.add(Fault(kind=FaultKind.HANG))
    process = program.start(version)
    wait_until("a request is met", lambda: met(program))
    process.kill()
    process.wait()
    # At once: it must not write into the directory of the next try.
    wait_until("the client is gone too", lambda: not client_of(program), 5)
    program.end(process)


def met(program: FetchProgram) -> bool:
    """Whether a request has run into the fault."""
    return any(fault["met"] for fault in program.registry.faults.show())


def client_of(program: FetchProgram) -> list[int]:
    """The processes that run the registry's client, each known by the arguments it was started with."""
    return [pid for pid, told in program.processes().items() if "lockgate.fetch.download" in told]


# --- the surroundings


def test_settings_that_lie_around_change_neither_host_nor_key_nor_mode(program, version, tmp_path):
    home = tmp_path / "home"
    (home / ".config/wandb").mkdir(parents=True)
    (home / "wandb").mkdir()
    elsewhere = "[default]\nbase_url = http://127.0.0.1:9\nmode = offline\nentity = nobody\n"
    (home / ".config/wandb/settings").write_text(elsewhere)
    (home / "wandb/settings").write_text(elsewhere)
    (home / ".netrc").write_text(f"machine 127.0.0.1 login user password {'0' * 40}\n")
    strays = {
        "HOME": str(home),
        "WANDB_BASE_URL": "http://127.0.0.1:9",
        "WANDB_API_KEY": "0" * 40,
        "WANDB_MODE": "offline",
        "WANDB_ENTITY": "nobody",
        "WANDB_SERVICE": "2-1-unix-/nowhere",
        "WANDB_HTTP_TIMEOUT": "0",
        "WANDB_DIR": str(home),
        "WANDB_CACHE_DIR": str(home / "cache"),
    }
    ended = program.end(program.start(version, variables=strays, directory=home))
    assert (ended.code, program.files()) == (0, FILES), ended.log
    assert {record.user for record in program.registry.requests.records()} <= {"viewer", ""}
    assert not (home / "cache").exists()


def test_a_base_url_with_a_password_in_it_is_never_told(program, version):
    address = program.registry.url.replace("http://", "http://ship:hidden-word@")
    ended = program.fetch(version, f"--base-url={address}", "--deadline=4")
    assert "hidden-word" not in ended.log
    assert "hidden-word" not in str(ended.outcome)
