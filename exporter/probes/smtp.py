"""A conversation with a mail server up to EHLO, and over TLS, without a mail."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

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
from deckwatch.exporter.sources import smtp_dialogue
from deckwatch.exporter.sources.dial import Dialer, Phases
from deckwatch.exporter.sources.errors import UnexpectedAnswer, safe_message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from deckwatch.exporter.metric import Sample
    from deckwatch.exporter.sources.dial import Endpoint, Stream
    from deckwatch.exporter.world import World

_PORT = 25
_SECURE_PORT = 465  # with TLS from the start: RFC 8314, 3.3
_PHASES = ("resolve", "connect", "banner", "ehlo", "starttls", "tls")

PHASE = Metric(
    "deckwatch_probe_smtp_duration_seconds",
    "gauge",
    "Duration of each phase of the conversation with the mail server; both EHLO are added up.",
    (*LABELS, "phase"),
)
CODE = Metric("deckwatch_probe_smtp_code", "gauge", "Code of the mail server's last reply; 0 without one.", LABELS)
METRICS = (LOOKUP, PROTOCOL, PHASE, CODE, MISMATCH, EXPIRY, TLS)


class _Attempt:
    """What is known of a server, also when it fails."""

    def __init__(self, probe: Probe) -> None:
        self.phases = Phases()
        self.code = 0
        self.mismatch = False
        self.connection: list[Sample] = []
        self._probe = probe

    def take_reply(self, reply: smtp_dialogue.Reply, expected: int, to: str) -> None:
        """Record a reply; raises UnexpectedAnswer if it has another code."""
        self.code = reply.code
        if reply.code != expected:
            raise UnexpectedAnswer(f"{to} has code {reply.code}, expected {expected}")

    def take_stream(self, stream: Stream) -> None:
        """Record what is known of the connection."""
        labels = self._probe.labels
        tls = self._probe.tls_samples(stream.tls_version, stream.certificate_ends)
        self.connection = [PROTOCOL(stream.ip_protocol, *labels), *tls]


async def run_probe(world: World, probe: Probe) -> ProbeResult:
    """Read the banner, send EHLO, and go on over TLS within the probe's time limit."""
    attempt, reason = _Attempt(probe), ""
    endpoint = probe.endpoint(default_port=_PORT)
    to = endpoint._replace(secure=endpoint.port == _SECURE_PORT)
    try:
        async with (
            asyncio.timeout(probe.seconds),
            world.source(Dialer).open_stream(to, probe.seconds, attempt.phases) as stream,
        ):
            attempt.take_stream(stream)
            await _converse(world.source(Dialer), probe, to, stream, attempt)
    except OSError as fault:
        reason = safe_message(fault)
    phases = attempt.phases
    samples = [
        LOOKUP(phases.get("resolve", 0.0), *probe.labels),
        *(PHASE(phases.get(phase, 0.0), *probe.labels, phase) for phase in _PHASES),
        CODE(attempt.code, *probe.labels),
        MISMATCH(int(attempt.mismatch), *probe.labels),
        *attempt.connection,
    ]
    return ProbeResult(reason, samples)


def find_entry_problems(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the keys of an entry that the schema accepts and that are wrong, each with a message."""
    yield from find_pattern_problems(entry, "banner_matches")
    if entry.get("starttls") and str(entry["smtp"]).endswith(f":{_SECURE_PORT}"):
        yield ("starttls",), f"port {_SECURE_PORT} speaks TLS from the start"


async def _converse(dialler: Dialer, probe: Probe, to: Endpoint, stream: Stream, attempt: _Attempt) -> None:
    """Speak with a server; raises OSError."""
    phases = attempt.phases
    begun = time.perf_counter()
    try:
        banner = await smtp_dialogue.read_reply(stream)
    finally:
        phases.add_since("banner", begun)
    attempt.take_reply(banner, smtp_dialogue.READY, "the banner")
    pattern = probe.entry.get("banner_matches")
    attempt.mismatch = pattern is not None and not re.search(pattern, "\n".join(banner.lines))
    if attempt.mismatch:
        raise UnexpectedAnswer("the banner does not match `banner_matches`")
    greeting = await smtp_dialogue.greet_server(stream, phases)
    attempt.take_reply(greeting, smtp_dialogue.OKAY, "the reply to EHLO")
    if to.secure or not probe.entry.get("starttls", True):
        await _take_leave(stream)
        return
    if not smtp_dialogue.offers_starttls(greeting):
        raise UnexpectedAnswer("the server does not offer STARTTLS")
    begun = time.perf_counter()
    try:
        reply = await smtp_dialogue.send_command(stream, "STARTTLS")
    finally:
        phases.add_since("starttls", begun)
    attempt.take_reply(reply, smtp_dialogue.READY, "the reply to STARTTLS")
    async with dialler.start_tls(stream, to, probe.seconds, phases) as secured:
        attempt.take_stream(secured)
        greeting = await smtp_dialogue.greet_server(secured, phases)
        attempt.take_reply(greeting, smtp_dialogue.OKAY, "the reply to EHLO")
        await _take_leave(secured)


async def _take_leave(stream: Stream) -> None:
    """Send QUIT, so that the server does not log a lost connection; the reply is of no interest."""
    stream.writer.write(b"QUIT\r\n")
    await stream.writer.drain()
