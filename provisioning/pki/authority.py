"""Certificates and keys (RFC 5280): an authority, and what it issues to exporters and to Prometheus.

Keys are ECDSA on P-256, which every TLS client accepts. Keys leave this module only as PEM for a file of mode 0600.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Use = Literal["server", "client"]

_USES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
_CLOCK_SKEW = dt.timedelta(hours=1)  # by which a host's clock may be behind


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key. The key is never part of a message or a `repr`."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"Certificate({self.certificate.subject.rfc4514_string()})"

    def certificate_pem(self) -> bytes:
        """Return the certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        """Return the key in PEM (PKCS #8), without a passphrase, as a service needs it."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def create_authority(name: str, days: int, now: dt.datetime) -> Certificate:
    """Return a new authority, which may issue certificates of servers and clients but no other authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _start_builder(name, key.public_key(), now, now + dt.timedelta(days=days)).issuer_name(_name(name))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(is_authority=True), critical=True)
    return Certificate(builder.sign(key, hashes.SHA256()), key)


def issue_certificate(
    authority: Certificate, name: str, names: Iterable[str], *, use: Use, days: int, now: dt.datetime
) -> Certificate:
    """Return a new certificate for these host names and addresses; it ends with the authority at the latest.

    Raises DeckwatchError if the authority has expired.
    """
    issuer = authority.certificate
    if issuer.not_valid_after_utc <= now:
        raise DeckwatchError(f"the authority expired on {issuer.not_valid_after_utc:%Y-%m-%d}: start a new folder")
    key = ec.generate_private_key(ec.SECP256R1())
    ends = min(now + dt.timedelta(days=days), issuer.not_valid_after_utc)
    builder = _start_builder(name, key.public_key(), now, ends).issuer_name(issuer.subject)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(is_authority=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([_USES[use]]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_general_name, names))), critical=False)
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(issuer_key, critical=False)
    return Certificate(builder.sign(authority.key, hashes.SHA256()), key)


def read_certificate(path: Path) -> x509.Certificate:
    """Return the first certificate of a PEM file; raises DeckwatchError."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise DeckwatchError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise DeckwatchError(f"{path} contains no certificate in PEM") from None


def read_with_key(certificate_path: Path, key_path: Path) -> Certificate:
    """Return a certificate and its key; raises DeckwatchError, also if they do not belong together."""
    certificate = read_certificate(certificate_path)
    try:
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    except OSError as error:
        raise DeckwatchError(f"{key_path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError):
        raise DeckwatchError(f"{key_path} contains no key in PEM without a passphrase") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise DeckwatchError(f"{key_path} is not the key of {certificate_path}")
    return Certificate(certificate, key)


def is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Return whether an authority has signed a certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def list_names(certificate: x509.Certificate) -> list[str]:
    """Return the host names and addresses for which a certificate is valid."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def _start_builder(
    name: str, key: ec.EllipticCurvePublicKey, now: dt.datetime, ends: dt.datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(_name(name)).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - _CLOCK_SKEW).not_valid_after(ends)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])  # RFC 5280: at most 64 characters


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
