"""What the kinds of probes in `exporter/probes/` have in common: a Probe, its result, and metrics of several kinds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.core import units
from deckwatch.exporter import probe_entries
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources.dial import Endpoint
from deckwatch.exporter.sources.pattern_fault import find_pattern_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.exporter.metric import Sample

LABELS = ("service", "kind", "probe")
# Keys of `http:` that every kind with a request over HTTP has: `json_document.read_headers` reads them.
REQUEST_KEYS = frozenset({"headers", "basic_auth", "bearer_token_file"})

LOOKUP = Metric("probe_dns_lookup_time_seconds", "gauge", "Duration of the DNS lookup.", LABELS)
PROTOCOL = Metric("probe_ip_protocol", "gauge", "IP version of the connection: 4 or 6.", LABELS)
EXPIRY = Metric(
    "probe_ssl_earliest_cert_expiry",
    "gauge",
    "Earliest expiry of the certificates that the servers sent, with redirects and issuers, as a Unix time.",
    LABELS,
    unit="timestamp",
)
TLS = Metric(
    "probe_tls_version_info", "gauge", "TLS version of the connection, in a label; always 1.", (*LABELS, "version")
)
MISMATCH = Metric("probe_failed_due_to_regex", "gauge", "1 if the answer did not match as expected, else 0.", LABELS)


class ProbeResult(NamedTuple):
    """Why a probe fails, without secrets and with texts of others only after a colon; empty if it succeeds."""

    reason: str
    samples: list[Sample]


@dataclass(frozen=True)
class Probe:
    """One entry of `watch: probes:`. `what` is the kind, a file in `exporter/probes/`; `entry` has the keys of it.

    `address` is what labels may show of the target, and `elsewhere` says which other hosts run the probe instead.
    """

    service: str
    what: str
    kind: str = "component"
    name: str = ""
    seconds: float = 5.0
    address: str = ""
    elsewhere: str = ""
    entry: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> Probe:
        """Return the probe of an entry that the schema has validated."""
        return cls(
            service=entry["service"],
            what=probe_entries.find_kind(entry),
            kind=entry.get("kind", "component"),
            name=entry.get("name", ""),
            seconds=units.parse_duration(entry.get("timeout", "5s")),
            address=probe_entries.probe_address(entry),
            elsewhere=entry.get("elsewhere", ""),
            entry=entry,
        )

    @property
    def labels(self) -> tuple[str, str, str]:
        """The values of LABELS."""
        return self.service, self.kind, self.name

    @property
    def target(self) -> str:
        """What the entry's key of its kind says: a URL, or HOST:PORT."""
        return str(self.entry[self.what])

    def unique_name(self) -> str:
        """Return the service, followed by the probe's own name where it has one."""
        return probe_entries.name_probe({"service": self.service, "name": self.name})

    def endpoint(self, *, secure: bool = False, default_port: int = 0) -> Endpoint:
        """Return the service at HOST:PORT or HOST, with the entry's certificates and IP version."""
        host, colon, port = self.target.rpartition(":")
        if not colon or port.endswith("]"):
            host, port = self.target, ""
        return Endpoint(host.strip("[]"), int(port or default_port), secure, **self.connection_options())

    def connection_options(self) -> dict[str, Any]:
        """Return the entry's certificates, server name and IP version, as arguments of an Endpoint."""
        authority, certificate, key = (
            Path(self.entry[name]) if name in self.entry else None for name in ("ca_file", "cert_file", "key_file")
        )
        return {
            "authority": authority,
            "client": (certificate, key or certificate) if certificate else None,
            "ip_protocol": self.entry.get("ip_protocol", 0),
            "server_name": self.entry.get("server_name", ""),
        }

    def tls_samples(self, version: str, expiry: float | None) -> Iterator[Sample]:
        """Yield the samples about TLS, if it was used."""
        if expiry is not None:
            yield EXPIRY(expiry, *self.labels)
        if version:
            yield TLS(1, *self.labels, version)


def find_credential_problems(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path of a second way to authenticate, with a message."""
    if {"basic_auth", "bearer_token_file"} <= entry.keys():
        yield ("bearer_token_file",), "expected one of basic_auth, bearer_token_file; not both"


def find_pattern_problems(entry: Mapping[str, Any], *keys: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the paths of those values that are no regular expressions, or could take years, each with a message.

    The value of a key is an expression or a mapping of several.
    """
    for key in keys:
        value = entry.get(key, {})
        for path, pattern in [((key,), value)] if isinstance(value, str) else [((key, n), p) for n, p in value.items()]:
            if fault := find_pattern_fault(pattern):
                yield path, fault
