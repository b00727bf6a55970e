"""Find the template of the Starlette or FastAPI route that handled a request, such as `/orders/{id}`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableMapping

_PLACEHOLDER = re.compile(r"{(\w+)")


class Templates:
    """The templates of a router's routes, including mounted applications with the path of their mount.

    The router stores the selected route in the scope (older versions: only the endpoint). A mount sets the scope's path
    to the requested path, so the template must come from the tree of routes. FastAPI shares one route object among all
    inclusions of a router, and stores the inclusion separately.
    """

    def __init__(self) -> None:
        self._router: Any = None
        self._by_route: dict[int, tuple[Any, str]] = {}  # holding the route keeps its id unique
        self._by_endpoint: dict[Any, list[str]] = {}

    def find_template(self, scope: MutableMapping[str, Any]) -> str | None:
        """Return the template of the route in a scope that the router has processed."""
        router = scope.get("router")
        if router is None:
            return None
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
            return self._by_route[id(route)][1]
        return self._endpoint_template(endpoint, scope.get("path_params") or ())

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
