"""Reading a manifest costs the operator little, whatever it is: it comes from whoever logs a model."""

import gzip
import http.server
import json
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.builders import version

from lockgate.errors import (
    AccessDenied,
    ArtifactRejected,
    DigestChanged,
    LockgateError,
    RegistryUnavailable,
    VersionNotFound,
)
from lockgate.registries.wandb.http import Limits
from lockgate.registries.wandb.manifests import (
    MOST_BYTES,
    MOST_FILES,
    address_of,
    check_count,
    read_manifest,
    sum_up,
)

V1 = version(1)
DIGEST = f"{1:032x}"
MIB = 2**20


def manifest(files: int) -> bytes:
    entry = {"digest": "AAAAAAAAAAAAAAAAAAAAAA==", "size": 1, "birthArtifactID": "QXJ0aWZhY3Q6MTIzNA=="}
    return json.dumps({"version": 1, "contents": {f"d/{n:07}.onnx": entry for n in range(files)}}).encode()


def bomb(mib: int) -> bytes:
    """So much of nothing, packed; nobody should come to its end, so it has none."""
    packer, piece = zlib.compressobj(9, zlib.DEFLATED, 31), zlib.compressobj(9, zlib.DEFLATED, -15)
    begin = packer.compress(b'{"version": 1, "contents": {}') + packer.flush(zlib.Z_FULL_FLUSH)
    return begin + (piece.compress(b" " * MIB) + piece.flush(zlib.Z_FULL_FLUSH)) * mib


