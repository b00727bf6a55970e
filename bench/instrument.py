"""Middleware: the overhead per request of an instrumented application.

A Starlette application with one route, called 20,000 times in one process without a server; best of five.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bench._sheet import Row, comparison_sheet
from deckwatch.instrument import AsgiMiddleware, WsgiMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from bench._options import Options
    from bench._sheet import Sheet

TIMES = 20_000


def sheets(_: Options) -> Iterator[Sheet]:
    yield comparison_sheet(__doc__, _rows())


def _rows() -> Iterator[Row]:
    bare, measured = _starlette_app(), _starlette_app()
    measured.add_middleware(AsgiMiddleware, registry=CollectorRegistry())
    yield Row("ASGI request", _time_asgi(measured), _time_asgi(bare), "µs", "Starlette without the middleware")
    app = WsgiMiddleware(_wsgi_app, registry=CollectorRegistry())
    yield Row("WSGI request", _time_wsgi(app), _time_wsgi(_wsgi_app), "µs", "a function that returns one line")


def _starlette_app() -> Starlette:
    async def hello(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    return Starlette(routes=[Route("/hello/{name}", hello)])


def _time_asgi(app: Any) -> float:
    message = {"type": "http.request", "body": b""}

    async def receive() -> dict[str, Any]:
        return message

    async def send(_message: dict[str, Any]) -> None:
        pass

    async def run() -> None:
        for _ in range(TIMES):
            scope = {"type": "http", "method": "GET", "path": "/hello/a", "http_version": "1.1"}
            await app(scope | {"headers": [], "query_string": b"", "root_path": ""}, receive, send)

    return min(_time_call(lambda: asyncio.run(run())) for _ in range(5)) / TIMES * 1e6


def _wsgi_app(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"hello"]


def _time_wsgi(app: Any) -> float:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.1"}

    def run() -> None:
        for _ in range(TIMES):
            body = app(environ, lambda *_: None)
            for _piece in body:
                pass
            if hasattr(body, "close"):
                body.close()

    return min(_time_call(run) for _ in range(5)) / TIMES * 1e6


def _time_call(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
