"""Where the registry is reached through a proxy alone: its name means nothing on this machine."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.fetch.program import FetchProgram
from tests.fetch.way_out import WayOut

from lockgate_sandbox.registry.running import start_registry
from lockgate_sandbox.registry.seeding import SeededVersion
from lockgate_sandbox.registry.tls import ensure_certificates

pytestmark = pytest.mark.integration
HOST = "registry.invalid"
FILES = {"model.onnx": b"weights"}
LOOK_UP = """
import sys
from pathlib import Path
from lockgate.domain.version import Alias, Reference
from lockgate.registries.wandb.registry import WandbRegistry

url, key, bundle = sys.argv[1:]
registry = WandbRegistry(base_url=url, api_key_file=Path(key), timeout=15, ca_bundle=Path(bundle))
reference = Reference(registry="model", collection="churn", wanted=Alias("production"))
found = registry.look_up([reference])[reference]
print(getattr(found, "number", found))
print(*sorted(registry.inspect(found).suffixes))
registry.close()
"""


@pytest.fixture
def way_out() -> Iterator[WayOut]:
    with WayOut() as proxy:
        yield proxy


@pytest.fixture
def program(tmp_path: Path) -> Iterator[FetchProgram]:
    ensure_certificates(tmp_path / "registry" / "tls", [HOST])
    with start_registry(tmp_path / "registry", tls=True) as registry:
        yield FetchProgram(registry, tmp_path)


@pytest.fixture
def version(program: FetchProgram) -> SeededVersion:
    return program.registry.seed_version(files=FILES, aliases=["production"])


def address(program: FetchProgram) -> str:
    return f"https://{HOST}:{urlsplit(program.registry.url).port}"


def through(way_out: WayOut) -> dict[str, str]:
    return {"HTTPS_PROXY": way_out.url, "HTTP_PROXY": "", "NO_PROXY": "127.0.0.1,localhost"}


def test_a_version_is_fetched_through_the_proxy(
    program: FetchProgram, version: SeededVersion, way_out: WayOut
) -> None:
    ended = program.end(
        program.start(
            version,
            f"--ca-bundle={program.registry.authority}",
            f"--base-url={address(program)}",
            variables=through(way_out),
        )
    )
    assert (ended.code, program.files()) == (0, FILES), ended.log
    assert {target.partition(":")[0] for target in way_out.asked} == {HOST}


def test_aliases_and_manifests_are_read_through_the_proxy(
    program: FetchProgram, version: SeededVersion, way_out: WayOut
) -> None:
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            LOOK_UP,
            address(program),
            str(program.key_file),
            str(program.registry.authority),
        ],
        env=program.environment(through(way_out)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout.split() == [version.version, ".onnx"], ended.stderr
    assert {target.partition(":")[0] for target in way_out.asked} == {HOST}


def test_without_the_proxy_it_is_an_outage_and_no_fault_of_the_version(
    program: FetchProgram, version: SeededVersion
) -> None:
    ended = program.fetch(
        version,
        f"--ca-bundle={program.registry.authority}",
        f"--base-url={address(program)}",
        "--deadline=20",
    )
    assert ended.code == 3, ended.log
    assert ended.outcome is not None
    assert ended.outcome.reason in ("RegistryUnavailable", "Deadline")
