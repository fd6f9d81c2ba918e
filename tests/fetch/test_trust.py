"""A registry behind HTTPS: fetched from when its authority is trusted, told in one sentence when not."""

import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.fetch.program import FetchProgram

from lockgate.domain.fetched import PERMANENT, FetchProblem, FetchReason
from lockgate.fetch.sources.wandb import _Guard
from lockgate_sandbox.pki import Authority
from lockgate_sandbox.registry.graph import links
from lockgate_sandbox.registry.running import RunningRegistry, start_registry

pytestmark = pytest.mark.integration
FILES = {"model.onnx": b"weights", "vocabulary/words.txt": b"ship\n"}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RunningRegistry]:
    with start_registry(tmp_path / "registry", tls=True) as running:
        yield running


@pytest.fixture
def program(registry: RunningRegistry, tmp_path: Path) -> FetchProgram:
    room = tmp_path / "room"
    room.mkdir()
    return FetchProgram(registry, room)


def refused(program: FetchProgram, *arguments: str) -> str:
    """How a fetch that is not trusted ends: soon, curably, with nothing handed over."""
    version = program.registry.seed_version(files=FILES)
    ended = program.fetch(version, "--deadline=25", *arguments)
    assert ended.outcome is not None, ended.log
    assert (ended.outcome.reason, ended.code) == (FetchReason.UNTRUSTED, 3), ended.log
    assert FetchReason.UNTRUSTED not in PERMANENT
    assert list(program.into.iterdir()) == []
    return ended.outcome.message


def test_a_version_comes_whole_when_the_authority_is_given(program: FetchProgram) -> None:
    version = program.registry.seed_version(files=FILES)
    ended = program.fetch(version, f"--ca-bundle={program.registry.authority}")
    assert ended.code == 0, ended.log
    assert (program.into / "model.onnx").read_bytes() == b"weights"


def test_a_registry_that_nobody_vouches_for_is_told_as_such(program: FetchProgram) -> None:
    assert "registry's caBundle in the chart" in refused(program)


def test_another_authority_than_the_registrys_is_of_no_use(program: FetchProgram, tmp_path: Path) -> None:
    other = tmp_path / "other.crt"
    other.write_bytes(Authority.create().pair.certificate)
    assert "nobody trusted here vouches" in refused(program, f"--ca-bundle={other}")


def test_a_bundle_that_is_not_there_is_told_in_one_sentence(program: FetchProgram) -> None:
    told = refused(program, "--ca-bundle=/nowhere/ca.crt")
    assert told.startswith("there is no CA bundle at /nowhere/ca.crt; create")
    assert program.registry.requests.totals().requests == 0


def test_a_bundle_without_certificates_is_told_in_one_sentence(program: FetchProgram) -> None:
    text = program.room / "bundle"
    text.write_text("not a certificate")
    assert "no usable certificates" in refused(program, f"--ca-bundle={text}")


def test_a_storage_that_nobody_vouches_for_is_told_before_the_deadline(
    program: FetchProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry is trusted, and sends its callers to a storage that is not."""
    with start_registry(tmp_path / "storage", tls=True) as storage:
        send_elsewhere(monkeypatch, storage)
        told = refused(program, f"--ca-bundle={program.registry.authority}")
    assert "the storage of" in told


def test_a_storage_without_https_is_never_asked_by_a_registry_with_it(
    program: FetchProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_registry(tmp_path / "storage") as storage:
        send_elsewhere(monkeypatch, storage)
        told = refused(program, f"--ca-bundle={program.registry.authority}")
        assert storage.requests.totals().requests == 0
    assert "to an address without https" in told


@pytest.mark.parametrize(
    ("registry", "address", "followed"),
    [
        ("https://wandb.example", "HTTPS connection (1): storage.example:443", True),
        ("https://wandb.example", "HTTP connection (1): storage.example:80", False),
        ("https://wandb.example", "HTTPS connection (1): 127.0.0.1:443", False),
        ("http://wandb.example", "HTTP connection (1): storage.example:80", True),
        ("http://wandb.example", "HTTP connection (2): 169.254.169.254:80", False),
        ("http://wandb.example", "HTTP connection (1): [fe80::1]:80", False),
        ("http://wandb.example", "HTTP connection (1): fe80::1:80", False),
        ("http://wandb.example", "HTTP connection (1): localhost:8080", False),
        ("http://127.0.0.1:8080", "HTTP connection (1): 127.0.0.1:9090", True),
    ],
)
def test_a_fetch_goes_only_where_a_registry_may_keep_files(
    registry: str, address: str, followed: bool
) -> None:
    guard = _Guard("acme/wandb-registry-model/churn:v1", urlsplit(registry))
    record = logging.makeLogRecord({"msg": f"Starting new {address}"})
    if followed:
        guard.emit(record)
    else:
        with pytest.raises(FetchProblem, match="mend the address of its storage") as refused:
            guard.emit(record)
        assert refused.value.reason is FetchReason.UNTRUSTED


def send_elsewhere(monkeypatch: pytest.MonkeyPatch, storage: RunningRegistry) -> None:
    """The registry gives out addresses at another host."""
    monkeypatch.setattr(links, "signed", lambda *_: f"{storage.url}/storage/files/1/m?signature=x")
