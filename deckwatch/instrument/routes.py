"""Which route of a Starlette or FastAPI application answered a request, as its template: `/orders/{id}`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableMapping

_PLACEHOLDER = re.compile(r"{(\w+)")


class Templates:
    """The templates of a router's routes, those of mounted applications with their mount's path before them.

    The router leaves in the scope which route it chose (older ones: only which endpoint). A mount changes the
    scope's path to what was really asked for, so the template has to come from the tree of routes. FastAPI shares one
    route object among all inclusions of its router, and leaves beside it which of them it was.
    """

    def __init__(self) -> None:
        self._router: Any = None
        self._by_route: dict[int, tuple[Any, str]] = {}  # the route is held, so that its id stays its own
        self._by_endpoint: dict[Any, list[str]] = {}

    def find_template(self, scope: MutableMapping[str, Any]) -> str | None:
        """Return the template of the route that the scope, after its way through the router, was given to."""
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
        """Yield method and template of every route that names its methods, but for those that come with GET."""
        for route, template in _walk_routes(getattr(router, "routes", ()), ""):
            for method in sorted(set(getattr(route, "methods", None) or ()) - {"HEAD", "OPTIONS"}):
                yield method, template

    def _endpoint_template(self, endpoint: Any, parameters: Iterable[str]) -> str | None:
        """Return an endpoint's template; of several the one that has these parameters."""
        try:
            found = self._by_endpoint.get(endpoint, [])
        except TypeError:  # an endpoint that cannot be hashed
            return None
        wanted = set(parameters)
        return next((one for one in found if set(_PLACEHOLDER.findall(one)) == wanted), found[0] if found else None)

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
        for one in included() if included else (route,):
            # A mount in an included router stands behind its inclusion.
            real = getattr(one, "starlette_route", None) or one
            template = prefix + getattr(real, "path", "")
            yield one, template
            yield from _walk_routes(getattr(real, "routes", None) or (), template)
