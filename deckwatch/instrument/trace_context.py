"""The id of the trace that a request belongs to, for exemplars and log lines.

It is that of OpenTelemetry's current span if the application uses OpenTelemetry, else that of the header `traceparent`
(https://www.w3.org/TR/trace-context/#traceparent-header).
"""

from __future__ import annotations

import logging
import re
import sys

from deckwatch.instrument.reported_exceptions import current_request

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_SAMPLED = 0x01


def find_trace_id() -> str:
    """Return the id of the current trace in 32 hexadecimal digits, "" without one or where it is not sampled.

    A trace that is not sampled is stored nowhere, so that a link to it would lead to nothing.
    """
    request = current_request.get()
    return find_span_trace_id() or (request.trace_id if request is not None else "")


def find_span_trace_id() -> str:
    """Return the trace id of OpenTelemetry's current span, "" without one, where it is not sampled, or not imported."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return ""
    context = api.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid and context.trace_flags.sampled else ""


def parse_traceparent(header: str) -> str:
    """Return the trace id of a header `traceparent`, "" if it is invalid or the caller does not sample the trace."""
    match = _TRACEPARENT.fullmatch(header.strip())
    if match is None:
        return ""
    version, trace, parent, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest) or not int(trace, 16) or not int(parent, 16):
        return ""
    return trace if int(flags, 16) & _SAMPLED else ""


class TraceIdFilter(logging.Filter):
    """Adds the attribute `trace_id` to log records, for formats such as `%(message)s trace_id=%(trace_id)s`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the trace id and keep the record."""
        record.trace_id = find_trace_id()
        return True
