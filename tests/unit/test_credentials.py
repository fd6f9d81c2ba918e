"""TLS follows its files: an authority that is rotated under a running operator is trusted."""

import os
import ssl
from pathlib import Path

import pytest
from kubernetes import client

from lockgate.kube import credentials as module
from lockgate.kube.credentials import Credentials
from lockgate_sandbox.pki import Authority


@pytest.fixture
def authority_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the authority is mounted; every call of `refresh` looks at it."""
    monkeypatch.setattr(module, "LOOK_SECONDS", -1.0)
    path = tmp_path / "ca.crt"
    path.write_bytes(Authority.create().pair.certificate)
    return path


def credentials(path: Path) -> Credentials:
    configuration = client.Configuration()
    configuration.host = "https://127.0.0.1:1"
    configuration.ssl_ca_cert = str(path)
    return Credentials(configuration)


def trusts(context: ssl.SSLContext) -> int:
    return context.cert_store_stats()["x509"]


def rotate(path: Path, content: bytes, second: int) -> None:
    path.write_bytes(content)
    stamp = path.stat().st_mtime_ns + second * 10**9

    os.utime(path, ns=(stamp, stamp))


def test_an_authority_that_is_rotated_is_trusted_by_sessions_that_are_open(authority_file: Path):
    known = credentials(authority_file)
    context = known.ssl_context()
    known.refresh()
    assert trusts(context) == 1
    rotate(authority_file, Authority.create().pair.certificate, 5)
    known.refresh()
    assert trusts(context) == 2


def test_a_half_written_authority_is_read_again_when_it_is_whole(authority_file: Path):
    known = credentials(authority_file)
    context = known.ssl_context()
    whole = Authority.create().pair.certificate
    rotate(authority_file, whole[:100], 5)
    known.refresh()
    assert trusts(context) == 1
    rotate(authority_file, whole, 10)
    known.refresh()
    assert trusts(context) == 2
