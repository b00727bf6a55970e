"""The page on which Prometheus reads an application's metrics."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry, make_asgi_app, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from collections.abc import Callable


def asgi_page(registry: CollectorRegistry = REGISTRY) -> Callable[..., Any]:
    """Return an ASGI application that shows a registry's metrics at every path."""
    page: Callable[..., Any] = make_asgi_app(_readable_registry(registry))
    return page


def wsgi_page(registry: CollectorRegistry = REGISTRY) -> Callable[..., Any]:
    """Return a WSGI application that shows a registry's metrics at every path."""
    page: Callable[..., Any] = make_wsgi_app(_readable_registry(registry))
    return page


def _readable_registry(registry: CollectorRegistry) -> CollectorRegistry:
    """Return what stands for all processes where several of them share PROMETHEUS_MULTIPROC_DIR, else the registry."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return registry
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together
