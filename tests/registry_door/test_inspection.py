"""What the registry's door tells of a version's manifest."""

import gc
from dataclasses import replace

import pytest
from tests.registry_door.asking import ask_one, assert_tells_no_secret, found

from lockgate.domain.version import Contents
from lockgate.errors import AccessDenied, DigestChanged, VersionNotFound
from lockgate.registries.wandb.registry import WandbRegistry
from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.running import RunningRegistry


def test_a_manifest_is_summed_up(server: RunningRegistry, door: WandbRegistry) -> None:
    server.seed_version(
        collection="summed",
        files={"model.ONNX": b"123", "a/b.tar.gz": b"45", "README": b""},
        references={"z": "s3://b/k", "w": "gs://b/k"},
        aliases=["production"],
    )
    assert door.inspect(found(ask_one(door, server, "model/summed:production"))) == Contents(
        files=5, size=5, references=2, suffixes=frozenset({".onnx", ".gz"}), first_reference="w"
    )


def test_a_version_without_files_has_an_empty_summary(server: RunningRegistry, door: WandbRegistry) -> None:
    server.seed_version(collection="empty", aliases=["production"])
    contents = door.inspect(found(ask_one(door, server, "model/empty:production")))
    assert (contents.files, contents.size, contents.references) == (0, 0, 0)


def test_a_version_whose_digest_is_another_now_is_told(server: RunningRegistry, door: WandbRegistry) -> None:
    server.seed_version(collection="changed", files={"m": b"0"}, aliases=["production"])
    version = found(ask_one(door, server, "model/changed:production"))
    with pytest.raises(DigestChanged) as raised:
        door.inspect(replace(version, claim="wandb-md5:" + "0" * 32))
    assert version.claim in raised.value.message
    assert "0" * 32 in raised.value.message


def test_a_version_that_is_gone_is_missing(server: RunningRegistry, door: WandbRegistry) -> None:
    server.seed_version(collection="gone", files={"m": b"0"}, aliases=["production"])
    version = found(ask_one(door, server, "model/gone:production"))
    server.remove_version("model", "gone", "v0")
    with pytest.raises(VersionNotFound):
        door.inspect(version)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.DENY, user="viewer", registry="model"),
        Fault(kind=FaultKind.STATUS, status=403, operation="download"),
    ],
    ids=["by the registry", "by the storage"],
)
def test_a_manifest_that_may_not_be_read_is_a_refusal(
    server: RunningRegistry, door: WandbRegistry, fault: Fault
) -> None:
    server.seed_version(collection="refused", files={"m": b"0"}, aliases=["production"])
    version = found(ask_one(door, server, "model/refused:production"))
    server.faults.add(fault)
    with pytest.raises(AccessDenied) as raised:
        door.inspect(version)
    assert_tells_no_secret(raised.value, server)
    # What the client's refused download holds open goes with the traceback: here, not in a later test.
    del raised
    gc.collect()
