"""Images of single programs: found by bare name, with a place to write, and written once."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lockgate_sandbox.tool_images import image_of


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that the user has named, so that nothing is built; and a fresh cache."""
    monkeypatch.setenv("LOCKGATE_SANDBOX_BINARIES", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "pause").write_text("program")
    (tmp_path / "pause").chmod(0o755)
    return tmp_path / "pause"


def read(archive: Path) -> tuple[list[str], dict[str, Any], dict[str, tuple[int, bytes]]]:
    """The image's names, its configuration, and the modes and contents of its one layer."""
    with tarfile.open(archive) as tar:

        def blob(digest: str) -> bytes:
            content = tar.extractfile(f"blobs/{digest.replace(':', '/')}")
            assert content
            return content.read()

        index = json.load(tar.extractfile("index.json") or io.BytesIO())
        names = [entry["annotations"]["io.containerd.image.name"] for entry in index["manifests"]]
        manifest = json.loads(blob(index["manifests"][0]["digest"]))
        (layer,) = manifest["layers"]
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob(layer["digest"])))) as files:
            content = {
                entry.name: (entry.mode, (files.extractfile(entry) or io.BytesIO()).read())
                if entry.isfile()
                else (entry.mode, b"")
                for entry in files
            }
        return names, json.loads(blob(manifest["config"]["digest"]))["config"], content


def test_an_image_is_the_program_found_by_its_name_and_a_place_to_write(program: Path) -> None:
    image = image_of("pause")
    names, config, content = read(image.archive)
    assert names == [image.tag] == [image.reference]
    assert image.tag.startswith("localhost/lockgate/pause:")
    assert config["Entrypoint"] == ["/pause"]
    assert config["Env"] == ["PATH=/"]
    assert content == {"pause": (0o755, b"program"), "tmp": (0o1777, b"")}


def test_an_image_is_written_once_and_anew_for_another_program(program: Path) -> None:
    first = image_of("pause")
    first.archive.write_text("as it was")
    assert image_of("pause") == first
    assert first.archive.read_text() == "as it was"
    program.write_text("another program")
    second = image_of("pause")
    assert second.tag != first.tag
    assert read(second.archive)[2]["pause"][1] == b"another program"
    assert sorted(path.suffix for path in second.archive.parent.glob("pause-*")) == [".tar", ".tar"]
