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


class ScopeCopier:
    """A middleware that passes on a copy of the scope, as ASGI allows."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(dict(scope), receive, send)


@pytest.mark.parametrize("position", ["inside the application", "around the application", "inside a mounted one"])
def test_a_middleware_that_copies_the_scope_keeps_the_handler(registry, position):
    router = fastapi.APIRouter(prefix="/orders")
    router.add_api_route("/{number}", lambda number: number)
    mounted, app = fastapi.FastAPI(), fastapi.FastAPI()
    mounted.include_router(router)
    app.include_router(router, prefix="/v1")
    app.add_api_route("/late/{number}", lambda number: number)
    app.mount("/old/{shop}", mounted)
    if position == "around the application":
        measured = AsgiMiddleware(ScopeCopier(app), registry=registry)
    else:
        (app if position == "inside the application" else mounted).add_middleware(ScopeCopier)
        measured = AsgiMiddleware(app, registry=registry)
    for path in ("/v1/orders/1", "/late/1", "/old/tea/orders/1", "/nowhere"):
        _send_request(measured, path)
    assert count_by_handler(registry) == {
        ("/v1/orders/{number}", "200"): 1,
        ("/late/{number}", "200"): 1,
        ("/old/{shop}/orders/{number}", "200"): 1,
        ("none", "404"): 1,
    }


@pytest.mark.parametrize("is_propagated", [False, True])
def test_exceptions_that_flask_answers_itself_are_counted_once(registry, is_propagated):
    app = flask.Flask(__name__)
    app.config["PROPAGATE_EXCEPTIONS"] = is_propagated
    app.add_url_rule("/orders/<int:number>", view_func=lambda number: number / 0)
    app.wsgi_app = WsgiMiddleware(app.wsgi_app, registry=registry)
    for _ in range(2):
        if is_propagated:
            with pytest.raises(ZeroDivisionError):
                app.test_client().get("/orders/1")
        else:
            app.test_client().get("/orders/1").close()
    labels = {"type": "ZeroDivisionError", "handler": "/orders/<int:number>"}
    assert registry.get_sample_value("http_exceptions_total", labels) == 2
    assert count_by_handler(registry) == {("/orders/<int:number>", "500"): 2}


def test_exceptions_with_an_error_handler_are_not_counted(registry):
    app = flask.Flask(__name__)
    app.register_error_handler(ZeroDivisionError, lambda _error: ("none left", 409))
    app.add_url_rule("/orders/<int:number>", view_func=lambda number: number / 0)
    app.wsgi_app = WsgiMiddleware(app.wsgi_app, registry=registry)
    app.test_client().get("/orders/1").close()
    assert count_by_handler(registry) == {("/orders/<int:number>", "409"): 1}
    assert not [s for family in registry.collect() for s in family.samples if s.name == "http_exceptions_total"]
