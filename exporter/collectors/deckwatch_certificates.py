"""Expiry of the certificates in the exporter's web configuration (`serve --web.config.file`), from their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.exporter.collector import collector
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.own_certificates import OwnCertificates
from deckwatch.exporter.world import NoData

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.world import World

EXPIRY = Metric(
    "deckwatch_certificate_expiry_timestamp_seconds",
    "gauge",
    "Earliest expiry, as a Unix time, of the exporter's own certificate with its issuers (role server), or of the "
    "authorities whose clients it accepts (role client_ca).",
    ("role",),
    unit="timestamp",
)


@collector(EXPIRY)
def collect(world: World) -> Iterator[Sample]:
    """Expiry of the certificates with which this exporter serves its page."""
    expiries = world.source(OwnCertificates).read_expiries()
    if not expiries:
        raise NoData("no --web.config.file with TLS")
    for role, expiry in sorted(expiries.items()):
        yield EXPIRY(expiry, role)
