"""A live Prometheus, as `verify` queries it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from deckwatch.core.http import Client
from deckwatch.core.query_response import read_series
from deckwatch.provisioning.scrape_interval import fetch_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

SPAN_SECONDS = 3600  # of a range query
POINTS = 240  # per graph; Grafana requests about one per pixel
_QUERY_SECONDS = 60.0


class Prometheus:
    """A live server. It may be used from several threads, each with its own connection.

    `seconds` limits the wait for each response; `headers` are sent with each request.
    """

    def __init__(self, url: str, *, seconds: float = _QUERY_SECONDS, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self._seconds = seconds
        self._headers = headers
        self._local = threading.local()
        self._clients: list[Client] = []
        # The real scrape interval in seconds, from which Grafana derives $__rate_interval.
        self.interval = self.find_interval()

    def find_interval(self) -> float:
        """Return the scrape interval of the server in seconds; raises NoConfiguration, and Unreachable."""
        return fetch_interval(self._thread_client())

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.close()

    def run_query(self, expr: str, *, ranged: bool) -> list[dict[str, Any]]:
        """Return the series of an expression, over the last hour if `ranged`, else now; raises Unreachable."""
        now = time.time()
        if not ranged:
            return self.query_at(expr, now)
        return self.query_range(expr, now - SPAN_SECONDS, now, max(self.interval, SPAN_SECONDS // POINTS))

    def query_at(self, expr: str, at: float) -> list[dict[str, Any]]:
        """Return the series of an expression at a Unix time; raises Unreachable."""
        return self._post_query("/api/v1/query", {"query": expr, "time": f"{at:.3f}"})

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Return the series of an expression between two Unix times, each `step` seconds; raises Unreachable."""
        span = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return self._post_query("/api/v1/query_range", {"query": expr, **span})

    def read_time(self) -> float:
        """Return the server's own time as a Unix time; raises Unreachable."""
        return float(self._post_query("/api/v1/query", {"query": "time()"})[0]["value"][1])

    def target_states(self) -> dict[str, bool]:
        """Return the scrape URLs of the active targets, each with whether it has been scraped at least once."""
        active = self._thread_client().get("/api/v1/targets", state="active")["data"]["activeTargets"]
        return {target["scrapeUrl"]: not target["lastScrape"].startswith("0001-") for target in active}

    def metric_names(self) -> set[str]:
        """Return the names of all metrics with series in the last hour, or a little longer ago."""
        start = f"{time.time() - SPAN_SECONDS:.3f}"
        return set(self._thread_client().get("/api/v1/label/__name__/values", start=start)["data"])

    def _post_query(self, path: str, form: dict[str, str]) -> list[dict[str, Any]]:
        return read_series(self._thread_client().post(path, data=form), self.url)

    def _thread_client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = Client(self.url, seconds=self._seconds, headers=self._headers)
            self._clients.append(client)
        return client
