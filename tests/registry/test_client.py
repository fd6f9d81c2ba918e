"""The unmodified client against the server: one sidecar for the module, one collection for each test."""

import gc
import os
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate_sandbox.registry.faults import Fault, FaultKind
from lockgate_sandbox.registry.running import RunningRegistry, start_registry

wandb = pytest.importorskip("wandb")

# After an answer of 404 the client leaves its connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module")
def harbor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    scratch = tmp_path_factory.mktemp("client")
    before = dict(os.environ)
    with start_registry() as running:
        os.environ.update(running.client_environment(scratch))
        try:
            yield running
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wandb.teardown()
                gc.collect()
            os.environ.clear()
            os.environ.update(before)


@pytest.fixture(scope="module")
def api_of(harbor: RunningRegistry) -> Callable[[str], Any]:
    known: dict[str, Any] = {}

    def api(user: str = "admin") -> Any:
        if user not in known:
            known[user] = wandb.Api(api_key=harbor.keys[user], overrides={"base_url": harbor.url}, timeout=15)
        return known[user]

    return api


@pytest.fixture
def api(api_of: Callable[[str], Any], harbor: RunningRegistry) -> Iterator[Any]:
    yield api_of("admin")
    harbor.faults.clear()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A collection of this test's own."""
    return str(request.node.name).removeprefix("test_")[:60]


def path(name: str, alias: str) -> str:
    return f"wandb-registry-model/{name}:{alias}"


def test_a_version_is_logged_linked_and_used(
    harbor: RunningRegistry, api: Any, name: str, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"weights")
    artifact = wandb.Artifact(name, "model", metadata={"accuracy": 0.9})
    artifact.add_file(str(tmp_path / "model.onnx"))
    with wandb.init(project="training", settings=wandb.Settings(console="off")) as run:
        run.log_artifact(artifact).wait()
        linked = run.link_artifact(artifact, f"wandb-registry-model/{name}", aliases=["production"])
        run.use_artifact(path(name, "production"))
    found = api.artifact(path(name, "production"))
    assert (linked.version, found.version, found.digest) == ("v0", "v0", artifact.digest)
    assert found.metadata == {"accuracy": 0.9}
    assert set(found.aliases) == {"latest", "production"}
    assert found.qualified_name == f"{harbor.organization.entity}/{path(name, 'production')}"
    assert found.logged_by().id == run.id
    assert [user.id for user in found.used_by()] == [run.id]


def test_an_alias_moved_by_the_client_answers_with_the_new_version(
    harbor: RunningRegistry, api: Any, name: str
) -> None:
    harbor.seed_version(collection=name, files={"a": b"1"}, aliases=["production"])
    second = harbor.seed_version(collection=name, files={"a": b"2"})
    artifact = api.artifact(path(name, "v1"))
    artifact.aliases.append("production")
    artifact.save()
    assert api.artifact(path(name, "production")).digest == second.digest
    assert api.artifact(path(name, "v0")).aliases == []


def test_a_removed_alias_is_not_found(harbor: RunningRegistry, api: Any, name: str) -> None:
    harbor.seed_version(collection=name, files={"a": b"1"}, aliases=["production"])
    artifact = api.artifact(path(name, "production"))
    artifact.aliases.remove("production")
    artifact.save()
    with pytest.raises(wandb.errors.CommError, match="not found") as caught:
        api.artifact(path(name, "production"))
    assert isinstance(caught.value.exc, ValueError)


def test_a_member_may_not_move_a_protected_alias_but_an_admin_may(
    harbor: RunningRegistry, api: Any, api_of: Callable[[str], Any], name: str
) -> None:
    harbor.protect_aliases("model", "locked")
    harbor.seed_version(collection=name, files={"a": b"1"})
    artifact = api_of("member").artifact(path(name, "v0"))
    artifact.aliases.append("locked")
    with pytest.raises(wandb.errors.CommError, match="permission"):
        artifact.save()
    assert "locked" not in harbor.aliases("model", name)
    artifact = api.artifact(path(name, "v0"))
    artifact.aliases.append("locked")
    artifact.save()
    assert harbor.aliases("model", name)["locked"] == "v0"


def test_the_client_finds_the_organization_and_its_registry(harbor: RunningRegistry, api: Any) -> None:
    assert api.organization().name == harbor.organization.name
    registry = api.registry("model")
    assert (registry.name, registry.organization) == ("model", harbor.organization.name)


def log(name: str, file: Path, **settings: Any) -> Any:
    """One version, logged and linked as a person would."""
    file.write_bytes(name.encode())
    artifact = wandb.Artifact(name, "model")
    artifact.add_file(str(file))
    with wandb.init(project="training", settings=wandb.Settings(console="off"), **settings) as run:
        run.log_artifact(artifact).wait()
        run.link_artifact(artifact, f"wandb-registry-model/{name}")
    return artifact


