"""A request over HTTP, and what its response has to be."""

from __future__ import annotations

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
    find_credential_problems,
    find_pattern_problems,
)
from deckwatch.exporter.sources import http, http2_exchange, json_document
from deckwatch.exporter.sources.dial import Dialer
from deckwatch.exporter.sources.errors import safe_message
from deckwatch.exporter.sources.files import read_start
from deckwatch.exporter.sources.source_failures import SecretNotReadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from deckwatch.exporter.world import World

_HTTP2 = 2
_MAX_SENT_BYTES = 1 << 20
_MAX_MATCHED_BYTES = 1 << 18  # of a body; hundreds of probes may hold theirs at a time

PHASE = Metric(
    "probe_http_duration_seconds",
    "gauge",
    "Duration of each phase of the HTTP request, over all redirects.",
    (*LABELS, "phase"),
)
STATUS = Metric("probe_http_status_code", "gauge", "Status code of the final HTTP response; 0 without one.", LABELS)
VERSION = Metric("probe_http_version", "gauge", "HTTP version of the response.", LABELS)
SSL = Metric("probe_http_ssl", "gauge", "1 if the final connection used TLS, else 0.", LABELS)
REDIRECTS = Metric("probe_http_redirects", "gauge", "Redirects followed.", LABELS)
LENGTH = Metric(
    "probe_http_content_length",
    "gauge",
    "Content-Length of the response; -1 if absent.",
    LABELS,
    unit="bytes",
)
BODY = Metric("probe_http_uncompressed_body_length", "gauge", "Bytes read of the response body.", LABELS, unit="bytes")
METRICS = (*(LOOKUP, PROTOCOL, PHASE, STATUS, VERSION, SSL, REDIRECTS, LENGTH, BODY, MISMATCH, EXPIRY, TLS),)


async def run_probe(world: World, probe: Probe) -> ProbeResult:
    """Send the request, follow redirects, and judge the response by its status, headers and body."""
    entry = probe.entry
    expect = _expected_statuses(entry)
    try:
        options = http.FetchOptions(
            headers=json_document.read_headers(entry),
            keep_bytes=_MAX_MATCHED_BYTES if {"body_matches", "body_not_matches"} & entry.keys() else 0,
            method=entry.get("method", "GET"),
            body=_read_body(entry),
            # An expected redirect is the response itself, not followed.
            follow=not any(status.startswith("3") for status in expect),
            max_redirects=entry.get("max_redirects", http.MAX_REDIRECTS),
            connection=probe.connection_options(),
            protocols=_offered_protocols(entry),
        )
    except (SecretNotReadable, OSError) as fault:
        reason = f"a file cannot be read: {fault if isinstance(fault, SecretNotReadable) else safe_message(fault)}"
        return ProbeResult(reason, [])
    answer = await http.fetch_url(world.source(Dialer), probe.target, seconds=probe.seconds, options=options)
    reason, mismatch = answer.error, ""
    if not reason and not {str(answer.status), f"{answer.status // 100}xx"} & set(expect):
        reason = f"status {answer.status}, expected {' or '.join(expect)}"
    if not answer.error:
        mismatch = next(_find_mismatches(entry, answer), "")
    samples = [
        LOOKUP(answer.phases.get("resolve", 0.0), *probe.labels),
        *(PHASE(answer.phases.get(phase, 0.0), *probe.labels, phase) for phase in http.PHASES),
        STATUS(answer.status, *probe.labels),
        VERSION(answer.version, *probe.labels),
        SSL(int(bool(answer.tls_version)), *probe.labels),
        REDIRECTS(answer.redirects, *probe.labels),
        LENGTH(answer.content_length, *probe.labels),
        BODY(answer.body_length, *probe.labels),
        MISMATCH(int(bool(mismatch)), *probe.labels),
        *probe.tls_samples(answer.tls_version, answer.certificate_ends),
    ]
    if answer.ip_protocol:
        samples.append(PROTOCOL(answer.ip_protocol, *probe.labels))
    return ProbeResult(reason or mismatch, samples)


def find_entry_problems(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the keys of an entry that the schema accepts and that are wrong, each with a message."""
    yield from find_pattern_problems(entry, "body_matches", "body_not_matches", "header_matches", "header_not_matches")
    if {"body", "body_file"} <= entry.keys():
        yield ("body_file",), "expected one of body, body_file; not both"
    yield from find_credential_problems(entry)
    for key in sorted({"body", "body_file"} & entry.keys()):
        if entry.get("method", "GET") in ("GET", "HEAD"):
            yield (key,), "a body needs `method: POST`, PUT, PATCH or DELETE"


def require_packages(entry: Mapping[str, Any]) -> None:
    """Raise DeckwatchError if the entry asks for HTTP/2 and its library is not installed."""
    if entry.get("http_version") == _HTTP2:
        extras.require_module("h2", "a probe with `http_version: 2` is configured")


def _offered_protocols(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the protocols for the server to choose from, the preferred first."""
    version = entry.get("http_version")
    if version is None:
        return (http2_exchange.ALPN, http.HTTP1) if http2_exchange.is_available() else (http.HTTP1,)
    return (http2_exchange.ALPN if version == _HTTP2 else http.HTTP1,)


def _expected_statuses(entry: Mapping[str, Any]) -> tuple[str, ...]:
    expect = entry.get("expect", "2xx")
    return tuple(str(status) for status in (expect if isinstance(expect, list) else [expect]))


def _read_body(entry: Mapping[str, Any]) -> bytes:
    if "body_file" in entry:
        return read_start(entry["body_file"], _MAX_SENT_BYTES)
    return str(entry.get("body", "")).encode()


def _find_mismatches(entry: Mapping[str, Any], answer: http.HttpResult) -> Iterator[str]:
    """Yield the ways in which a response does not match the entry's patterns, without any text of the response."""
    body = answer.body.decode("utf-8", "replace")
    if "body_matches" in entry and not re.search(entry["body_matches"], body):
        yield "the body does not match `body_matches`"
    if "body_not_matches" in entry and re.search(entry["body_not_matches"], body):
        yield "the body matches `body_not_matches`"
    for name, pattern in entry.get("header_matches", {}).items():
        if not any(re.search(pattern, value) for value in answer.header_values(name)):
            yield f"the header {name} does not match `header_matches`"
    for name, pattern in entry.get("header_not_matches", {}).items():
        if any(re.search(pattern, value) for value in answer.header_values(name)):
            yield f"the header {name} matches `header_not_matches`"
