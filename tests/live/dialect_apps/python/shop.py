"""A small shop that counts its requests with one of several libraries: `python shop.py LIBRARY PORT`."""

from __future__ import annotations

import os
import sys
import time

SLOW_SECONDS = 0.15


def serve_fastapi(library: str, port: int) -> None:
    """Serve with FastAPI, instrumented by prometheus-fastapi-instrumentator, starlette-exporter or OpenTelemetry."""
    import uvicorn
    from fastapi import FastAPI, Response

    if library == "opentelemetry":
        os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http/dup"
    app = FastAPI()

    @app.get("/orders/{order}")
    def get_order(order: int) -> int:
        return order

    @app.post("/orders", status_code=201)
    def create_order() -> str:
        time.sleep(SLOW_SECONDS)
        return "created"

    @app.get("/fail")
    def fail() -> Response:
        return Response("failed", status_code=500)

    if library == "prometheus-fastapi-instrumentator":
        from prometheus_fastapi_instrumentator import Instrumentator

        Instrumentator(should_instrument_requests_inprogress=True).instrument(app).expose(app)
    elif library == "starlette-exporter":
        from starlette_exporter import PrometheusMiddleware, handle_metrics

        app.add_middleware(PrometheusMiddleware)
        app.add_route("/metrics", handle_metrics)
    else:
        from opentelemetry import metrics
        from opentelemetry.exporter.prometheus import PrometheusMetricReader
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.sdk.metrics import MeterProvider
        from prometheus_client import make_asgi_app

        metrics.set_meter_provider(MeterProvider(metric_readers=[PrometheusMetricReader()]))
        app.mount("/metrics", make_asgi_app())
        FastAPIInstrumentor.instrument_app(app, excluded_urls="metrics")
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False)


def serve_flask(port: int) -> None:
    """Serve with Flask, instrumented by prometheus-flask-exporter."""
    from flask import Flask
    from prometheus_flask_exporter import PrometheusMetrics

    app = Flask(__name__)
    PrometheusMetrics(app, group_by="url_rule")

    @app.get("/orders/<int:order>")
    def get_order(order: int) -> str:
        return str(order)

    @app.post("/orders")
    def create_order() -> tuple[str, int]:
        time.sleep(SLOW_SECONDS)
        return "created", 201

    @app.get("/fail")
    def fail() -> tuple[str, int]:
        return "failed", 500

    app.run("127.0.0.1", port, threaded=True)


def serve_django(port: int) -> None:
    """Serve with Django, instrumented by django-prometheus."""
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    import django
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.urls import include, path

    before, after = (f"django_prometheus.middleware.Prometheus{word}Middleware" for word in ("Before", "After"))
    settings.configure(
        ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], INSTALLED_APPS=["django_prometheus"], MIDDLEWARE=[before, after]
    )
    django.setup()

    def get_order(_request: object, order: int) -> HttpResponse:
        return HttpResponse(str(order))

    def create_order(_request: object) -> HttpResponse:
        time.sleep(SLOW_SECONDS)
        return HttpResponse("created", status=201)

    def fail(_request: object) -> HttpResponse:
        return HttpResponse("failed", status=500)

    global urlpatterns  # noqa: PLW0603 - where Django looks for it
    urlpatterns = [
        path("orders/<int:order>", get_order, name="order"),
        path("orders", create_order, name="orders"),
        path("fail", fail, name="fail"),
        path("", include("django_prometheus.urls")),
    ]

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    class Handler(WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with make_server("127.0.0.1", port, get_wsgi_application(), Server, Handler) as server:
        server.serve_forever()


urlpatterns: list[object] = []

if __name__ == "__main__":
    name, number = sys.argv[1], int(sys.argv[2])
    if name == "prometheus-flask-exporter":
        serve_flask(number)
    elif name == "django-prometheus":
        serve_django(number)
    else:
        serve_fastapi(name, number)
