"""The folder of `deckwatch pki`: the authority at its top, one folder below it for each host, and Prometheus' own.

    ca.crt  ca.key  hosts/web-1/{ca.crt,tls.crt,tls.key,web-config.yml}  prometheus/{ca.crt,tls.crt,tls.key}

A host's folder is what is copied there: its web configuration names the files beside it.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.core.own_command import format_command
from deckwatch.core.problems import DeckwatchError
from deckwatch.core.whole_file import replace_file
from deckwatch.provisioning.pki import authority as pki

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cryptography import x509

PROMETHEUS = "prometheus"
CERTIFICATE, KEY, CA, WEB_CONFIG = "tls.crt", "tls.key", "ca.crt", "web-config.yml"
_HOSTS = "hosts"
_CA_KEY = "ca.key"
_PRIVATE, _PUBLIC = 0o600, 0o644
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}\Z")
_WEB_CONFIG_TEXT = """\
# Written by `deckwatch pki`: for --web.config.file of this and any other exporter of Prometheus.
tls_server_config:
  cert_file: tls.crt
  key_file: tls.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
"""


@dataclass(frozen=True)
class CertificateFolder:
    """A folder of certificates. `now` is the time from which new ones are valid."""

    path: Path
    now: dt.datetime

    @property
    def exists(self) -> bool:
        """Whether there is an authority."""
        return (self.path / CA).is_file()

    def create_authority(self, name: str, days: int) -> None:
        """Create the authority; raises DeckwatchError if there is one, or only its key."""
        for file in (CA, _CA_KEY):
            if (self.path / file).exists():
                raise DeckwatchError(f"{self.path / file} exists: every certificate of its authority would be invalid")
        created = pki.create_authority(name, days, self.now)
        self.path.mkdir(parents=True, exist_ok=True)
        self._write_file(".gitignore", b"*.key\n", _PUBLIC)
        self._write_file(_CA_KEY, created.key_pem(), _PRIVATE)
        self._write_file(CA, created.certificate_pem(), _PUBLIC)

    def read_authority(self) -> pki.Certificate:
        """Return the authority with its key; raises DeckwatchError."""
        if not self.exists:
            raise DeckwatchError(f"{self.path} has no authority: run `{format_command('pki', 'init')}` first")
        if not (self.path / _CA_KEY).is_file():
            raise DeckwatchError(f"{self.path / _CA_KEY} is not here: certificates are issued where the key is kept")
        return pki.read_with_key(self.path / CA, self.path / _CA_KEY)

    def read_certificate_of_authority(self) -> x509.Certificate:
        """Return the authority's certificate, which needs no key; raises DeckwatchError."""
        return pki.read_certificate(self.path / CA)

    def holder_path(self, name: str) -> Path:
        """Return the folder of a host, or of Prometheus; raises DeckwatchError if the name cannot be that of a file."""
        if not _NAME.match(name):
            raise DeckwatchError(f"{name!r} cannot name a folder: letters, digits, _, - and . are possible")
        return self.path / (PROMETHEUS if name == PROMETHEUS else f"{_HOSTS}/{name}")

    def list_holders(self) -> Iterator[str]:
        """Yield Prometheus and the hosts that have a certificate."""
        if (self.path / PROMETHEUS / CERTIFICATE).is_file():
            yield PROMETHEUS
        yield from sorted(path.parent.name for path in (self.path / _HOSTS).glob(f"*/{CERTIFICATE}"))

    def read_certificate(self, name: str) -> x509.Certificate:
        """Return the certificate of a host or of Prometheus; raises DeckwatchError."""
        return pki.read_certificate(self.holder_path(name) / CERTIFICATE)

    def issue(self, authority: pki.Certificate, name: str, names: Iterable[str], days: int) -> Path:
        """Write a new key, certificate and, for a host, its web configuration; return their folder.

        The key is replaced before the certificate: an exporter keeps the old pair until both belong together.
        """
        folder = self.holder_path(name)
        use: pki.Use = "client" if name == PROMETHEUS else "server"
        issued = pki.issue_certificate(authority, name, names, use=use, days=days, now=self.now)
        folder.mkdir(parents=True, exist_ok=True)
        where = folder.relative_to(self.path)
        self._write_file(where / KEY, issued.key_pem(), _PRIVATE)
        self._write_file(where / CERTIFICATE, issued.certificate_pem(), _PUBLIC)
        self._write_file(where / CA, authority.certificate_pem(), _PUBLIC)
        if use == "server":
            self._write_file(where / WEB_CONFIG, _WEB_CONFIG_TEXT.encode(), _PUBLIC)
        return folder

    def find_fault(self, name: str, authority: x509.Certificate) -> str:
        """Return why a certificate would be refused now; empty if it would not. Raises DeckwatchError."""
        certificate = self.read_certificate(name)
        if not pki.is_issued_by(certificate, authority):
            return f"was issued by another authority than {self.path / CA}"
        if certificate.not_valid_after_utc <= self.now:
            return f"expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
        if certificate.not_valid_before_utc > self.now:
            return f"is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}"
        return ""

    def _write_file(self, name: str | Path, data: bytes, mode: int) -> None:
        replace_file(self.path / name, data, mode=mode)


def open_folder(path: Path) -> CertificateFolder:
    """Return a folder of certificates with the current time, in whole seconds as certificates have it."""
    return CertificateFolder(path, dt.datetime.now(dt.UTC).replace(microsecond=0))


def host_names(name: str, address: str) -> list[str]:
    """Return the names for a host's certificate: its name, if it can be a domain name, and the host of its address."""
    host = address.rpartition(":")[0].strip("[]")
    return list(dict.fromkeys([*([name] if _NAME.match(name) else []), *([host] if host else [])]))
