"""An instrumented web shop: HTTP and WebSocket metrics from the middleware, and business metrics.

    uvicorn app:app --port 8000

It takes orders for products in memory; `/fail` and `/slow` produce errors and latency for the dashboards.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from deckwatch.instrument import AsgiMiddleware, business

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

PRICES = {"tea": 4.50, "coffee": 7.20, "honey": 6.80}
CURRENCIES = ("EUR", "USD")

ORDERS = business.counter("shop_orders", "Orders by result.", labels=["status"], start=[["paid"], ["refused"]])
REVENUE = business.counter(
    "shop_revenue",
    "Revenue of paid orders.",
    unit="the currency's whole unit",
    labels=["currency"],
    start=[[currency] for currency in CURRENCIES],
)
STARTED = business.counter("shop_checkouts_started", "Checkouts started.")
COMPLETED = business.counter("shop_checkouts_completed", "Checkouts completed with a paid order.")
ACTIVE = business.gauge("shop_orders_active", "Orders in progress.")


async def list_products(_request: Request) -> Response:
    """List the products."""
    return JSONResponse({"products": sorted(PRICES)})


async def check_health(_request: Request) -> Response:
    """Answer a health check."""
    return PlainTextResponse("ok")


async def show_product(request: Request) -> Response:
    """Show one product."""
    name = request.path_params["name"]
    if name not in PRICES:
        raise HTTPException(404, "no such product")
    return JSONResponse({"name": name, "price": PRICES[name]})


async def place_order(request: Request) -> Response:
    """Place an order: `{"product": "tea", "quantity": 2, "currency": "EUR"}`."""
    STARTED.inc()
    order = await request.json()
    with ACTIVE.track_inprogress():
        price, currency = PRICES.get(order.get("product")), order.get("currency", "EUR")
        if price is None or currency not in CURRENCIES:
            ORDERS.labels("refused").inc()
            raise HTTPException(422, "no such product or currency")
        total = round(price * int(order.get("quantity", 1)), 2)
        ORDERS.labels("paid").inc()
        REVENUE.labels(currency).inc(total)
        COMPLETED.inc()
    return JSONResponse({"total": total, "currency": currency}, status_code=201)


async def respond_slowly(request: Request) -> Response:
    """Respond after `?seconds=`, at most ten."""
    await asyncio.sleep(min(float(request.query_params.get("seconds", 1)), 10.0))
    return PlainTextResponse("done")


async def raise_error(_request: Request) -> Response:
    """Fail with an exception."""
    raise RuntimeError("this endpoint always fails")


async def send_prices(websocket: WebSocket) -> None:
    """Send the price of each requested product."""
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            name = await websocket.receive_text()
            await websocket.send_json({"name": name, "price": PRICES.get(name)})


app = Starlette(
    routes=[
        Route("/", list_products),
        Route("/health", check_health),
        Mount("/products", routes=[Route("/{name}", show_product)]),
        Route("/checkout", place_order, methods=["POST"]),
        Route("/slow", respond_slowly),
        Route("/fail", raise_error),
        WebSocketRoute("/prices", send_prices),
    ]
)
app.add_middleware(AsgiMiddleware, metrics_path="/metrics")
