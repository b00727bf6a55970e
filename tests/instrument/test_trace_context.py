"""Trace ids of exemplars and log lines, from the header `traceparent` and from OpenTelemetry's current span."""

from __future__ import annotations

import asyncio
import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics import exposition

from deckwatch.instrument import AsgiMiddleware, TraceIdFilter, WsgiMiddleware, find_trace_id
from deckwatch.instrument.trace_context import find_span_trace_id, parse_traceparent

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def registry():
    return CollectorRegistry()


def count_exemplars(registry, metric):
    """Return how many series of a metric have an exemplar with TRACE."""
    lines = exposition.generate_latest(registry).decode().splitlines()
    return sum(f'# {{trace_id="{TRACE}"}}' in line for line in lines if line.startswith(f"{metric}_bucket"))


def request_asgi(registry, headers, app=None, **options):
    """Send one request through the ASGI middleware."""

    async def respond(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def receive():
        return {"type": "http.request"}

    async def send(_message): ...

    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "http_version": "1.1"}
    asyncio.run(AsgiMiddleware(app or respond, registry=registry, **options)(scope, receive, send))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (PARENT, TRACE),
        (f" {PARENT} ", TRACE),
        (f"00-{TRACE}-00f067aa0ba902b7-03", TRACE),
        (f"00-{TRACE}-00f067aa0ba902b7-00", ""),  # not sampled: the trace is stored nowhere
        (f"cc-{TRACE}-00f067aa0ba902b7-01-what-the-future-will-be-like", TRACE),
        (f"00-{TRACE}-00f067aa0ba902b7-01-more", ""),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", ""),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (PARENT.upper(), ""),
        ("", ""),
    ],
)
def test_traceparent_is_read_as_specified(header, expected):
    assert parse_traceparent(header) == expected


@given(st.text())
def test_no_header_raises(header):
    assert parse_traceparent(header) == ""


def test_a_request_with_traceparent_leaves_exemplars_in_both_histograms(registry):
    request_asgi(registry, [(b"traceparent", PARENT.encode())])
    for metric in ("http_request_duration_seconds", "http_request_duration_highr_seconds"):
        assert count_exemplars(registry, metric) == 1


def test_a_request_without_a_trace_leaves_none(registry):
    request_asgi(registry, [(b"traceparent", b"00-nonsense"), (b"accept", b"*/*")])
    assert "# {" not in exposition.generate_latest(registry).decode()


def test_the_wsgi_middleware_leaves_exemplars_too(registry):
    def respond(_environ, start_response):
        start_response("200 OK", [])
        return [b"ok"]

    environ = {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_TRACEPARENT": PARENT}
    body = WsgiMiddleware(respond, registry=registry)(environ, lambda *_: None)
    list(body)
    body.close()
    assert count_exemplars(registry, "http_request_duration_seconds") == 1


def test_the_current_span_precedes_the_header(registry):
    """The span may be the application's own, below the trace of a caller that has another library."""
    other = PARENT.replace("4bf9", "5555")

    async def respond(_scope, _receive, send):
        context = trace.SpanContext(int(TRACE, 16), 7, is_remote=False, trace_flags=trace.TraceFlags(1))
        with trace.use_span(trace.NonRecordingSpan(context)):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    request_asgi(registry, [(b"traceparent", other.encode())], respond)
    assert count_exemplars(registry, "http_request_duration_seconds") == 1


@pytest.mark.parametrize(("flags", "expected"), [(1, TRACE), (0, "")])
def test_only_sampled_spans_have_a_trace_to_link_to(flags, expected):
    context = trace.SpanContext(int(TRACE, 16), 7, is_remote=False, trace_flags=trace.TraceFlags(flags))
    with trace.use_span(trace.NonRecordingSpan(context)):
        assert find_span_trace_id() == expected
    assert find_span_trace_id() == ""


def test_log_lines_of_a_request_carry_its_trace_id(registry):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(TraceIdFilter())
    handler.setFormatter(logging.Formatter("%(message)s trace_id=%(trace_id)s"))
    logger = logging.getLogger("shop")
    logger.addHandler(handler)
    logger.propagate = False

    async def respond(_scope, _receive, send):
        logger.warning("slow")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    request_asgi(registry, [(b"traceparent", PARENT.encode())], respond)
    logger.warning("later")
    assert written.getvalue().splitlines() == [f"slow trace_id={TRACE}", "later trace_id="]
    assert find_trace_id() == ""
