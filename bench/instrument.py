"""Middleware: CPU per request beside prometheus-fastapi-instrumentator and starlette-exporter.

The same applications of one and of fifty routes, on Starlette and on FastAPI, with each middleware and its default
settings, called in one process without a server. Rounds are interleaved in random order; the overhead is a round's
CPU time beyond that of the application alone in the same round. The peers are imported if they are installed:

    pip install --target DIR prometheus-fastapi-instrumentator starlette-exporter
    PYTHONPATH=DIR python -m bench instrument
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import random
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi import Request as FastApiRequest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bench._options import print_progress
from bench._samples import Samples, divide_pairs
from bench._sheet import Row, Targets, comparison_sheet
from deckwatch.instrument import AsgiMiddleware, WsgiMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

    from bench._options import Options
    from bench._sheet import Sheet

_MAX_RATIO = 1 / 2  # of a peer's overhead
_REQUESTS = 1_000  # of a round
_ROUNDS = 60
_ROUTES = (1, 50)
_OURS, _BARE = "deckwatch", "without"
_INSTRUMENTATOR, _STARLETTE = "prometheus-fastapi-instrumentator", "starlette-exporter"


def sheets(options: Options) -> Iterator[Sheet]:
    targets, rows, versions = Targets((__doc__ or "").partition("\n")[0]), [], []
    for framework, build in (("Starlette", _starlette_app), ("FastAPI", _fastapi_app)):
        for routes in _ROUTES:
            apps = {name: add(build(routes)) for name, add in _middlewares().items()}
            situation = f"{framework}, {routes} route{'s' * (routes > 1)}"
            print_progress(f"instrument: {situation}")
            times = _measure_rounds(apps, routes, 10 if options.quick else _ROUNDS)
            bare = Samples(tuple(times[_BARE])).median
            ours = [value - base for value, base in zip(times[_OURS], times[_BARE], strict=True)]
            rows.append(Row(situation, Samples(tuple(times[_OURS])).median, bare, "µs", "the application alone"))
            for peer in (_INSTRUMENTATOR, _STARLETTE):
                if peer in times:
                    _add_target(targets, situation, peer, ours, times)
    for peer in (_INSTRUMENTATOR, _STARLETTE):
        if peer in _middlewares():
            versions.append(f"{peer} {metadata.version(peer)}")
        else:
            print_progress(f"instrument: without {peer}, which is not installed")
    rows.append(_wsgi_row(10 if options.quick else _ROUNDS))
    yield comparison_sheet("CPU per request, with the application\n", rows)
    sheet = targets.to_sheet()
    if sheet.rows:
        yield sheet


def _add_target(targets: Targets, situation: str, peer: str, ours: list[float], times: dict[str, list[float]]) -> None:
    theirs = [value - base for value, base in zip(times[peer], times[_BARE], strict=True)]
    ratios = divide_pairs(ours, theirs)
    row = Row(
        f"overhead, {situation}",
        Samples(tuple(ours)).median,
        Samples(tuple(theirs)).median,
        "µs",
        what=peer,
        spread=ratios.quartiles,
        key=f"{situation.replace(', ', '_').replace(' ', '_').lower()}_vs_{peer.replace('-', '_')}",
    )
    targets.add_target(_MAX_RATIO, row)


def _middlewares() -> dict[str, Callable[[Any], Any]]:
    """Return functions that add a middleware to an application, by name; those of peers that are installed."""

    def add_ours(app: Any) -> Any:
        app.add_middleware(AsgiMiddleware, registry=CollectorRegistry())
        return app

    def add_instrumentator(app: Any) -> Any:
        module = importlib.import_module("prometheus_fastapi_instrumentator")
        module.Instrumentator(registry=CollectorRegistry()).instrument(app)
        return app

    def add_starlette_exporter(app: Any) -> Any:
        module = importlib.import_module("starlette_exporter")
        app.add_middleware(module.PrometheusMiddleware)
        return app

    result: dict[str, Callable[[Any], Any]] = {_BARE: lambda app: app, _OURS: add_ours}
    for name, add in ((_INSTRUMENTATOR, add_instrumentator), (_STARLETTE, add_starlette_exporter)):
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        result[name] = add
    return result


def _starlette_app(routes: int) -> Starlette:
    async def hello(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    return Starlette(routes=[Route(f"/hello{number}/{{name}}", hello) for number in range(routes)])


def _fastapi_app(routes: int) -> FastAPI:
    app = FastAPI()

    async def hello(_request: FastApiRequest) -> PlainTextResponse:
        return PlainTextResponse("hello")

    for number in range(routes):
        app.get(f"/hello{number}/{{name}}")(hello)
    return app


def _measure_rounds(apps: dict[str, Any], routes: int, rounds: int) -> dict[str, list[float]]:
    """Return the CPU time per request of each application, in µs, by round; requests go to all routes in turn."""
    times: dict[str, list[float]] = {name: [] for name in apps}
    order = list(apps)
    for name in order:
        _time_asgi(apps[name], routes, _REQUESTS)  # builds the stack of middlewares, and creates the series
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            times[name].append(_time_asgi(apps[name], routes, _REQUESTS))
    return times


def _time_asgi(app: Any, routes: int, requests: int) -> float:
    message = {"type": "http.request", "body": b""}

    async def receive() -> dict[str, Any]:
        return message

    async def send(_message: dict[str, Any]) -> None:
        pass

    async def run() -> None:
        for number in range(requests):
            scope = {"type": "http", "method": "GET", "path": f"/hello{number % routes}/a", "http_version": "1.1"}
            await app(scope | {"headers": [], "query_string": b"", "root_path": ""}, receive, send)

    return _time_call(lambda: asyncio.run(run())) / requests


def _wsgi_app(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"hello"]


def _wsgi_row(rounds: int) -> Row:
    apps = {_OURS: WsgiMiddleware(_wsgi_app, registry=CollectorRegistry()), _BARE: _wsgi_app}
    times: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(rounds):
        for name, app in apps.items():
            times[name].append(_time_wsgi(app, _REQUESTS))
    ours, bare = (Samples(tuple(times[name])).median for name in (_OURS, _BARE))
    return Row("WSGI", ours, bare, "µs", "a function that returns one line")


def _time_wsgi(app: Any, requests: int) -> float:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.1"}

    def run() -> None:
        for _ in range(requests):
            body = app(environ, lambda *_: None)
            for _piece in body:
                pass
            if hasattr(body, "close"):
                body.close()

    return _time_call(run) / requests


def _time_call(work: Callable[[], object]) -> float:
    """Return the CPU time of a call in µs, without garbage of other calls."""
    gc.collect()
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e6
