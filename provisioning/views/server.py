"""The HTTP endpoints of views, as an ASGI application. It only reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import orjson

from deckwatch.core import units
from deckwatch.core.masking import mask_secrets
from deckwatch.core.problems import DeckwatchError, add_hint, did_you_mean
from deckwatch.core.short_cache import ShortCache
from deckwatch.exporter.server import Response, run_in_thread, send_response
from deckwatch.provisioning.views.answer import Answer, Answerer, BadRequest, Parameters, read_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.exporter.server import Receive, Scope, Send
    from deckwatch.provisioning.views.model import View

JSON = "application/json"
ROOT = "/api/v1/views"
_CACHE_SECONDS = 1.0
_CHOICE = "{metric}"
_MAX_FIELDS = 20
CACHE_CONTROL = "private, no-cache"  # a client may keep an answer, but asks again with its entity tag

Mount = Callable[["Scope", "Receive"], Awaitable[Response]]


class ViewsApp:
    """Answers `/api/v1/views`, `/api/v1/views/NAME` and the other paths of views.

    `mounts` answer requests for their path and for all below it, without reading a body.
    """

    def __init__(
        self, views: Mapping[str, View], answerer: Answerer, mounts: Mapping[str, Mount] | None = None
    ) -> None:
        self._mounts = mounts or {}
        self._views = views
        self._answerer = answerer
        self._paths = {path: view for view in views.values() for path in view.paths}
        self._cache: ShortCache[Answer | Response] = ShortCache(_CACHE_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, without reading its body."""
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        response = await self._route_request(scope, receive)
        if scope["method"] == "HEAD":
            response = replace(response, body=b"")
        await send_response(scope, send, response)

    async def _route_request(self, scope: Scope, receive: Receive) -> Response:
        path: str = scope["path"].rstrip("/")
        if scope["method"] not in ("GET", "HEAD"):
            return error_response(405, "this listener can only be read", ("allow", "GET, HEAD"))
        if path == "/healthz":
            return Response(200, b"ok\n")
        for root, answer_mounted in self._mounts.items():
            if path == root or path.startswith(f"{root}/"):
                return await answer_mounted(scope, receive)
        if path == ROOT:
            return Response(200, self._render_list(), JSON)
        view, choice = self._find_view(path)
        if view is None:
            if not path.startswith(f"{ROOT}/"):
                roots = " or ".join((ROOT, *self._mounts))
                return error_response(404, f"there is nothing here; ask for {roots}, which list what there is")
            name = path.removeprefix(f"{ROOT}/")
            return error_response(404, add_hint(f"no view is called {name[:100]}", did_you_mean(name, self._views)))
        try:
            parameters = read_parameters(view, {**read_fields(scope), **choice}, units.parse_duration)
        except BadRequest as error:
            return error_response(400, str(error))
        except ValueError:
            return error_response(400, "the parameters cannot be read")
        answer = await self._cache.get((view.name, parameters), lambda: self._make_answer(view, parameters))
        if isinstance(answer, Response):
            return answer
        headers = (("etag", answer.etag),)
        if matches_etag(find_header(scope, b"if-none-match"), answer.etag):
            return Response(304, b"", JSON, headers, CACHE_CONTROL)
        return Response(200, answer.body, JSON, headers, CACHE_CONTROL)

    async def _make_answer(self, view: View, parameters: Parameters) -> Answer | Response:
        """Return the answer, or status 500 with the reason if Prometheus fails."""
        try:
            return await run_in_thread(lambda: self._answerer.answer_view(view, parameters))
        except DeckwatchError as error:
            return error_response(500, mask_secrets(str(error)), view=view.name)

    def _find_view(self, path: str) -> tuple[View | None, dict[str, list[str]]]:
        """Return the view of a path, and the choice that is part of the path."""
        if view := self._views.get(path.removeprefix(f"{ROOT}/")) if path.startswith(f"{ROOT}/") else None:
            return view, {}
        if view := self._paths.get(path):
            return view, {}
        head, _, last = path.rpartition("/")
        if view := self._paths.get(f"{head}/{_CHOICE}"):
            return view, {"metric": [unquote(last)]}
        return None, {}

    def _render_list(self) -> bytes:
        return orjson.dumps({"views": [describe_view(view) for view in self._views.values()]})


def describe_view(view: View) -> dict[str, Any]:
    """Return the name, meaning, paths and parameters of a view."""
    parameters = {"metric": view.list_choices()} if view.list_choices() else {}
    if view.has_range:
        parameters["range"] = ["a duration such as 1h"]
    return {
        "name": view.name,
        "about": view.about,
        "paths": [f"{ROOT}/{view.name}", *view.paths],
        "parameters": parameters,
    }


def matches_etag(header: str, etag: str) -> bool:
    """Return whether a header If-None-Match has an entity tag, by weak comparison (RFC 9110, section 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags


def read_fields(scope: Scope) -> dict[str, list[str]]:
    """Return the fields of a request's query string; raises ValueError if there are too many."""
    return parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)


def find_header(scope: Scope, name: bytes) -> str:
    """Return the value of a request's header, '' without it; several are joined by commas."""
    return ",".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)


def error_response(status: int, message: str, *headers: tuple[str, str], **details: str) -> Response:
    """Return a response whose body is a JSON object with the message and the details."""
    return Response(status, orjson.dumps({"error": message, **details}), JSON, headers)
