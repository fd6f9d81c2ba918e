"""A registry behind HTTPS, asked by the operator: both halves of the client trust whom they are told to."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fetch.program import FetchProgram

from lockgate.errors import RegistryUntrusted
from lockgate.registries.wandb.environment import isolate_environment
from lockgate_sandbox.pki import Authority
from lockgate_sandbox.registry.running import RunningRegistry, start_registry

pytestmark = pytest.mark.integration

# A process of its own: what the client trusts is settled when it starts.
PROGRAM = """
import sys, time
from pathlib import Path
from lockgate.domain.version import Alias, Reference, Version
from lockgate.errors import LockgateError
from lockgate.registries.wandb.registry import WandbRegistry

url, key, bundle, *later = sys.argv[1:]
bundle = Path(bundle) if bundle else None
registry = WandbRegistry(base_url=url, api_key_file=Path(key), timeout=15, ca_bundle=bundle)
reference = Reference(registry="model", collection="churn", wanted=Alias("production"))

def ask():
    found = registry.look_up([reference])[reference]
    if isinstance(found, Version):
        print(found.number, *sorted(registry.inspect(found).suffixes))
    else:
        print(found.reason, found.message)

ask()
for path in later:
    bundle.write_bytes(Path(path).read_bytes())
    ask()
registry.close()
"""


@pytest.fixture
def behind_https(tmp_path: Path) -> Iterator[FetchProgram]:
    with start_registry(tmp_path / "registry", tls=True) as registry:
        registry.seed_version(files={"model.onnx": b"1"}, aliases=["production"])
        yield FetchProgram(registry, tmp_path)


def asked(site: FetchProgram, *arguments: Path | str) -> list[str]:
    """What each question brought, a line each."""
    words = [str(word) for word in (site.registry.url, site.key_file, *arguments)]
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env=site.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def authority_of(registry: RunningRegistry) -> Path:
    assert registry.authority is not None
    return registry.authority


def test_aliases_and_manifests_are_read_when_the_authority_is_given(behind_https: FetchProgram) -> None:
    assert asked(behind_https, authority_of(behind_https.registry)) == ["v0 .onnx"]


def test_a_registry_that_nobody_vouches_for_is_no_outage(behind_https: FetchProgram) -> None:
    (line,) = asked(behind_https, "")
    assert line.startswith("RegistryUntrusted ")
    assert "registry's caBundle in the chart" in line


def test_a_bundle_that_is_not_there_is_told_in_one_sentence(behind_https: FetchProgram) -> None:
    (line,) = asked(behind_https, "/nowhere/ca.crt")
    assert line.startswith("RegistryUntrusted ")
    assert "no CA bundle at /nowhere/ca.crt" in line


def test_a_bundle_that_changes_is_taken_up_without_a_restart(
    behind_https: FetchProgram, tmp_path: Path
) -> None:
    bundle, other = tmp_path / "bundle.crt", tmp_path / "other.crt"
    other.write_bytes(Authority.create().pair.certificate)
    bundle.write_bytes(other.read_bytes())
    authority = authority_of(behind_https.registry)
    first, second, third = asked(behind_https, bundle, authority, other)
    assert first.startswith("RegistryUntrusted ")
    assert second == "v0 .onnx"
    assert third.startswith("RegistryUntrusted ")


@pytest.fixture
def kept_environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def subjects(path: str) -> int:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    return context.cert_store_stats()["x509_ca"]


@pytest.mark.usefixtures("kept_environment")
def test_what_is_given_is_trusted_beside_the_system_and_not_instead_of_it(tmp_path: Path) -> None:
    import certifi

    extra = tmp_path / "extra.crt"
    extra.write_bytes(Authority.create().pair.certificate)
    for _ in range(2):  # a second time must not gather what the first has made
        isolate_environment(extra)
        made = os.environ["SSL_CERT_FILE"]
        assert os.environ["REQUESTS_CA_BUNDLE"] == made
        assert subjects(made) > subjects(certifi.where())
    assert Path(made).read_text().count(extra.read_text().strip()) == 1


@pytest.mark.usefixtures("kept_environment")
def test_without_a_bundle_nobody_is_trusted_who_was_not_before() -> None:
    before = {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")}
    isolate_environment(None)
    assert {name: os.environ.get(name) for name in before} == before


@pytest.mark.usefixtures("kept_environment")
def test_a_private_key_in_the_bundle_is_no_certificate(tmp_path: Path) -> None:
    text = tmp_path / "key.pem"
    text.write_bytes(Authority.create().pair.key)
    with pytest.raises(RegistryUntrusted, match="no usable certificates"):
        isolate_environment(text)