BOMB, SMALL_BOMB = bomb(300), bomb(2 * MOST_BYTES // MIB)


class Storage(http.server.ThreadingHTTPServer):
    """Answers every address with what the test put there."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.go = threading.Event()

    def put(self, path: str, body: bytes, *, status: int = 200, **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.bodies[path] = (status, named, body)
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Storage

    def do_GET(self) -> None:
        if self.path == "/hangs":
            self.server.go.wait(30)
            return
        status, headers, body = self.server.bodies[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            if self.path == "/drips":
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    self.server.go.wait(0.02)
            self.wfile.write(body)
        except OSError:
            return

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    server = Storage()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.go.set()
    server.shutdown()
    thread.join(10)
    server.server_close()


def read(url: str, *, seconds: float = 20.0, **allowed: bool) -> Any:
    until = time.monotonic() + seconds
    limits = Limits(most=MOST_BYTES, until=until, **({"plain": True, "near": True} | allowed))
    return read_manifest(V1, url, limits)


def resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / MIB


def test_as_many_files_as_a_model_may_have_are_summed_up(storage):
    contents = read(storage.put("/full", manifest(MOST_FILES)))
    assert (contents.files, contents.size, contents.suffixes) == (MOST_FILES, MOST_FILES, {".onnx"})


def test_a_manifest_may_be_packed(storage):
    url = storage.put("/packed", gzip.compress(manifest(3)), Content_Encoding="gzip")
    assert read(url).files == 3


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (manifest(MOST_FILES + 1), {}),
        (b" " * (MOST_BYTES + 1), {}),
        (BOMB, {"Content_Encoding": "gzip"}),
        (b'{"contents": {"a": [' + b"[]," * 200_000 + b"1]}}", {}),
        (json.dumps({"contents": {f"m.{n:x}": {"size": 1} for n in range(1000)}}).encode(), {}),
    ],
    ids=["too many files", "too many bytes", "a bomb", "nothing but brackets", "a thousand kinds of files"],
)
def test_what_no_model_needs_is_refused_for_good_and_costs_little(storage, body, headers):
    url, before = storage.put("/hostile", body, **headers), resident()
    with pytest.raises(ArtifactRejected) as raised:
        read(url)
    assert len(raised.value.message) < 300
    assert resident() - before < 100


def test_a_bomb_is_unpacked_no_further_than_a_manifest_may_go(storage):
    url = storage.put("/bomb", BOMB, Content_Encoding="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(ArtifactRejected):
            read(url)
        assert tracemalloc.get_traced_memory()[1] < 4 * MOST_BYTES
    finally:
        tracemalloc.stop()


def test_too_many_files_are_refused_before_the_manifest_is_read():
    artifact = {"digest": DIGEST, "fileCount": 200_000, "currentManifest": {"file": {"directUrl": "x"}}}
    with pytest.raises(ArtifactRejected, match="200000 files"):
        address_of(V1, {"project": {"artifactCollectionMembership": {"artifact": artifact}}})


@pytest.mark.parametrize("path", ["/hangs", "/drips"])
def test_a_store_that_hangs_is_given_up_in_time(storage, path):
    url = storage.put(path, manifest(100))
    with pytest.raises(RegistryUnavailable, match="in time"):
        read(url, seconds=0.3)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, AccessDenied), (401, AccessDenied), (404, RegistryUnavailable), (500, RegistryUnavailable)],
)
def test_a_refusal_is_told_from_an_outage(storage, status, kind):
    with pytest.raises(kind):
        read(storage.put("/no", b"no", status=status))


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[]", b'{"contents": 1}', b'{"contents": {"a": 1}}', b"[" * 5000]
)
def test_what_is_no_manifest_is_an_outage_and_never_an_empty_model(body):
    with pytest.raises(RegistryUnavailable):
        sum_up(V1, body)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://storage.example/m", {"plain": False}),
        ("https://169.254.169.254/latest", {}),
        ("http://169.254.169.254/latest", {"plain": True}),
        ("https://127.0.0.1:6443/api", {"near": False}),
        ("https://localhost/api", {"near": False}),
        ("https://[::1]/api", {"near": False}),
        ("file:///etc/passwd", {}),
    ],
)
def test_an_address_where_no_registry_keeps_files_is_not_followed(url, allowed):
    with pytest.raises(RegistryUnavailable, match="may not be followed") as raised:
        read(url, **({"plain": False} | allowed))
    assert url.partition("://")[2] not in raised.value.message


def test_a_store_may_send_on_but_not_to_where_no_registry_keeps_files(storage):
    there = storage.put("/there", manifest(2))
    assert read(storage.put("/on", b"", status=302, Location=there)).files == 2
    with pytest.raises(RegistryUnavailable, match="may not be followed"):
        read(storage.put("/away", b"", status=307, Location="http://169.254.169.254/latest"))
    with pytest.raises(RegistryUnavailable, match="from one address to the next"):
        read(storage.put("/round", b"", status=301, Location="/round"))


@pytest.mark.parametrize(
    ("artifact", "kind"),
    [
        (None, VersionNotFound),
        ({"digest": "0" * 32}, DigestChanged),
        ({"digest": DIGEST, "fileCount": 1}, type(None)),
        ({"digest": DIGEST, "currentManifest": {"file": None}}, RegistryUnavailable),
        ({"digest": 7}, RegistryUnavailable),
    ],
)
def test_every_answer_about_a_manifest_has_its_meaning(artifact, kind):
    try:
        told: object = address_of(V1, {"project": {"artifactCollectionMembership": {"artifact": artifact}}})
    except LockgateError as error:
        told = error
    assert type(told) is kind


def test_a_thousand_hostile_models_leave_the_memory_as_it_was(storage):
    hostile = [
        (storage.put("/bomb", SMALL_BOMB, Content_Encoding="gzip"), 20.0),
        (storage.put("/brackets", b'{"contents": ' + b"[]," * 400_000), 20.0),
        (storage.put("/many", manifest(MOST_FILES + 1)), 20.0),
        (storage.put("/hangs", b""), 0.01),
        (storage.put("/page", b"<html>" * 10_000), 20.0),
    ]

    def meet(number: int) -> None:
        if number % 2:
            url, seconds = hostile[number // 2 % len(hostile)]
            read(url, seconds=seconds)
        else:
            check_count(V1, 200_000)

    def attack(number: int) -> None:
        with pytest.raises(LockgateError):
            meet(number)

    for number in range(40):
        attack(number)
    before = resident()
    threads = threading.active_count()
    for number in range(1000):
        attack(number)
    assert resident() - before < 64
    assert threading.active_count() < threads + 300
