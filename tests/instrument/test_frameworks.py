"""Route templates of real frameworks: Flask, and FastAPI with included and mounted routers."""

from __future__ import annotations

import asyncio

import fastapi
import flask
import pytest
from prometheus_client import CollectorRegistry

from deckwatch.instrument import AsgiMiddleware, WsgiMiddleware


@pytest.fixture
def registry():
    return CollectorRegistry()


def count_by_handler(registry):
    return {
        (sample.labels["handler"], sample.labels["code"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "http_requests_total" and sample.value
    }


def test_flask(registry):
    app = flask.Flask(__name__)
    app.add_url_rule("/orders/<int:number>", view_func=lambda number: f"order {number}")
    app.wsgi_app = WsgiMiddleware(app.wsgi_app, registry=registry)
    with app.test_client() as client:
        for path in ("/orders/1", "/orders/2", "/nowhere"):
            client.get(path).close()
    assert count_by_handler(registry) == {("/orders/<int:number>", "200"): 2, ("none", "404"): 1}


def _build_app(registry):
    router = fastapi.APIRouter(prefix="/orders")
    router.add_api_route("/{number}", lambda number: number)
    mounted = fastapi.FastAPI()
    mounted.include_router(router)
    app = fastapi.FastAPI()
    app.include_router(router, prefix="/v1")
    app.include_router(router, prefix="/v2")
    app.mount("/old/{shop}", mounted)
    app.add_middleware(AsgiMiddleware, registry=registry)
    return app


def _send_request(app, path):
    async def receive():
        return {"type": "http.request"}

    async def send(_message):
        pass

    scope = {"type": "http", "method": "GET", "path": path, "http_version": "1.1", "headers": [], "query_string": b""}
    asyncio.run(app(scope, receive, send))


def test_fastapi_inclusions_of_one_router_are_distinguished(registry):
    app = _build_app(registry)
    for path in ("/v1/orders/1", "/v1/orders/2", "/v2/orders/1", "/old/tea/orders/1", "/old/honey/orders/1", "/x"):
        _send_request(app, path)
    assert count_by_handler(registry) == {
        ("/v1/orders/{number}", "200"): 2,
        ("/v2/orders/{number}", "200"): 1,
        ("/old/{shop}/orders/{number}", "200"): 2,
        ("none", "404"): 1,
    }


def test_fastapi_routes_added_at_run_time_are_found(registry):
    app = _build_app(registry)
    _send_request(app, "/v1/orders/1")
    app.add_api_route("/late/{number}", lambda number: number)
    _send_request(app, "/late/1")
    assert count_by_handler(registry)["/late/{number}", "200"] == 1
