"""An archive names its one image twice, so that pods can use it by digest without a registry."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from lockgate_sandbox.errors import SandboxError
from lockgate_sandbox.images.archive import archives, drop_old, read_archive, write_archive

TAG = "localhost/lockgate/thing:key"


def blob(layout: Path, content: bytes) -> dict[str, object]:
    digits = hashlib.sha256(content).hexdigest()
    path = layout / "blobs" / "sha256" / digits
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"mediaType": "some/type", "digest": f"sha256:{digits}", "size": len(content)}


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """An OCI layout as buildah writes it, with a blob of somebody else in it."""
    layout = tmp_path / "layout"
    manifest = {"schemaVersion": 2, "config": blob(layout, b"config"), "layers": [blob(layout, b"layer")]}
    blob(layout, b"foreign")
    entry = {
        **blob(layout, json.dumps(manifest).encode()),
        "annotations": {"org.opencontainers.image.ref.name": "image"},
    }
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return layout


def test_the_index_lists_the_manifest_by_digest_and_by_tag(layout: Path, tmp_path: Path) -> None:
    image = write_archive("thing", TAG, layout, tmp_path / "thing.tar")
    with tarfile.open(image.archive) as tar:
        names = tar.getnames()
        index = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type]
    digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    assert {entry["digest"] for entry in index["manifests"]} == {digest}
    assert {entry["annotations"]["io.containerd.image.name"] for entry in index["manifests"]} == {
        f"localhost/lockgate/thing@{digest}",
        TAG,
    }
    wanted = {hashlib.sha256(content).hexdigest() for content in (b"config", b"layer")} | {
        digest.partition(":")[2]
    }
    assert {name.rpartition("/")[2] for name in names if name.startswith("blobs/")} == wanted


def test_an_archive_is_read_back_as_the_image_that_was_written(layout: Path, tmp_path: Path) -> None:
    image = write_archive("thing", TAG, layout, tmp_path / "thing.tar")
    assert read_archive("thing", image.archive) == image


def test_a_write_that_fails_leaves_no_archive(layout: Path, tmp_path: Path) -> None:
    for path in (layout / "blobs" / "sha256").iterdir():
        if path.read_bytes() == b"layer":
            path.unlink()
    with pytest.raises(FileNotFoundError):
        write_archive("thing", TAG, layout, tmp_path / "thing.tar")
    assert not (tmp_path / "thing.tar").exists()


@pytest.mark.parametrize("content", [b"", b"no archive at all"])
def test_a_file_that_is_no_archive_of_ours_is_told_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.tar"
    path.write_bytes(content)
    with pytest.raises(SandboxError, match=r"broken\.tar is not an image archive"):
        read_archive("broken", path)


def test_only_the_newest_archives_of_an_image_are_kept_and_those_of_others_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    archives().mkdir(parents=True)
    keys = [f"{number:016x}" for number in range(5)]
    for age, key in enumerate(keys):
        for name in (f"envoy-{key}.tar", f"envoy-gateway-{key}.tar"):
            (archives() / name).touch()
            os.utime(archives() / name, (1000 - age, 1000 - age))
    halves = (f".envoy-{keys[0]}.tar.4711", f".envoy-gateway-{keys[0]}.tar.4712")
    for name in halves:
        (archives() / name).touch()
    drop_old("envoy")
    kept = {path.name for path in archives().iterdir()}
    others = {f"envoy-gateway-{key}.tar" for key in keys}
    assert kept == {f"envoy-{key}.tar" for key in keys[:3]} | others | {halves[1]}
