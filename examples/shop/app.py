"""A small web shop that is watched: HTTP and WebSocket metrics by the middleware, business metrics by hand.

    uvicorn app:app --port 8000

It keeps its stock in memory and takes orders; `/fail` and `/slow` are there to be seen on a dashboard.
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

ORDERS = business.counter("shop_orders", "Orders by how they ended.", labels=["status"], start=[["paid"], ["refused"]])
REVENUE = business.counter(
    "shop_revenue",
    "Revenue of paid orders.",
    unit="the currency's whole unit",
    labels=["currency"],
    start=[[currency] for currency in CURRENCIES],
)
STARTED = business.counter("shop_checkouts_started", "Checkouts begun.")
COMPLETED = business.counter("shop_checkouts_completed", "Checkouts that ended with a paid order.")
ACTIVE = business.gauge("shop_orders_active", "Orders that are being worked on.")


async def home(_request: Request) -> Response:
    """Say what is for sale."""
    return JSONResponse({"products": sorted(PRICES)})


async def health(_request: Request) -> Response:
    """Answer a probe."""
    return PlainTextResponse("ok")


async def product(request: Request) -> Response:
    """Show one product."""
    name = request.path_params["name"]
    if name not in PRICES:
        raise HTTPException(404, "no such product")
    return JSONResponse({"name": name, "price": PRICES[name]})


async def checkout(request: Request) -> Response:
    """Take an order: `{"product": "tea", "quantity": 2, "currency": "EUR"}`."""
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


async def slow(request: Request) -> Response:
    """Answer after `?seconds=`, at most ten."""
    await asyncio.sleep(min(float(request.query_params.get("seconds", 1)), 10.0))
    return PlainTextResponse("done")


async def fail(_request: Request) -> Response:
    """Break, as programs do."""
    raise RuntimeError("this page is broken on purpose")


async def prices(websocket: WebSocket) -> None:
    """Tell the price of each product that is asked for."""
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            name = await websocket.receive_text()
            await websocket.send_json({"name": name, "price": PRICES.get(name)})


app = Starlette(
    routes=[
        Route("/", home),
        Route("/health", health),
        Mount("/products", routes=[Route("/{name}", product)]),
        Route("/checkout", checkout, methods=["POST"]),
        Route("/slow", slow),
        Route("/fail", fail),
        WebSocketRoute("/prices", prices),
    ]
)
app.add_middleware(AsgiMiddleware, metrics_path="/metrics")
