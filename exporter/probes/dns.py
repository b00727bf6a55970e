"""A query to a DNS server, and what its response has to contain."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from deckwatch.core import extras
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.probe_kind import (
    EXPIRY,
    LABELS,
    LOOKUP,
    MISMATCH,
    PROTOCOL,
    TLS,
    Probe,
    ProbeResult,
    find_pattern_problems,
)
from deckwatch.exporter.sources import dns_exchange
from deckwatch.exporter.sources.dial import Dialer, Phases
from deckwatch.exporter.sources.errors import safe_message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    import dns.message

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.world import World

_PORTS = {"udp": 53, "tcp": 53, "tls": 853}
_SECTIONS = ("answer", "authority", "additional")

PHASE = Metric(
    "probe_dns_duration_seconds",
    "gauge",
    "Duration of each phase of the DNS query; resolve is that of the server's own name.",
    (*LABELS, "phase"),
)
SUCCEEDED = Metric("probe_dns_query_succeeded", "gauge", "1 if the server responded to the query, else 0.", LABELS)
RECORDS = {
    section: Metric(
        f"probe_dns_{section}_rrs", "gauge", f"Resource records in the {section} section of the response.", LABELS
    )
    for section in _SECTIONS
}
SERIAL = Metric("probe_dns_serial", "gauge", "Serial number of the zone, by its SOA record.", LABELS)
METRICS = (LOOKUP, PROTOCOL, PHASE, SUCCEEDED, *RECORDS.values(), SERIAL, MISMATCH, EXPIRY, TLS)


async def run_probe(world: World, probe: Probe) -> ProbeResult:
    """Query the server once within the probe's time limit, and judge the response by its code and its records."""
    phases, reason, mismatch = Phases(), "", ""
    samples: list[Sample] = []
    response = None
    try:
        async with asyncio.timeout(probe.seconds):
            response = await _query_server(world.source(Dialer), probe, phases)
    except OSError as fault:
        reason = safe_message(fault)
    if response is not None:
        reason = _find_code_fault(probe.entry, response.message)
        mismatch = next(_find_mismatches(probe.entry, response.message), "")
        samples += _describe_response(probe, response)
    samples += [
        LOOKUP(phases.get("resolve", 0.0), *probe.labels),
        *(PHASE(phases.get(phase, 0.0), *probe.labels, phase) for phase in dns_exchange.PHASES),
        SUCCEEDED(int(response is not None), *probe.labels),
        MISMATCH(int(bool(mismatch)), *probe.labels),
    ]
    return ProbeResult(reason or mismatch, samples)


def find_entry_problems(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the keys of an entry that the schema accepts and that are wrong, each with a message."""
    yield from find_pattern_problems(entry, *(f"{section}{form}" for section in _SECTIONS for form in _FORMS))
    if "query_name" not in entry:
        yield (), "expected query_name: the name to ask the server for"


def require_packages(_entry: Mapping[str, Any]) -> None:
    """Raise DeckwatchError if dnspython is not installed."""
    extras.require_module("dns", "a probe with `dns:` is configured")


_FORMS = ("_matches", "_not_matches")


async def _query_server(dialler: Dialer, probe: Probe, phases: Phases) -> dns_exchange.DnsResponse:
    import dns.flags  # noqa: PLC0415 - only where something is queried
    import dns.message  # noqa: PLC0415

    entry = probe.entry
    transport = entry.get("transport", "udp")
    to = probe.endpoint(secure=transport == "tls", default_port=_PORTS[transport])
    query = dns.message.make_query(
        entry["query_name"],
        entry.get("query_type", "A"),
        entry.get("query_class", "IN"),
        flags=dns.flags.RD if entry.get("recursion", True) else dns.flags.Flag(0),
    )
    if transport == "udp":
        return await dns_exchange.query_over_udp(dialler, to, query, phases)
    return await dns_exchange.query_over_tcp(dialler, to, query, probe.seconds, phases)


def _find_code_fault(entry: Mapping[str, Any], message: dns.message.Message) -> str:
    import dns.flags  # noqa: PLC0415
    import dns.rcode  # noqa: PLC0415

    code, expected = dns.rcode.to_text(message.rcode()), entry.get("rcodes", ["NOERROR"])
    if code not in expected:
        return f"response code {code}, expected {' or '.join(expected)}"
    if message.flags & dns.flags.TC:
        return "the response does not fit into a datagram, so `transport: tcp` is needed"
    return ""


def _describe_response(probe: Probe, response: dns_exchange.DnsResponse) -> Iterator[Sample]:
    yield PROTOCOL(response.ip_protocol, *probe.labels)
    for section, metric in RECORDS.items():
        yield metric(len(getattr(response.message, section)), *probe.labels)
    for record in response.message.answer:
        serial = getattr(record[0], "serial", None) if record.rdtype.name == "SOA" else None
        if serial is not None and probe.entry.get("query_type") == "SOA":
            yield SERIAL(serial, *probe.labels)
            break
    yield from probe.tls_samples(response.tls_version, response.certificate_ends)


def _find_mismatches(entry: Mapping[str, Any], message: dns.message.Message) -> Iterator[str]:
    """Yield the ways in which a response does not match the entry's patterns, without any text of the response."""
    for section in _SECTIONS:
        wanted, unwanted = (entry.get(f"{section}{form}") for form in _FORMS)
        if wanted is None and unwanted is None:
            continue
        texts = [format_record(record) for record in getattr(message, section)]
        if wanted is not None and not any(re.search(wanted, text) for text in texts):
            yield f"no record matches `{section}_matches`"
        if unwanted is not None and any(re.search(unwanted, text) for text in texts):
            yield f"a record matches `{section}_not_matches`"


def format_record(record: dns.rrset.RRset) -> str:
    """Return name, TTL, class, type and data of a record, separated by tabs as blackbox_exporter has them."""
    return "\t".join((str(record.name), str(record.ttl), record.rdclass.name, record.rdtype.name, str(record[0])))
