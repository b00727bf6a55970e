"""The handshake of a WebSocket server, and what it has to send then."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import time
from typing import TYPE_CHECKING

from deckwatch.core import extras
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.probe_kind import (
    EXPIRY,
    LABELS,
    LOOKUP,
    PROTOCOL,
    REQUEST_KEYS,
    TLS,
    Probe,
    ProbeResult,
    find_credential_problems,
    find_pattern_problems,
)
from deckwatch.exporter.sources import json_document, websocket_exchange
from deckwatch.exporter.sources.dial import Dialer, Endpoint, Phases
from deckwatch.exporter.sources.errors import safe_message
from deckwatch.exporter.sources.http import HTTP1, PHASES
from deckwatch.exporter.sources.http_target import HttpTarget
from deckwatch.exporter.sources.source_failures import SecretNotReadable
from deckwatch.exporter.sources.websocket_exchange import MessageExchange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.sources.dial import Stream
    from deckwatch.exporter.world import World

SHARED_KEYS = REQUEST_KEYS

PHASE = Metric(
    "probe_websocket_duration_seconds",
    "gauge",
    "Duration of each phase: processing is the handshake, transfer the messages after it.",
    (*LABELS, "phase"),
)
STATUS = Metric("probe_websocket_status_code", "gauge", "Status code of the response; 0 without one.", LABELS)
UPGRADED = Metric(
    "probe_websocket_connection_upgraded", "gauge", "1 if the server switched to WebSocket, else 0.", LABELS
)
MISMATCH = Metric(
    "probe_websocket_failed_due_to_regex", "gauge", "1 if no message matched as expected, else 0.", LABELS
)
METRICS = (LOOKUP, PROTOCOL, PHASE, STATUS, UPGRADED, MISMATCH, EXPIRY, TLS)


class _Attempt:
    """What is known of a server, also when it fails."""

    def __init__(self) -> None:
        self.phases = Phases()
        self.samples: list[Sample] = []
        self.status = 0
        self.upgraded = False
        self.mismatch = False


async def run_probe(world: World, probe: Probe) -> ProbeResult:
    """Shake hands and exchange messages within the probe's time limit."""
    attempt, reason = _Attempt(), ""
    try:
        async with asyncio.timeout(probe.seconds):
            reason = await _speak(world.source(Dialer), probe, attempt)
    except SecretNotReadable as fault:
        return ProbeResult(f"a file cannot be read: {fault}", [])
    except (OSError, http.client.HTTPException) as fault:
        reason = "no message matches `message_matches`" if attempt.mismatch else safe_message(fault)
    except ValueError:
        reason = "a header cannot be sent"
    phases = attempt.phases
    attempt.samples += [
        LOOKUP(phases.get("resolve", 0.0), *probe.labels),
        *(PHASE(phases.get(phase, 0.0), *probe.labels, phase) for phase in PHASES),
        STATUS(attempt.status, *probe.labels),
        UPGRADED(int(attempt.upgraded), *probe.labels),
        MISMATCH(int(attempt.mismatch), *probe.labels),
    ]
    return ProbeResult(reason, attempt.samples)


def find_entry_problems(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the keys of an entry that the schema accepts and that are wrong, each with a message."""
    yield from find_pattern_problems(entry, "message_matches")
    yield from find_credential_problems(entry)


def require_packages(_entry: Mapping[str, Any]) -> None:
    """Raise DeckwatchError if the library is not installed."""
    extras.require_module("websockets", "a probe with `websocket:` is configured")


async def _speak(dialler: Dialer, probe: Probe, attempt: _Attempt) -> str:
    """Return why the server is not as the entry demands; empty if it is."""
    target = HttpTarget.parse_url(probe.target.replace("ws", "http", 1))
    to = Endpoint(target.host, target.port, target.secure, alpn=(HTTP1,), **probe.connection_options())
    headers = target.request_headers() | dict(json_document.read_headers(probe.entry))
    async with dialler.open_stream(to, probe.seconds, attempt.phases) as stream:
        attempt.samples += [
            PROTOCOL(stream.ip_protocol, *probe.labels),
            *probe.tls_samples(stream.tls_version, stream.certificate_ends),
        ]
        begun = time.perf_counter()
        try:
            attempt.status, received = await websocket_exchange.shake_hands(stream, target.path, headers)
        finally:
            begun = attempt.phases.add_since("processing", begun)
        if attempt.status != websocket_exchange.UPGRADED:
            return f"status {attempt.status}, expected {websocket_exchange.UPGRADED}"
        attempt.upgraded = True
        try:
            await _exchange_messages(stream, received, probe.entry, attempt)
        finally:
            attempt.phases.add_since("transfer", begun)
    return ""


async def _exchange_messages(stream: Stream, received: bytes, entry: Mapping[str, Any], attempt: _Attempt) -> None:
    """Send the entry's text, and read messages until one matches; raises OSError."""
    messages = MessageExchange(stream, received)
    if "send_text" in entry:
        await messages.send_text(entry["send_text"])
    while "message_matches" in entry:
        message = await messages.read_message()
        attempt.mismatch = not re.search(entry["message_matches"], message.decode("utf-8", "replace"))
        if not attempt.mismatch:
            break
    with contextlib.suppress(OSError):
        await messages.close()