def test_what_is_linked_lives_for_ever(api: Any, name: str, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"1")
    artifact = wandb.Artifact(name, "model")
    artifact.ttl = timedelta(days=5)
    artifact.add_file(str(tmp_path / "m"))
    with wandb.init(project="training", settings=wandb.Settings(console="off")) as run:
        run.log_artifact(artifact).wait()
        assert api.artifact(f"training/{name}:v0").ttl == timedelta(days=5)
        run.link_artifact(artifact, f"wandb-registry-model/{name}")
    assert api.artifact(path(name, "v0")).ttl is None
    assert api.artifact(f"training/{name}:v0").ttl is None


def test_what_a_person_logged_for_herself_cannot_be_linked(
    harbor: RunningRegistry, api: Any, name: str, tmp_path: Path
) -> None:
    with pytest.raises(wandb.errors.CommError, match="team"):
        log(name, tmp_path / "m", entity="admin")
    assert name not in [collection.name for collection in api.registry("model").collections()]


def test_nobody_deletes_what_a_protected_alias_points_to(
    harbor: RunningRegistry, api: Any, name: str, tmp_path: Path
) -> None:
    harbor.protect_aliases("model", "kept")
    log(name, tmp_path / "m")
    linked = api.artifact(path(name, "v0"))
    linked.aliases.append("kept")
    linked.save()
    with pytest.raises(wandb.errors.CommError, match="permission"):
        api.artifact(f"training/{name}:v0").delete(delete_aliases=True)
    linked.aliases.remove("kept")
    linked.save()
    api.artifact(f"training/{name}:v0").delete(delete_aliases=True)
    with pytest.raises(wandb.errors.CommError, match="not found"):
        api.artifact(path(name, "v0"))


def test_a_download_is_what_was_seeded(harbor: RunningRegistry, api: Any, name: str, tmp_path: Path) -> None:
    harbor.seed_version(collection=name, files={"model.onnx": b"weights", "deep/labels.txt": b"a\nb"})
    artifact = api.artifact(path(name, "latest"))
    root = Path(artifact.download(root=str(tmp_path / "out"), skip_cache=True))
    artifact.verify(str(root))
    assert (root / "deep/labels.txt").read_bytes() == b"a\nb"
    assert artifact.manifest.digest() == artifact.digest
    assert sorted(file.name for file in artifact.files()) == ["deep/labels.txt", "model.onnx"]


def test_corrupt_bytes_of_the_same_size_are_found_by_verify(
    harbor: RunningRegistry, api: Any, name: str, tmp_path: Path
) -> None:
    harbor.seed_version(collection=name, files={"model.onnx": b"good weights", "other": b"fine"})
    harbor.faults.add(Fault(kind=FaultKind.CORRUPT, collection=name, file="model.onnx"))
    artifact = api.artifact(path(name, "latest"))
    root = Path(artifact.download(root=str(tmp_path / "out"), skip_cache=True))
    assert (root / "model.onnx").stat().st_size == len(b"good weights")
    assert (root / "other").read_bytes() == b"fine"
    with pytest.raises(ValueError, match="Digest mismatch"):
        artifact.verify(str(root))


def test_a_missing_file_fails_the_download(
    harbor: RunningRegistry, api: Any, name: str, tmp_path: Path
) -> None:
    harbor.seed_version(collection=name, files={"model.onnx": b"good weights of " + name.encode()})
    harbor.faults.add(Fault(kind=FaultKind.MISSING_FILE, collection=name, file="model.onnx"))
    artifact = api.artifact(path(name, "latest"))
    with pytest.raises(Exception, match="404"):
        artifact.download(root=str(tmp_path / "out"), skip_cache=True)


def test_a_file_missing_at_its_signed_address_comes_from_the_direct_one(
    harbor: RunningRegistry, api: Any, name: str, tmp_path: Path
) -> None:
    harbor.seed_version(collection=name, files={"model.onnx": b"weights of " + name.encode()})
    harbor.faults.add(Fault(kind=FaultKind.MISSING_FILE, collection=name, file="model.onnx", count=1))
    artifact = api.artifact(path(name, "latest"))
    root = Path(artifact.download(root=str(tmp_path / "out"), skip_cache=True))
    artifact.verify(str(root))


def test_tags_and_metadata_are_kept(harbor: RunningRegistry, api: Any, name: str) -> None:
    harbor.seed_version(collection=name, files={"a": b"1"}, metadata={"owner": "growth"}, tags=["blue"])
    artifact = api.artifact(path(name, "latest"))
    assert (artifact.metadata, artifact.tags) == ({"owner": "growth"}, ["blue"])
    artifact.metadata["approved"] = True
    artifact.tags.append("green")
    artifact.save()
    fresh = api.artifact(path(name, "latest"))
    assert (fresh.metadata, sorted(fresh.tags)) == ({"owner": "growth", "approved": True}, ["blue", "green"])


