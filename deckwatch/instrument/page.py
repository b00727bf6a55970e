"""The metrics endpoint of an application."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry, make_asgi_app, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector

from deckwatch.instrument.live_gauges import OrphanRemover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client import Metric


def asgi_page(registry: CollectorRegistry = REGISTRY) -> Callable[..., Any]:
    """Return an ASGI application that serves a registry's metrics at every path."""
    page: Callable[..., Any] = make_asgi_app(_readable_registry(registry))
    return page


def wsgi_page(registry: CollectorRegistry = REGISTRY) -> Callable[..., Any]:
    """Return a WSGI application that serves a registry's metrics at every path."""
    page: Callable[..., Any] = make_wsgi_app(_readable_registry(registry))
    return page


def _readable_registry(registry: CollectorRegistry) -> CollectorRegistry:
    """Return a registry over all processes if PROMETHEUS_MULTIPROC_DIR is set, else the given one."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return registry
    combined = CollectorRegistry()
    _ProcessesCollector(combined)
    return combined


class _ProcessesCollector(MultiProcessCollector):
    """The metrics of all processes, without the gauges of those that have ended without a `child_exit` hook."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)  # type: ignore[no-untyped-call]
        self._remover = OrphanRemover()

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        self._remover.remove_orphans()
        metrics: Iterable[Metric] = super().collect()  # type: ignore[no-untyped-call]
        return metrics
