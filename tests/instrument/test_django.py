"""Django answers unhandled exceptions with status 500 itself, those of synchronous and asynchronous views alike."""

from __future__ import annotations

import asyncio
import logging
from wsgiref.util import setup_testing_defaults

import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpResponse
from django.urls import path
from django.utils.deprecation import MiddlewareMixin
from prometheus_client import CollectorRegistry

from deckwatch.instrument import AsgiMiddleware, WsgiMiddleware


class RouteName(MiddlewareMixin):
    """The middleware of the guide."""

    def process_view(self, request, *_):
        target = request.scope if hasattr(request, "scope") else request.environ
        target["deckwatch.handler"] = request.resolver_match.route


def divide(_request, number: int):
    return HttpResponse(number / 0)


async def divide_later(_request, number: int):
    await asyncio.sleep(0)
    return HttpResponse(number / 0)


def raise_not_found(_request):
    raise Http404


urlpatterns = [
    path("orders/<int:number>", divide),
    path("later/<int:number>", divide_later),
    path("missing", raise_not_found),
    path("", lambda _request: HttpResponse("hello")),
]
REQUESTS = ("/orders/1", "/orders/2", "/later/3", "/missing", "/nowhere", "/")


@pytest.fixture(scope="module", autouse=True)
def django():
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[f"{__name__}.RouteName"])
    logging.getLogger("django.request").setLevel(logging.CRITICAL)


def send_wsgi_requests(registry: CollectorRegistry) -> None:
    application = WsgiMiddleware(get_wsgi_application(), registry=registry)
    for requested in REQUESTS:
        environ: dict = {"PATH_INFO": requested}
        setup_testing_defaults(environ)
        body = application(environ, lambda *_: None)
        list(body)
        body.close()


def send_asgi_requests(registry: CollectorRegistry) -> None:
    application = AsgiMiddleware(get_asgi_application(), registry=registry)

    async def send_requests() -> None:
        for requested in REQUESTS:
            ended = asyncio.Event()

            messages = [{"type": "http.request", "body": b""}]

            async def receive(messages=messages, ended=ended):
                if messages:
                    return messages.pop()
                await ended.wait()
                return {"type": "http.disconnect"}

            async def send(message, ended=ended):
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    ended.set()

            scope = {"type": "http", "method": "GET", "path": requested, "headers": [(b"host", b"shop")]}
            await application({**scope, "http_version": "1.1", "query_string": b""}, receive, send)

    asyncio.run(send_requests())


def exception_counts(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["type"], sample.labels["handler"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "http_exceptions_total"
    }


@pytest.mark.parametrize("send_requests", [send_wsgi_requests, send_asgi_requests])
def test_exceptions_that_django_answers_are_counted(send_requests) -> None:
    registry = CollectorRegistry()
    send_requests(registry)
    assert exception_counts(registry) == {
        ("ZeroDivisionError", "orders/<int:number>"): 2,
        ("ZeroDivisionError", "later/<int:number>"): 1,
    }
    codes = {
        (sample.labels["handler"], sample.labels["code"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "http_requests_total" and sample.value
    }
    assert codes == {
        ("orders/<int:number>", "500"): 2,
        ("later/<int:number>", "500"): 1,
        ("missing", "404"): 1,
        ("none", "404"): 1,
        ("none", "200"): 1,  # the template of the root is empty
    }


def test_an_exception_that_django_reports_and_raises_is_counted_once(monkeypatch) -> None:
    monkeypatch.setattr(settings, "DEBUG_PROPAGATE_EXCEPTIONS", True, raising=False)
    registry = CollectorRegistry()
    with pytest.raises(ZeroDivisionError):
        send_wsgi_requests(registry)
    assert exception_counts(registry) == {("ZeroDivisionError", "orders/<int:number>"): 1}
