"""`lockgate fetch` where the machine, the storage or the surroundings are against it."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from tests.fetch.fetching import Ended, FetchSite, processes_naming, wait_until

from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.rows import Artifact, StoredFile
from lockgate_sandbox.registry.running import RunningRegistry
from lockgate_sandbox.registry.seeding import SeededVersion

pytestmark = pytest.mark.integration
FILES = {"model.onnx": b"weights" * 1000, "vocabulary/words.txt": b"ship\nlock\n"}


@pytest.fixture
def site(registry: RunningRegistry, tmp_path: Path) -> FetchSite:
    return FetchSite(registry, tmp_path)


@pytest.fixture
def version(registry: RunningRegistry) -> SeededVersion:
    return registry.seed_version(files=FILES)


def assert_ended(ended: Ended, site: FetchSite, reason: str, code: int) -> None:
    assert (ended.outcome.get("reason"), ended.code) == (reason, code), ended.log
    assert site.left_behind() == []


def stored_files(site: FetchSite) -> list[StoredFile]:
    return site.registry.store.db.all(StoredFile)


# --- the storage


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_storage_that_stays_overloaded_is_waited_for_until_the_deadline(site, version, status):
    site.registry.faults.add(Fault(kind=FaultKind.STATUS, status=status, operation="download"))
    assert_ended(site.fetch(version, deadline="2.5"), site, "Deadline", 3)


def test_a_storage_that_stumbles_once_is_asked_again(site, version):
    site.registry.faults.add(Fault(kind=FaultKind.STATUS, status=503, operation="download", count=1))
    ended = site.fetch(version)
    assert (ended.code, site.files()) == (0, FILES), ended.log


def test_a_file_that_the_registry_does_not_list_is_missed(site, version):
    one = stored_files(site)[0]
    site.registry.store.db.execute("DELETE FROM files WHERE id = ?", one.id)
    ended = site.fetch(version)
    assert_ended(ended, site, "MissingFile", 1)
    assert one.path in ended.outcome["message"]


def test_a_file_that_only_the_registry_lists_is_refused(site, version):
    site.registry.store.db.insert(
        StoredFile,
        artifact_id=site.registry.store.db.all(Artifact)[0].id,
        path="smuggled.so",
        digest=stored_files(site)[0].digest,
        size=7,
        updated_at="2026-01-01T00:00:00",
    )
    assert_ended(site.fetch(version), site, "ExtraFile", 1)


def test_a_file_that_grew_in_storage_is_corrupt(site, version):
    for content in (site.registry.data_dir).rglob("*"):
        if content.is_file() and content.read_bytes() == FILES["model.onnx"]:
            content.write_bytes(FILES["model.onnx"] + b"!")
    assert_ended(site.fetch(version), site, "CorruptFile", 1)


# --- the machine


def in_a_small_volume(site: FetchSite, options: str) -> list[str]:
    """Runs a program where the directory to fill is a file system of its own, without being root."""
    mount = f'mount -t tmpfs -o {options} none "$0" && exec "$@"'
    wrapper = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(site.into)]
    if shutil.which("unshare") is None or subprocess.run([*wrapper, "true"], capture_output=True).returncode:
        pytest.skip("user namespaces are not allowed here")
    return wrapper


def test_a_version_that_cannot_fit_is_refused_before_its_bytes_are_asked_for(site, registry):
    version = registry.seed_version(files={"large": bytes(2 << 20)})
    wrapper = in_a_small_volume(site, "size=1m")
    registry.requests.clear()
    ended = site.end(site.start(version, prefix=wrapper))
    assert_ended(ended, site, "NoSpace", 3)
    assert not [r for r in registry.requests.records() if r.path.startswith("/storage/files")]


def test_a_volume_that_fills_up_in_the_middle_is_told_as_one(site, registry):
    version = registry.seed_version(files={f"part-{n}": b"%d" % n for n in range(40)})
    # Room for all bytes, but not for so many files.
    ended = site.end(site.start(version, prefix=in_a_small_volume(site, "size=1m,nr_inodes=12")))
    assert_ended(ended, site, "NoSpace", 3)


def test_a_client_that_is_killed_alone_is_told_and_cleared_away(site, version):
    site.registry.faults.add(Fault(kind=FaultKind.HANG))
    process = site.start(version)
    wait_until(lambda: met(site), "a request")
    (client,) = client_of(site)
    os.kill(client, signal.SIGKILL)
    ended = site.end(process)
    assert_ended(ended, site, "InternalError", 3)
    assert "-9" in ended.log
    wait_until(lambda: not processes_naming(str(site.scratch)), "the end of every process", 10)


def test_a_fetch_that_is_killed_takes_its_client_with_it(site, version):
    site.registry.faults.add(Fault(kind=FaultKind.HANG))
    process = site.start(version)
    wait_until(lambda: met(site), "a request")
    process.kill()
    site.end(process)
    # At once: it must not write into the directory of the next try.
    wait_until(lambda: not client_of(site), "the end of the client", 1)
    wait_until(lambda: not processes_naming(str(site.scratch)), "the end of every process", 10)


def met(site: FetchSite) -> bool:
    """Whether a request has run into the fault."""
    return any(fault["met"] for fault in site.registry.faults.show())


def client_of(site: FetchSite) -> list[int]:
    """The processes that run the registry's client, each known by the arguments it was started with."""
    running = []
    for pid in processes_naming(str(site.scratch)):
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"lockgate.fetch.download" in arguments:
            running.append(pid)
    return running


# --- the surroundings


def test_settings_that_lie_around_change_neither_host_nor_key_nor_mode(site, version, tmp_path):
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
    ended = site.end(site.start(version, environment=strays, directory=home))
    assert (ended.code, site.files()) == (0, FILES), ended.log
    assert {record.user for record in site.registry.requests.records()} <= {"viewer", ""}
    assert not (home / "cache").exists()


def test_a_base_url_with_a_password_in_it_is_never_told(site, version):
    address = site.registry.url.replace("http://", "http://ship:hidden-word@")
    ended = site.fetch(version, base_url=address, deadline="4")
    assert "hidden-word" not in ended.log
    assert "hidden-word" not in str(ended.outcome)
