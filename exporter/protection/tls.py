"""TLS as a web configuration says it, made with Python's `ssl`."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
import tempfile
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import InvalidInput, Problem
from deckwatch.exporter.protection.webconfig import IF_GIVEN, REQUIRED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.protection.webconfig import Pem, Tls

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
# OpenSSL's names of TLS 1.2's suites; those of TLS 1.3 are not to be chosen, here as in Go.
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
    """Return a server's context; raises InvalidInput at the keys whose certificates or key cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_alpn_protocols(["http/1.1"])
    made.minimum_version, made.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    chosen = [_CIPHERS[name] for name in tls.ciphers if name in _CIPHERS]
    if chosen:
        made.set_ciphers(":".join(chosen))
    elif tls.ciphers and tls.max_version == "TLS13":
        made.minimum_version = ssl.TLSVersion.TLSv1_3
    if tls.curve:
        made.set_ecdh_curve(_CURVES[tls.curve])
    if not tls.prefer_server_order:
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_certificate(made, tls)
    if tls.client_ca is not None:
        made.verify_mode = {REQUIRED: ssl.CERT_REQUIRED, IF_GIVEN: ssl.CERT_OPTIONAL}[tls.client_auth]
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as Go: who is listed is trusted, authority or not
        _load_client_ca(made, tls.client_ca)
    return made


def has_allowed_name(certificate: dict[str, Any] | None, names: tuple[str, ...]) -> bool:
    """Return whether a verified certificate (as `getpeercert` tells it) carries one of these alternative names."""
    if not names:
        return True
    held = {_normalized_name(kind, value) for kind, value in (certificate or {}).get("subjectAltName", ())}
    return not held.isdisjoint(names)


def _normalized_name(kind: str, value: str) -> str:
    if kind == "IP Address":
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(value.strip()))  # OpenSSL writes IPv6 in full
    return value


def _load_certificate(made: ssl.SSLContext, tls: Tls) -> None:
    problems = [problem for one in (tls.certificate, tls.key) if (problem := _read_problem(one))]
    if problems:
        raise InvalidInput(problems)
    try:
        with _as_file(tls.certificate) as certificate, _as_file(tls.key) as key:
            made.load_cert_chain(certificate, key, password=_refuse_passphrase)
    except _PassphraseRequired:
        raise InvalidInput([_pem_problem(tls.key, "the key asks for a passphrase", "keep it without one")]) from None
    except ssl.SSLError as error:
        if "MISMATCH" in str(error.reason):
            raise InvalidInput([_pem_problem(tls.key, "the key does not belong to the certificate")]) from None
        wrong, what = (tls.certificate, "certificate") if _certificate_is_invalid(tls) else (tls.key, "key")
        raise InvalidInput([_pem_problem(wrong, f"there is no {what} in PEM")]) from None
    except OSError as error:  # it went away in this moment
        raise InvalidInput([_pem_problem(tls.certificate, f"cannot be read: {error.strerror}")]) from None


def _certificate_is_invalid(tls: Tls) -> bool:
    trial = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        with _as_file(tls.certificate) as certificate:
            trial.load_verify_locations(certificate)
    except ssl.SSLError:
        return True
    return False


def _load_client_ca(made: ssl.SSLContext, pem: Pem) -> None:
    if problem := _read_problem(pem):
        raise InvalidInput([problem])
    try:
        with _as_file(pem) as file:
            made.load_verify_locations(file)
    except ssl.SSLError:
        raise InvalidInput([_pem_problem(pem, "there is no certificate in PEM")]) from None


class _PassphraseRequired(Exception):
    """A key has a passphrase."""


def _refuse_passphrase() -> str:
    """Answer in the place of OpenSSL's question at the terminal."""
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
    """Give the path of a PEM; OpenSSL reads its own only from files, so text becomes one that exists in memory."""
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
