"""What an application imports to be watched: middleware for ASGI and WSGI, business metrics, and a page for them.

    from deckwatch.instrument import AsgiMiddleware, business

    app.add_middleware(AsgiMiddleware, metrics_path="/metrics")
    ORDERS = business.counter("shop_orders", "Orders placed.", labels=["status"], start=[["paid"], ["failed"]])

It needs prometheus-client and nothing else of ours. The names below are the whole public interface; they are imported
when first used, so that the metrics' declarations (`deckwatch.instrument.metrics`) can be read without that package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deckwatch.instrument import business
    from deckwatch.instrument.asgi import AsgiMiddleware
    from deckwatch.instrument.meters import BUCKETS, FINE_BUCKETS, MICROSECOND_BUCKETS
    from deckwatch.instrument.page import asgi_page, wsgi_page
    from deckwatch.instrument.wsgi import WsgiMiddleware

__all__ = [
    "BUCKETS",
    "FINE_BUCKETS",
    "MICROSECOND_BUCKETS",
    "AsgiMiddleware",
    "WsgiMiddleware",
    "asgi_page",
    "business",
    "wsgi_page",
]

_HOMES = {
    "AsgiMiddleware": "asgi",
    "WsgiMiddleware": "wsgi",
    "BUCKETS": "meters",
    "FINE_BUCKETS": "meters",
    "MICROSECOND_BUCKETS": "meters",
    "asgi_page": "page",
    "wsgi_page": "page",
}


def __getattr__(name: str) -> Any:
    if name == "business":
        return importlib.import_module("deckwatch.instrument.business")
    if name in _HOMES:
        return getattr(importlib.import_module(f"deckwatch.instrument.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'deckwatch.instrument' has no attribute {name!r}")
