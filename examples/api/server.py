"""An API over HTTP/1.1, HTTP/2, WebSocket and gRPC on one port: `python server.py PORT REQUESTS_PER_SECOND_TO_REACH`.

`deckwatch.instrument` counts its requests, `connections.py` its connections. RELEASE=faulty is a release that fails for
one order in ten, and STORAGE_SECONDS the time that the storage behind the reports takes to answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from connections import ConnectionWatcher
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from hypercorn.asyncio import serve
from hypercorn.config import Config
from prometheus_client import Gauge
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from deckwatch.instrument import AsgiMiddleware

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send
    from starlette.websockets import WebSocket

STORAGE_SECONDS = float(os.environ.get("STORAGE_SECONDS", "0.3"))
IS_FAULTY = os.environ.get("RELEASE") == "faulty"
ORDERS = {number: {"id": number, "quantity": number % 7 + 1, "total": number * 1.25} for number in range(1, 1001)}
TARGET = Gauge("http_requests_per_second_target", "Requests per second that the API is to reach.")


async def show_order(request: Request) -> Response:
    """Show one order."""
    number = int(request.path_params["id"])
    if IS_FAULTY and number % 10 == 0:
        raise KeyError("discount")
    if number not in ORDERS:
        raise HTTPException(404, "no such order")
    return JSONResponse(ORDERS[number])


async def price_piece(request: Request) -> Response:
    """Return the price of one piece of an order: `{"quantity": 3, "total": 9}`. A quantity of 0 is not handled."""
    order = await request.json()
    return JSONResponse({"price": order["total"] / order["quantity"]}, status_code=201)


async def report_orders(_request: Request) -> Response:
    """Return totals, for which the storage is asked."""
    await asyncio.sleep(STORAGE_SECONDS)
    return JSONResponse({"orders": len(ORDERS), "total": sum(order["total"] for order in ORDERS.values())})


async def answer_messages(websocket: WebSocket) -> None:
    """Answer each number of an order with its total."""
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            number = int(await websocket.receive_text())
            await websocket.send_json(ORDERS.get(number))


class GrpcHealth:
    """The method Check of the gRPC service grpc.health.v1.Health, whose messages follow a prefix of 5 bytes."""

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        HealthCheckRequest.FromString(body[5:])
        answer = HealthCheckResponse(status=HealthCheckResponse.SERVING).SerializeToString()
        headers = [(b"content-type", b"application/grpc")]
        await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": True})
        await send({"type": "http.response.body", "body": b"\0" + len(answer).to_bytes(4, "big") + answer})
        await send({"type": "http.response.trailers", "headers": [(b"grpc-status", b"0")], "more_trailers": False})


app = Starlette(
    routes=[
        Route("/orders/{id:int}", show_order),
        Route("/prices", price_piece, methods=["POST"]),
        Route("/reports", report_orders),
        Route("/grpc.health.v1.Health/Check", GrpcHealth(), methods=["POST"]),
        WebSocketRoute("/totals", answer_messages),
    ]
)
app.add_middleware(AsgiMiddleware, metrics_path="/metrics")


class HealthCheck:
    """Answers /health before anything is counted: whoever asks for it is no client."""

    def __init__(self, counted: ASGIApp) -> None:
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection (ASGI)."""
        is_check = scope["type"] == "http" and scope["path"] == "/health"
        await (PlainTextResponse("ok") if is_check else self._counted)(scope, receive, send)


async def run_server(port: int, target: float) -> None:
    """Serve until SIGTERM."""
    TARGET.set(target)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    config = Config()
    config.bind = [f"{os.environ.get('LISTEN', '127.0.0.1')}:{port}"]
    config.graceful_timeout = 1.0
    config.keep_alive_timeout = 75.0  # as nginx: shorter than what clients keep, they would lose requests
    config.errorlog = "-"
    await serve(HealthCheck(ConnectionWatcher(app, port)), config, shutdown_trigger=stop.wait)


if __name__ == "__main__":
    asyncio.run(run_server(int(sys.argv[1]), float(sys.argv[2])))
