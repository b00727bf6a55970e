"""The SSL context for a web configuration."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
import tempfile
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import InvalidInput, Problem
from deckwatch.exporter.protection.webconfig import IF_GIVEN, REQUIRED
from deckwatch.exporter.sources import certificates
from deckwatch.exporter.sources.certificates import InvalidCertificate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.protection.webconfig import Pem, Tls

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
# OpenSSL's names of the TLS 1.2 suites; those of TLS 1.3 cannot be chosen, as in Go.
_CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}


def make_context(tls: Tls) -> ssl.SSLContext:
    """Return a server's context; raises InvalidInput at the keys of certificates and keys that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    chosen = [_CIPHERS[name] for name in tls.ciphers if name in _CIPHERS]
    if chosen:
        context.set_ciphers(":".join(chosen))
    elif tls.ciphers and tls.max_version == "TLS13":
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    if tls.curve:
        context.set_ecdh_curve(_CURVES[tls.curve])
    if not tls.prefer_server_order:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_certificate(context, tls)
    if tls.client_ca is not None:
        context.verify_mode = {REQUIRED: ssl.CERT_REQUIRED, IF_GIVEN: ssl.CERT_OPTIONAL}[tls.client_auth]
        context.verify_flags |= (
            ssl.VERIFY_X509_PARTIAL_CHAIN
        )  # as in Go: a listed certificate is trusted, whether or not it is an authority
        _load_client_ca(context, tls.client_ca)
    return context


def read_expiries(tls: Tls) -> dict[str, float]:
    """Return the earliest expiry of the certificates of each role, `server` and `client_ca`, as Unix times.

    What OpenSSL accepts and this does not read is left out.
    """
    roles = {"server": tls.certificate, "client_ca": tls.client_ca}
    expiries: dict[str, float] = {}
    for role, pem in roles.items():
        if pem is not None:
            with contextlib.suppress(InvalidCertificate, OSError, ValueError):  # of `min`: no certificate
                text = pem.path.read_bytes() if pem.path is not None else pem.text.encode()
                expiries[role] = min(certificates.read_expiries(text))
    return expiries


def has_allowed_name(certificate: dict[str, Any] | None, names: tuple[str, ...]) -> bool:
    """Return whether a verified certificate (from `getpeercert`) has one of these alternative names."""
    if not names:
        return True
    present = {_normalized_name(kind, value) for kind, value in (certificate or {}).get("subjectAltName", ())}
    return not present.isdisjoint(names)


def _normalized_name(kind: str, value: str) -> str:
    if kind == "IP Address":
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(value.strip()))  # OpenSSL writes IPv6 in full
    return value


def _load_certificate(context: ssl.SSLContext, tls: Tls) -> None:
    problems = [problem for pem in (tls.certificate, tls.key) if (problem := _read_problem(pem))]
    if problems:
        raise InvalidInput(problems)
    try:
        with _as_file(tls.certificate) as certificate, _as_file(tls.key) as key:
            context.load_cert_chain(certificate, key, password=_refuse_passphrase)
    except _PassphraseRequired:
        raise InvalidInput([_pem_problem(tls.key, "the key has a passphrase", "store it without one")]) from None
    except ssl.SSLError as error:
        if "MISMATCH" in str(error.reason):
            raise InvalidInput([_pem_problem(tls.key, "the key does not belong to the certificate")]) from None
        invalid, what = (tls.certificate, "certificate") if _certificate_is_invalid(tls) else (tls.key, "key")
        raise InvalidInput([_pem_problem(invalid, f"no {what} in PEM found")]) from None
    except OSError as error:  # removed since it was read above
        raise InvalidInput([_pem_problem(tls.certificate, f"cannot be read: {error.strerror}")]) from None


def _certificate_is_invalid(tls: Tls) -> bool:
    trial = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        with _as_file(tls.certificate) as certificate:
            trial.load_verify_locations(certificate)
    except ssl.SSLError:
        return True
    return False


def _load_client_ca(context: ssl.SSLContext, pem: Pem) -> None:
    if problem := _read_problem(pem):
        raise InvalidInput([problem])
    try:
        with _as_file(pem) as file:
            context.load_verify_locations(file)
    except ssl.SSLError:
        raise InvalidInput([_pem_problem(pem, "no certificate in PEM found")]) from None


class _PassphraseRequired(Exception):
    """A key has a passphrase."""


def _refuse_passphrase() -> str:
    """Raise instead of letting OpenSSL prompt at the terminal."""
    raise _PassphraseRequired


def _read_problem(pem: Pem) -> Problem | None:
    if pem.path is None:
        return None
    try:
        pem.path.read_bytes()
    except OSError as error:
        return _pem_problem(pem, f"{pem.path} cannot be read: {(error.strerror or str(error)).lower()}")
    return None


def _pem_problem(pem: Pem, message: str, hint: str = "") -> Problem:
    return Problem(pem.place, message, hint, hidden=pem.hidden)


@contextlib.contextmanager
def _as_file(pem: Pem) -> Iterator[str]:
    """Yield the path of a PEM; OpenSSL reads only files, so text is written to a file in memory."""
    if pem.path is not None:
        yield str(pem.path)
    elif hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("pem"), "w", encoding="ascii", errors="replace") as file:
            file.write(pem.text)
            file.flush()
            yield f"/dev/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile("w", encoding="ascii", errors="replace") as named:
            named.write(pem.text)
            named.flush()
            yield named.name
