"""`lockgate fetch --cache`: pods start while the registry is away, and a bad cache costs nothing."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fetch.program import Ended, FetchProgram, claim_of
from tests.fetch.test_cache import FILES, MUCH, Version

from lockgate.domain.fetched import FetchProblem, FetchReason
from lockgate.fetch.cache import Cache, file_of
from lockgate.fetch.caching import Caching
from lockgate.fetch.child import run_cache
from lockgate.fetch.deadline import Deadline
from lockgate.fetch.handover import make_staging
from lockgate.fetch.report import Report
from lockgate.fetch.sources import wandb
from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.rows import Artifact
from lockgate_sandbox.registry.running import RunningRegistry
from lockgate_sandbox.registry.seeding import SeededVersion


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    path = tmp_path / "cache"
    path.mkdir()
    return path


@pytest.fixture
def version(registry: RunningRegistry) -> SeededVersion:
    return registry.seed_version(files=FILES)


def a_pod(registry: RunningRegistry, room: Path, cache: Path) -> FetchProgram:
    room.mkdir()
    return FetchProgram(registry, room, cache=cache)


@pytest.fixture
def first(registry: RunningRegistry, tmp_path: Path, cache: Path) -> FetchProgram:
    return a_pod(registry, tmp_path / "first", cache)


@pytest.fixture
def second(registry: RunningRegistry, tmp_path: Path, cache: Path) -> FetchProgram:
    return a_pod(registry, tmp_path / "second", cache)


def kept(cache: Path) -> Path:
    (path,) = cache.iterdir()
    return path


def assert_served(ended: Ended, pod: FetchProgram, *, cached: bool) -> None:
    assert ended.code == 0, ended.log
    assert ended.outcome is not None
    assert (pod.files(), ended.outcome.cached) == (FILES, cached)


def shut(registry: RunningRegistry) -> None:
    registry.faults.add(Fault(kind=FaultKind.STATUS, status=503))


# --- the registry is away


def test_a_second_pod_starts_from_the_cache_and_proves_the_same_files(registry, version, first, second):
    downloaded = first.fetch(version)
    assert_served(downloaded, first, cached=False)
    shut(registry)
    registry.requests.clear()
    ended = second.fetch(version)
    assert_served(ended, second, cached=True)
    assert ended.outcome.tree_digest == downloaded.outcome.tree_digest
    assert registry.requests.totals().requests == 0


def test_a_version_that_was_deleted_starts_from_the_cache(registry, version, first, second):
    assert first.fetch(version).code == 0
    registry.store.db.execute("UPDATE artifacts SET state = 'DELETED'")
    assert all(artifact.state == "DELETED" for artifact in registry.store.db.all(Artifact))
    assert_served(second.fetch(version), second, cached=True)


def test_no_key_is_needed_for_what_the_cache_holds(version, first, second):
    assert first.fetch(version).code == 0
    second.key_file.unlink()
    assert_served(second.fetch(version), second, cached=True)


def test_what_the_cache_does_not_hold_fails_as_without_one(registry, version, second):
    shut(registry)
    ended = second.fetch(version, "--deadline=3")
    assert ended.outcome.reason in (FetchReason.REGISTRY_UNAVAILABLE, FetchReason.DEADLINE)
    assert list(second.into.iterdir()) == []


# --- nothing in the cache is believed


def test_one_flipped_bit_is_not_served_but_fetched_anew_and_mended(version, cache, first, second):
    assert first.fetch(version).code == 0
    whole = kept(cache).read_bytes()
    bent = bytearray(whole)
    bent[-1] ^= 1
    kept(cache).write_bytes(bent)
    ended = second.fetch(version)
    assert_served(ended, second, cached=False)
    assert "the cache cannot be used" in ended.log
    assert "holds other bytes" in ended.log
    assert kept(cache).read_bytes() == whole


def test_one_flipped_bit_is_not_served_when_nothing_else_is_there(registry, version, cache, first, second):
    assert first.fetch(version).code == 0
    bent = bytearray(kept(cache).read_bytes())
    bent[-1] ^= 1
    kept(cache).write_bytes(bent)
    shut(registry)
    ended = second.fetch(version, "--deadline=3")
    assert ended.code == 3, ended.log
    assert list(second.into.iterdir()) == []


def test_a_link_is_never_followed_not_even_to_the_right_bytes(version, tmp_path, cache, first, second):
    assert first.fetch(version).code == 0
    elsewhere = kept(cache).rename(tmp_path / "elsewhere")
    (cache / file_of(claim_of(version))).symlink_to(elsewhere)
    ended = second.fetch(version)
    assert_served(ended, second, cached=False)
    assert "symbolic links" in ended.log
    assert not kept(cache).is_symlink()
    assert elsewhere.exists()


def test_a_stranger_in_the_place_of_a_version_is_told_and_passed_by(version, cache, first):
    (cache / file_of(claim_of(version)) / "more").mkdir(parents=True)
    ended = first.fetch(version)
    assert_served(ended, first, cached=False)
    assert "not kept: its volume failed: Is a directory" in ended.log


def on_a_volume(cache: Path, options: str) -> list[str]:
    """Runs a program where the cache is a file system of its own, without being root."""
    mount = f'mount -t tmpfs -o {options} none "$0" && exec "$@"'
    wrapper = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(cache)]
    if shutil.which("unshare") is None or subprocess.run([*wrapper, "true"], capture_output=True).returncode:
        pytest.skip("user namespaces are not allowed here")
    return wrapper


class TestACacheThatCannotKeepCostsNothing:
    def test_full_by_bytes(self, version, cache, first):
        first.wrapper = on_a_volume(cache, "size=4k")
        ended = first.fetch(version)
        assert_served(ended, first, cached=False)
        assert "not kept: there is no room for it" in ended.log

    def test_full_by_files(self, version, cache, first):
        first.wrapper = on_a_volume(cache, "size=1m,nr_inodes=1")
        ended = first.fetch(version)
        assert_served(ended, first, cached=False)
        assert "not kept: its volume failed: No space left on device" in ended.log

    def test_read_only(self, version, cache, first):
        first.wrapper = on_a_volume(cache, "ro")
        ended = first.fetch(version)
        assert_served(ended, first, cached=False)
        assert "not kept: its volume failed: Read-only file system" in ended.log

    def test_away(self, version, cache, first):
        cache.rmdir()
        ended = first.fetch(version)
        assert_served(ended, first, cached=False)
        assert "the cache cannot be used" in ended.log

    def test_a_version_above_the_bound(self, version, cache, first):
        ended = first.fetch(version, "--cache-max-bytes=7000")
        assert_served(ended, first, cached=False)
        assert list(cache.iterdir()) == []


def test_two_pods_that_start_at_once_leave_one_whole_version(registry, version, cache, first, second):
    started = [(pod, pod.start(version)) for pod in (first, second)]
    for pod, process in started:
        ended = pod.end(process)
        assert ended.code == 0, ended.log
        assert pod.files() == FILES
    shut(registry)
    shutil.rmtree(first.into)
    first.into.mkdir()
    assert_served(first.fetch(version), first, cached=True)
    assert kept(cache).name == file_of(claim_of(version))


# --- what happens to the process that works on the cache

KILLED = """
import json, os, signal, sys
from pathlib import Path
from lockgate.fetch.cache import Cache
from lockgate.fetch.download import read_entries
from lockgate.fetch.sources import wandb
task = json.load(sys.stdin)
cache = Cache(Path(task["cache"]), wandb.proves, lambda _: os.kill(os.getpid(), signal.SIGKILL))
cache.keep(task["claim"], read_entries(task["entries"]), Path(task["tree"]), max_bytes=10**9, replace=True)
"""


@pytest.mark.parametrize("before", [None, "kept"], ids=["nothing was kept", "one was kept"])
def test_a_kill_in_the_middle_leaves_no_half_version(tmp_path, cache, before):
    version = Version(tmp_path / "tree", FILES)
    keeper = Cache(cache, wandb.proves, lambda _: None)

    def keep() -> str:
        return keeper.keep(version.claim, version.entries, version.tree, max_bytes=MUCH, replace=True)

    if before:
        assert keep() == before
    entries = [
        {"path": e.path, "size": e.size, "digest": e.digest, "algorithm": "md5"} for e in version.entries
    ]
    task = {"cache": str(cache), "claim": version.claim, "tree": str(version.tree), "entries": entries}
    ended = subprocess.run([sys.executable, "-c", KILLED], input=json.dumps(task), text=True)
    assert ended.returncode == -signal.SIGKILL
    (left,) = cache.glob(".*.part")

    def bring(name: str) -> list[object]:
        (tmp_path / name).mkdir()
        return list(keeper.bring(version.claim, tmp_path / name, max_bytes=10**6, max_files=10))

    assert bring("then") == (version.entries if before else [])
    os.utime(left, (0, 0))  # days later
    assert keep() == "kept"
    assert kept(cache).name == version.name
    assert bring("later") == version.entries


@pytest.fixture
def caching(tmp_path: Path, cache: Path) -> Caching:
    return Caching(
        directory=cache,
        uri="wandb://acme/wandb-registry-model/churn:v1",
        claim="wandb-md5:" + "0" * 32,
        max_bytes=MUCH,
        deadline=Deadline(0.0),
        report=Report(io.StringIO()),
    )


@pytest.mark.parametrize(
    ("bound", "words"), [({"patience": 0.5}, "stood still"), ({"until": 0.5}, "too slow for 0.5 s")]
)
def test_a_cache_that_does_not_answer_is_not_waited_for(tmp_path, monkeypatch, bound, words):
    (tmp_path / "still.py").write_text("import time; time.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(FetchProblem, match=words) as given_up:
        run_cache({}, Deadline(600), Report(io.StringIO()), module="still", **bound)
    assert given_up.value.reason is not FetchReason.DEADLINE


def test_a_slow_cache_leaves_the_registry_half_of_the_time():
    assert Deadline(600).half == 300


def test_a_deadline_that_ends_while_a_version_is_put_in_takes_nothing_back(tmp_path, caching):
    version = Version(tmp_path / "tree", FILES)
    caching.keep(version.tree, version.entries)
    assert (version.tree / "model.onnx").exists()


def test_a_deadline_that_ends_while_a_version_is_brought_ends_the_fetch(tmp_path, caching):
    with pytest.raises(FetchProblem) as ended:
        caching.bring(make_staging(tmp_path / "cache"), max_bytes=1, max_files=1)
    assert ended.value.reason is FetchReason.DEADLINE
