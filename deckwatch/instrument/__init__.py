"""Instrumentation for applications: ASGI and WSGI middleware, jobs, business metrics, and a metrics endpoint.

    from deckwatch.instrument import AsgiMiddleware, business

    app.add_middleware(AsgiMiddleware, metrics_path="/metrics")
    ORDERS = business.counter("shop_orders", "Orders placed.", labels=["status"], start=[["paid"], ["failed"]])

Requires prometheus-client and no other part of deckwatch. `__all__` is the public interface; its names are imported on
first use, so that the metric declarations (`deckwatch.instrument.metrics`) can be read without prometheus-client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deckwatch.instrument import business, jobs
    from deckwatch.instrument.asgi import AsgiMiddleware
    from deckwatch.instrument.meters import BUCKETS, FINE_BUCKETS, MICROSECOND_BUCKETS
    from deckwatch.instrument.page import asgi_page, wsgi_page
    from deckwatch.instrument.trace_context import TraceIdFilter, find_trace_id
    from deckwatch.instrument.wsgi import WsgiMiddleware

__all__ = [
    "BUCKETS",
    "FINE_BUCKETS",
    "MICROSECOND_BUCKETS",
    "AsgiMiddleware",
    "TraceIdFilter",
    "WsgiMiddleware",
    "asgi_page",
    "business",
    "find_trace_id",
    "jobs",
    "wsgi_page",
]

_MODULES = {
    "AsgiMiddleware": "asgi",
    "WsgiMiddleware": "wsgi",
    "BUCKETS": "meters",
    "FINE_BUCKETS": "meters",
    "MICROSECOND_BUCKETS": "meters",
    "TraceIdFilter": "trace_context",
    "find_trace_id": "trace_context",
    "asgi_page": "page",
    "wsgi_page": "page",
}


def __getattr__(name: str) -> Any:
    if name in ("business", "jobs"):
        return importlib.import_module(f"deckwatch.instrument.{name}")
    if name in _MODULES:
        return getattr(importlib.import_module(f"deckwatch.instrument.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'deckwatch.instrument' has no attribute {name!r}")
