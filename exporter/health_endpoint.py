"""`/api/health`: the answer of `deckwatch health` for load balancers and programs.

Prometheus is asked at most once a second, however many clients ask, and none waits longer than the limit: what hangs is
one thread, and until it ends the state is unknown.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from deckwatch.core.health_report import HealthReport, read_report
from deckwatch.core.masking import mask_address
from deckwatch.core.problems import Unreachable
from deckwatch.core.timed_query import TimedQuery
from deckwatch.exporter.server import Response, run_in_thread

if TYPE_CHECKING:
    from deckwatch.exporter.server import Endpoint

PATH = "/api/health"
JSON = "application/json"
LIMIT_SECONDS = 2.0
CACHE_SECONDS = 1.0
_MAX_FIELDS = 10
_NOT_CONFIGURED = b"/api/health reads Prometheus: set addresses: {prometheus: URL} in deckwatch.yaml\n"


def build_endpoint(prometheus: str | None) -> Endpoint:
    """Return the endpoint that reads this Prometheus; without an address it says what to set, with status 404."""
    if prometheus is not None:
        return _HealthEndpoint(prometheus).respond

    async def explain_setting(_query_health: bytes) -> Response:
        return Response(404, _NOT_CONFIGURED)

    return explain_setting


class _HealthEndpoint:
    """The newest report, and the reading of the next one. Used by one event loop."""

    def __init__(self, prometheus: str) -> None:
        self._address = prometheus
        self._report = HealthReport("unknown", "")
        self._read_at = -CACHE_SECONDS
        self._reading: asyncio.Task[None] | None = None
        self._is_busy = False  # whether a thread waits for Prometheus

    async def respond(self, query: bytes) -> Response:
        """Return the state: status 200 if healthy or degraded, 503 if critical or unknown, 404 for an unknown name."""
        try:
            fields = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        except ValueError as error:
            return Response(400, f"{error}\n".encode("utf-8", "replace"))
        names = fields.get("name", [])
        if len(names) > 1:
            return Response(400, b"expected one name, not several\n")
        report = await self._read_report()
        status = 200 if report.state in ("healthy", "degraded") else 503
        if names:
            known = {component.name for component in report.components}
            report = report.find_component(names[0])
            status = 404 if known and names[0] not in known else 200 if report.exit_code < 2 else 503
        text = json.dumps(report.as_data(), ensure_ascii=False)
        return Response(status, f"{text}\n".encode("utf-8", "replace"), JSON)

    async def _read_report(self) -> HealthReport:
        """Return a report that is at most a second old; requests that arrive meanwhile share one reading."""
        if time.monotonic() - self._read_at >= CACHE_SECONDS:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.ensure_future(self._refresh_report())
            await asyncio.shield(self._reading)
        return self._report

    async def _refresh_report(self) -> None:
        query = TimedQuery(self._address, LIMIT_SECONDS)
        self._report = HealthReport("unknown", f"{mask_address(self._address)} does not answer: it timed out")
        if not self._is_busy:
            try:
                self._report = await asyncio.wait_for(run_in_thread(lambda: self._query_health(query)), LIMIT_SECONDS)
            except TimeoutError:
                query.abort()
            except Unreachable as error:
                self._report = HealthReport("unknown", str(error))
        self._read_at = time.monotonic()

    def _query_health(self, query: TimedQuery) -> HealthReport:
        self._is_busy = True
        try:
            return read_report(query)
        finally:
            self._is_busy = False
            query.close()
