"""The rules of versions and aliases, and what a killed server leaves behind."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate_sandbox.registry import artifacts
from lockgate_sandbox.registry.blobs import Blobs, md5_base64, md5_hex
from lockgate_sandbox.registry.errors import Conflict, Invalid, Missing
from lockgate_sandbox.registry.graph.filters import dotted, matches
from lockgate_sandbox.registry.identity import parse_user, read_users
from lockgate_sandbox.registry.rows import Artifact, local_id
from lockgate_sandbox.registry.seeding import Seeding
from lockgate_sandbox.registry.store import open_store

KEY = "k" * 40


@pytest.fixture
def seeding(tmp_path: Path) -> Iterator[Seeding]:
    store = open_store(tmp_path)
    yield Seeding(store)
    store.close()


def test_an_alias_is_on_one_version_at_a_time(seeding: Seeding) -> None:
    seeding.seed_version(files={"a": b"1"}, aliases=["production"])
    seeding.seed_version(files={"a": b"2"}, aliases=["production"])
    assert seeding.aliases("model", "churn") == {"production": "v1", "latest": "v1"}


def test_the_same_files_again_are_the_same_version(seeding: Seeding) -> None:
    first = seeding.seed_version(files={"a": b"1"})
    again = seeding.seed_version(files={"a": b"1"}, aliases=["production"])
    assert again == first
    assert seeding.aliases("model", "churn") == {"latest": "v0", "production": "v0"}


def test_a_version_number_is_never_given_twice(seeding: Seeding) -> None:
    seeding.seed_version(files={"a": b"1"})
    seeding.seed_version(files={"a": b"2"})
    seeding.remove_version("model", "churn", "v1")
    assert seeding.aliases("model", "churn") == {"latest": "v0"}
    assert seeding.seed_version(files={"a": b"3"}).version == "v2"


def test_removing_an_alias_that_is_not_there_is_an_error(seeding: Seeding) -> None:
    seeding.seed_version(files={"a": b"1"})
    with pytest.raises(Missing, match="production"):
        seeding.remove_alias("model", "churn", "production")


@pytest.mark.parametrize("alias", ["v3", "a/b", "a:b", "", "x" * 129])
def test_what_cannot_be_an_alias_is_refused(seeding: Seeding, alias: str) -> None:
    with pytest.raises(Invalid, match="alias"):
        seeding.seed_version(files={"a": b"1"}, aliases=[alias])


def test_a_refused_seeding_leaves_nothing_behind(seeding: Seeding) -> None:
    with pytest.raises(Invalid):
        seeding.seed_version(files={"a": b"1"}, aliases=["v3"])
    assert seeding.store.db.all(Artifact) == []


def test_a_pending_artifact_cannot_be_committed_without_its_files(seeding: Seeding) -> None:
    pending = seeding.seed_version(files={"a": b"1"}, pending=True)
    artifact = seeding.store.db.get(Artifact, local_id("Artifact", pending.artifact_id))
    with pytest.raises(Invalid, match="manifest"):
        artifacts.commit(seeding.store, artifact)


def test_a_collection_takes_one_type_of_artifact(seeding: Seeding) -> None:
    seeding.seed_version(files={"a": b"1"})
    with pytest.raises(Conflict, match="type"):
        seeding.seed_version(files={"a": b"2"}, artifact_type="dataset")


def test_an_upload_that_is_not_what_was_promised_leaves_nothing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    target = blobs.content(md5_hex(md5_base64(b"good")))
    with pytest.raises(Invalid, match="MD5"), blobs.writing(target, target.name) as upload:
        upload.write(b"evil")
    assert not target.exists()
    assert list((tmp_path / "partial").iterdir()) == []


def test_left_over_halves_of_uploads_are_swept_at_the_start(tmp_path: Path) -> None:
    Blobs(tmp_path)
    (tmp_path / "partial" / "half").write_bytes(b"ha")
    Blobs(tmp_path)
    assert list((tmp_path / "partial").iterdir()) == []


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ({}, True),
        ({"alias": "a"}, True),
        ({"alias": {"$in": ["x", "b"]}}, True),
        ({"alias": {"$nin": ["a"]}}, False),
        ({"$or": [{"alias": "x"}, {"n": {"$gt": 1}}]}, True),
        ({"n": {"$gt": "1"}}, False),
        ({"$nor": [{"n": 2}]}, False),
        ({"gone": {"$exists": False}}, True),
        ({"alias": {"$regex": "^b$"}}, True),
    ],
)
def test_filters_select(wanted: dict[str, object], holds: bool) -> None:
    held: dict[str, list[object]] = {"alias": ["a", "b"], "n": [2]}
    assert matches(wanted, lambda key: held.get(key, [])) is holds


def test_an_unknown_filter_operator_is_refused_and_metadata_is_found_by_its_path() -> None:
    with pytest.raises(Invalid, match="near"):
        matches({"n": {"$near": 1}}, lambda key: [1])
    assert (dotted({"a": {"b": 1}}, "a.b"), dotted({"a": 1}, "a.b")) == ([1], [])


@pytest.mark.parametrize("text", ["ada", "ada:short:admin", f"ada:{KEY}:captain", f":{KEY}:admin"])
def test_a_user_that_cannot_be_read_is_refused_without_its_key(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_user(text)
    assert KEY not in str(caught.value)
    assert "short:" not in str(caught.value)


def test_two_users_of_one_key_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_REGISTRY_USERS", f"ada:{KEY}:admin,bob:{KEY}:viewer")
    with pytest.raises(Invalid, match="bob"):
        read_users()


def serve(data_dir: Path) -> tuple[subprocess.Popen[str], str]:
    """A server in a process of its own, and its address."""
    command = [
        sys.executable,
        "-m",
        "lockgate_sandbox.registry",
        "serve",
        "--data-dir",
        str(data_dir),
        "--port",
        "0",
    ]
    package_root = str(Path(artifacts.__file__).parents[2])
    environment = os.environ | {"LOCKGATE_REGISTRY_USERS": f"ada:{KEY}:admin", "PYTHONPATH": package_root}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on "), line
    assert KEY not in line
    return process, line.split()[2]


def ask(url: str, path: str, document: object, method: str = "POST") -> object:
    request = urllib.request.Request(f"{url}{path}", json.dumps(document).encode(), method=method)
    request.add_header("Authorization", f"Bearer {KEY}")
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def test_a_killed_server_keeps_everything_it_acknowledged(tmp_path: Path) -> None:
    process, url = serve(tmp_path)
    try:
        with process:
            create = 'mutation { upsertBucket(input: {name: "r%d", modelName: "training"}) { inserted } }'
            for number in range(5):
                ask(url, "/graphql", {"query": create % number})
            ask(url, "/_sandbox/protected-aliases", {"registry": "model", "aliases": ["production"]}, "PUT")
            process.send_signal(signal.SIGKILL)
        process, url = serve(tmp_path)
        with process:
            count = ask(url, "/graphql", {"query": '{ project(name: "training") { runCount } }'})
            assert count == {"data": {"project": {"runCount": 5}}}
            process.send_signal(signal.SIGTERM)
        assert process.returncode == 0
    finally:
        process.kill()
