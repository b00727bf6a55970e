"""Find the template of the Starlette or FastAPI route that handled a request, such as `/orders/{id}`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableMapping

# The key in a scope or environ for the route's template, for frameworks that do not store the route.
HANDLER = "deckwatch.handler"

_PLACEHOLDER = re.compile(r"{(\w+)")
_MAX_WRAPPERS = 50  # middlewares between ours and the framework


class Templates:
    """The templates of a router's routes, including mounted applications with the path of their mount.

    The router stores the selected route in the scope (older versions: only the endpoint). A mount sets the scope's path
    to the requested path, so the template must come from the tree of routes. FastAPI shares one route object among all
    inclusions of a router, and stores the inclusion separately.

    A middleware may pass on a copy of the scope, in which the router's entries are lost. The routes are then matched
    again, with the router of the application in the scope or else of the wrapped application.
    """

    def __init__(self, app: Any = None) -> None:
        self._app = app
        self._router: Any = None
        self._by_route: dict[int, tuple[Any, str]] = {}  # holding the route keeps its id unique
        self._by_endpoint: dict[Any, list[str]] = {}

    def find_template(self, scope: MutableMapping[str, Any]) -> str | None:
        """Return the template that the application set, or of the route in a scope that the router has processed."""
        template = scope.get(HANDLER)
        if template is not None:
            return str(template)
        router = scope.get("router")
        if router is None:
            return _match_routes(getattr(self.find_router(scope), "routes", ()), scope)
        if router is not self._router:
            self._read_routes(router)
        route, endpoint = scope.get("route"), scope.get("endpoint")
        inclusion = (scope.get("fastapi") or {}).get("effective_route_context")
        if inclusion is not None and inclusion.original_route is route:
            route = inclusion
        if route is not None:
            if id(route) not in self._by_route:  # added while the application runs
                self._read_routes(router)
                self._by_route.setdefault(id(route), (route, getattr(route, "path", "")))
            mount, template = route, self._by_route[id(route)][1]
        else:
            mount, template = endpoint, self._endpoint_template(endpoint, scope.get("path_params") or ()) or ""
        # The scope ends at a mount only if the mounted application's routing is not in it.
        nested = getattr(mount, "routes", None)
        return (_match_routes(nested, scope, template) if nested else None) or template or None

    def find_router(self, scope: MutableMapping[str, Any]) -> Any:
        """Return the router in a scope, else that of the application; None if neither has one."""
        router = scope.get("router") or getattr(scope.get("app"), "router", None)
        app = self._app
        for _ in range(_MAX_WRAPPERS):
            if router is not None or app is None:
                break
            router, app = getattr(app, "router", None), getattr(app, "app", None)
        return router

    def list_templates(self, router: Any) -> Iterator[tuple[str, str]]:
        """Yield method and template of every route that declares methods, except HEAD and OPTIONS."""
        for route, template in _walk_routes(getattr(router, "routes", ()), ""):
            for method in sorted(set(getattr(route, "methods", None) or ()) - {"HEAD", "OPTIONS"}):
                yield method, template

    def _endpoint_template(self, endpoint: Any, parameters: Iterable[str]) -> str | None:
        """Return the template of an endpoint; if it has several, the one with these parameters."""
        try:
            templates = self._by_endpoint.get(endpoint, [])
        except TypeError:  # unhashable endpoint
            return None
        names = set(parameters)
        matches = (template for template in templates if set(_PLACEHOLDER.findall(template)) == names)
        return next(matches, templates[0] if templates else None)

    def _read_routes(self, router: Any) -> None:
        self._router = router
        self._by_route.clear()
        self._by_endpoint.clear()
        for route, template in _walk_routes(getattr(router, "routes", ()), ""):
            self._by_route[id(route)] = (route, template)
            endpoint = getattr(route, "endpoint", None) or getattr(route, "app", None)
            if endpoint is not None and getattr(endpoint, "__hash__", None):
                self._by_endpoint.setdefault(endpoint, []).append(template)


def _walk_routes(routes: Iterable[Any], prefix: str) -> Iterator[tuple[Any, str]]:
    """Yield every route, and every inclusion of a route, with its full template."""
    for route in routes:
        included = getattr(route, "effective_route_contexts", None)
        for entry in included() if included else (route,):
            # The inclusion of a mount refers to the mount as `starlette_route`.
            target = getattr(entry, "starlette_route", None) or entry
            template = prefix + getattr(target, "path", "")
            yield entry, template
            yield from _walk_routes(getattr(target, "routes", None) or (), template)


def _match_routes(routes: Iterable[Any], scope: MutableMapping[str, Any], prefix: str = "") -> str | None:
    """Return the template of the route that a router selects for a scope: the first full match, else a partial one."""
    partial = None
    try:
        for route in routes:
            included = getattr(route, "effective_route_contexts", None)
            for entry in included() if included else (route,):
                copied = dict(scope)
                match, changes = entry.matches(copied)
                if match.name == "NONE":
                    continue
                target = getattr(entry, "starlette_route", None) or entry
                template = prefix + getattr(target, "path", "")
                if match.name == "FULL":
                    nested = getattr(target, "routes", None) or ()
                    return _match_routes(nested, copied | changes, template) or template
                partial = partial or template
    except (AttributeError, KeyError, TypeError, ValueError):  # not the routes of Starlette or FastAPI
        return None
    return partial
