"""The metrics of a running job over HTTP, for jobs that Prometheus scrapes directly."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING

from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Callable

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_TIMEOUT_SECONDS = 5


class JobPage:
    """A server of `/metrics`, on threads that end with the process; `render` returns the text of the page.

    Raises DeckwatchError if the address cannot be used.
    """

    def __init__(self, host: str, port: int, render: Callable[[], str]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = _TIMEOUT_SECONDS

            def do_GET(handler) -> None:  # noqa: N805 - the interface of http.server; `self` is the page
                is_page = handler.path.partition("?")[0] in ("/", "/metrics")
                body = render().encode("utf-8", "replace") if is_page else b"see /metrics\n"
                handler.send_response(200 if is_page else 404)
                handler.send_header("Content-Type", _CONTENT_TYPE)
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                handler.wfile.write(body)

            def log_message(handler, *_: object) -> None:  # noqa: N805
                """Write nothing: standard error belongs to the job."""

        try:
            self._server = http.server.ThreadingHTTPServer((host, port), Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DeckwatchError(f"cannot listen on {host}:{port}: {reason}") from None
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
