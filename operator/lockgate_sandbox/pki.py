"""Who may call whom: one certificate authority per world and the certificates it gives out.

Keys are P-256, made anew for every world and never older than it. This file only makes
certificates; it starts nothing and knows no server.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=30)
# A clock that runs a little behind in another process must not find the certificate "not yet valid".
_BACKDATED = datetime.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and its certificate, both PEM."""

    key: bytes
    certificate: bytes

    def write(self, directory: Path, name: str) -> None:
        """Store as NAME.key (private) and NAME.crt."""
        key_file = directory / f"{name}.key"
        key_file.touch(mode=0o600)
        key_file.write_bytes(self.key)
        (directory / f"{name}.crt").write_bytes(self.certificate)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _name(common_name: str, organizations: Sequence[str] = ()) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in organizations]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@dataclass(frozen=True, slots=True)
class Authority:
    """The one authority of a world; every certificate in it comes from here."""

    pair: KeyPair

    @classmethod
    def create(cls) -> Self:
        """A new authority with a key of its own."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("lockgate-sandbox")
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(KeyPair(_pem(key), certificate.public_bytes(serialization.Encoding.PEM)))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """The authority that was stored as ca.key and ca.crt."""
        return cls(KeyPair((directory / "ca.key").read_bytes(), (directory / "ca.crt").read_bytes()))

    def client(self, user: str, groups: Sequence[str] = ()) -> KeyPair:
        """A certificate by which the API server knows its caller as `user` in `groups`."""
        return self._issue(_name(user, groups), ExtendedKeyUsageOID.CLIENT_AUTH, ())

    def server(self, common_name: str, hosts: Sequence[str]) -> KeyPair:
        """A certificate for a server that is reached under each of `hosts` (names or addresses)."""
        return self._issue(_name(common_name), ExtendedKeyUsageOID.SERVER_AUTH, hosts)

    def _issue(self, subject: x509.Name, usage: x509.ObjectIdentifier, hosts: Sequence[str]) -> KeyPair:
        authority_key = serialization.load_pem_private_key(self.pair.key, password=None)
        assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
        issuer = x509.load_pem_x509_certificate(self.pair.certificate).subject
        key = ec.generate_private_key(ec.SECP256R1())
        # Python 3.13 and later refuse a chain without this identifier.
        authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
        builder = (
            _builder(subject, issuer, key.public_key())
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(authority_id, critical=False)
        )
        if hosts:
            names = x509.SubjectAlternativeName([_alternative_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(authority_key, hashes.SHA256())
        return KeyPair(_pem(key), certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
    )


def signing_key() -> tuple[bytes, bytes]:
    """A private key and its public half (PEM), for the signing of service-account tokens."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _pem(key), public


def signing_request(user: str, groups: Sequence[str] = ()) -> tuple[bytes, bytes]:
    """A private key and a request (PEM) for a client certificate of `user` in `groups`."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(_name(user, groups)).sign(key, hashes.SHA256())
    )
    return _pem(key), request.public_bytes(serialization.Encoding.PEM)
