"""A shop whose slow requests can be followed from a graph to their trace and to their log lines.

    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 uvicorn app:app --port 8000

The service's name is the same in all three: `service.name` of the traces, and the label `service` of metrics and lines.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from deckwatch.instrument import AsgiMiddleware, TraceIdFilter

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

SERVICE = os.environ.get("OTEL_SERVICE_NAME", "traced-shop")
SLOW_EVERY, SLOW_SECONDS = 20, 0.8
ORDERS = itertools.count(1)

provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer(SERVICE)


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON, with the trace id that TraceIdFilter has added."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = {"time": self.formatTime(record), "level": record.levelname, "message": record.getMessage()}
        return json.dumps(fields | {"trace_id": getattr(record, "trace_id", "")})


handler = logging.StreamHandler()
handler.addFilter(TraceIdFilter())
handler.setFormatter(JsonLines())
log = logging.getLogger(SERVICE)
log.addHandler(handler)
log.setLevel(logging.INFO)


async def list_products(_request: Request) -> Response:
    """List the products."""
    return JSONResponse({"products": ["coffee", "honey", "tea"]})


async def place_order(_request: Request) -> Response:
    """Place an order: one in twenty waits for the warehouse, and is logged."""
    with tracer.start_as_current_span("reserve"):
        if next(ORDERS) % SLOW_EVERY == 0:
            log.warning("the warehouse answers slowly")
            await asyncio.sleep(SLOW_SECONDS)
    with tracer.start_as_current_span("pay"):
        await asyncio.sleep(0.02)
    log.info("order placed")
    return JSONResponse({"order": "placed"}, status_code=201)


async def raise_error(_request: Request) -> Response:
    """Fail with an exception."""
    log.error("the payment provider refuses")
    raise RuntimeError("this endpoint always fails")


app = Starlette(
    routes=[
        Route("/", list_products),
        Route("/orders", place_order, methods=["POST"]),
        Route("/fail", raise_error),
    ]
)
app.add_middleware(AsgiMiddleware, metrics_path="/metrics")
app.add_middleware(OpenTelemetryMiddleware, tracer_provider=provider, excluded_urls="/metrics,http://[^/]+/$")