def test_a_denied_registry_is_a_refusal_and_a_hidden_one_is_missing(
    harbor: RunningRegistry, api: Any, api_of: Callable[[str], Any], name: str
) -> None:
    harbor.seed_version(collection=name, files={"a": b"1"})
    viewer = api_of("viewer")
    assert viewer.artifact(path(name, "latest")).version == "v0"
    harbor.faults.replace([Fault(kind=FaultKind.DENY, user="viewer", registry="model")])
    with pytest.raises(wandb.errors.CommError) as caught:
        viewer.artifact(path(name, "latest"))
    assert caught.value.exc.response.http_status == 403
    assert api.artifact(path(name, "latest")).version == "v0"
    harbor.faults.replace([Fault(kind=FaultKind.DENY, user="viewer", registry="model", hidden=True)])
    with pytest.raises(wandb.errors.CommError) as caught:
        viewer.artifact(path(name, "latest"))
    assert isinstance(caught.value.exc, ValueError)


def test_one_query_resolves_many_aliases_and_missing_ones_are_null(
    harbor: RunningRegistry, api: Any, name: str
) -> None:
    harbor.seed_version(collection=name, files={"a": b"1"}, aliases=["production"])
    harbor.seed_version(collection=name, files={"a": b"2"})
    wanted = {
        "a0": f"{name}:production",
        "a1": f"{name}:gone",
        "a2": "nothing:production",
        "a3": f"{name}:v1",
    }
    fields = " ".join(
        f"{key}: artifactCollectionMembership(name: ${key}) {{ versionIndex artifact {{ id digest }} }}"
        for key in wanted
    )
    variables = ", ".join(f"${key}: String!" for key in wanted)
    query = (
        f"query Batch($e: String!, $p: String!, {variables})"
        f" {{ project(name: $p, entityName: $e) {{ {fields} }} }}"
    )
    harbor.requests.clear()
    place = {"e": harbor.organization.entity, "p": "wandb-registry-model"}
    answer = api._service_api.execute_graphql(query, variables=place | wanted)["project"]
    assert (answer["a0"]["versionIndex"], answer["a3"]["versionIndex"]) == (0, 1)
    assert (answer["a1"], answer["a2"]) == (None, None)
    assert (harbor.requests.totals().graphql, harbor.requests.totals().lookups) == (1, 4)


def test_lists_show_registries_collections_and_filtered_versions(
    harbor: RunningRegistry, api: Any, name: str
) -> None:
    harbor.seed_version(collection=name, files={"a": b"1"}, aliases=["staging"], metadata={"tier": 1})
    harbor.seed_version(collection=name, files={"a": b"2"}, metadata={"tier": 2})
    assert sorted(found.name for found in api.registries()) == ["dataset", "model"]
    collections = api.registries(filter={"name": "model"}).collections(filter={"name": name})
    assert [found.name for found in collections] == [name]
    by_alias = collections.versions(filter={"alias": {"$in": ["staging"]}})
    assert [found.version for found in by_alias] == ["v0"]
    by_metadata = collections.versions(filter={"metadata.tier": {"$gte": 2}})
    assert [found.version for found in by_metadata] == ["v1"]
    assert len(api.artifacts("model", f"wandb-registry-model/{name}")) == 2


def test_a_version_linked_elsewhere_keeps_its_source_and_is_unlinked_alone(
    harbor: RunningRegistry, api: Any, name: str
) -> None:
    harbor.seed_version(collection=f"{name}-other", files={"a": b"0"})
    harbor.seed_version(collection=name, files={"a": b"1"})
    source = api.artifact(path(name, "v0"))
    linked = source.link(f"wandb-registry-model/{name}-other", aliases=["copy"])
    assert (linked.version, linked.source_version, linked.digest) == ("v1", "v0", source.digest)
    linked.unlink()
    assert harbor.aliases("model", f"{name}-other") == {"latest": "v0"}
    assert api.artifact(path(name, "v0")).digest == source.digest


def test_a_wrong_answer_in_html_and_a_throttled_request_reach_the_client_as_in_life(
    harbor: RunningRegistry, api: Any, name: str
) -> None:
    harbor.seed_version(collection=name, files={"a": b"1"})
    api.artifact(path(name, "latest"))
    harbor.faults.add(Fault(kind=FaultKind.STATUS, status=429, retry_after=0, count=1))
    harbor.requests.clear()
    assert api.artifact(path(name, "latest")).version == "v0"
    assert [record.status for record in harbor.requests.records()] == [429, 200]
    harbor.faults.add(Fault(kind=FaultKind.HTML, operation="ArtifactMembershipByName"))
    with pytest.raises(wandb.errors.CommError):
        api.artifact(path(name, "latest"))
