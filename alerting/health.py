"""Health: the components of a project and their dependencies, as series that the topic `health` reads.

    watch:
      probes:
        - {service: shop, http: 'http://shop.internal/health'}
        - {service: payments, tcp: 'payments.example:443', kind: dependency}
      depends:
        shop: payments

A component is a service that is probed or scraped, or a database. `component:declared:info` has one series per
component, so that a component without data is unknown rather than forgotten; `component:depends_on:info` has one per
dependency. They are recorded rather than exported: the graph covers all machines and must outlive each of them.
`rules/health.yaml` defines the score and how it is explained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.alerting import formatting
from deckwatch.core import yaml_file, yaml_write
from deckwatch.core.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.alerting.project_data import WatchData
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Document, Path

TOPIC = "health"
_DECLARED = "component:declared:info"
_DEPENDS = "component:depends_on:info"
_GRAPH: Path = ("watch", "depends")


def build_documents(project: Project) -> list[Document]:
    """Return the topic file that records a project's components and dependencies; [] without valid components."""
    components = list(find_components(project))
    if not components or any(find_problems(project)):
        return []
    declared = [{"component": component} for component in components]
    recordings = {_DECLARED: _info_recording("Declared components.", declared)}
    if edges := [{"component": component, "depends_on": other} for component, other, _ in _dependency_edges(project)]:
        recordings[_DEPENDS] = _info_recording("Dependencies between components.", edges)
    return [yaml_file.parse_yaml(yaml_write.dump_yaml({"recordings": recordings}), f"{TOPIC}.yaml")]


def find_components(project: Project) -> Mapping[str, Path]:
    """Return the services and databases by name, each with the path that names it first."""
    watch = _watch_options(project)
    components: dict[str, Path] = {}
    for path, entries, key in (
        (("watch", "probes"), watch.get("probes"), "service"),
        (("watch", "postgres"), watch.get("postgres"), "name"),
        (("scrape",), project.data.get("scrape"), "service"),
    ):
        for i, entry in enumerate(entries or ()):
            if key in entry:  # an engine whose containers are scraped has no service
                components.setdefault(entry[key], (*path, i, key))
    return components


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield unknown names, conflicting kinds, and duplicate or circular dependencies."""
    components = find_components(project)
    kinds: dict[str, str] = {}
    for i, probe in enumerate(_watch_options(project).get("probes") or ()):
        service, kind = probe.get("service", ""), probe.get("kind", "component")
        if kinds.setdefault(service, kind) != kind:
            message = f"{service} is probed as a {kinds[service]} above and as a {kind} here"
            hint = f"write kind: {kinds[service]} here too" if kind == "component" else ""
            yield project.document.problem(("watch", "probes", i, "kind"), message, hint)
    needs: dict[str, list[str]] = {}
    reported: set[str] = set()
    for component, other, path in _dependency_edges(project):
        for name, name_path, is_key in ((component, (*_GRAPH, component), True), (other, path, False)):
            if name not in components and not (is_key and name in reported):
                reported |= {name} if is_key else set()
                message = f"no service or database is called {name}"
                yield project.document.problem(name_path, message, did_you_mean(name, components), key=is_key)
        if other in needs.get(component, ()):
            yield project.document.problem(path, f"duplicate dependency {other}")
        elif cycle := _find_path(other, component, needs):
            message = f"{component} would depend on itself: {' → '.join((component, *cycle))}"
            yield project.document.problem(path, message, "remove one of these dependencies")
        else:
            needs.setdefault(component, []).append(other)


def _watch_options(project: Project) -> WatchData:
    options: WatchData | None = project.data.get("watch")
    return options or {}


def _dependency_edges(project: Project) -> Iterator[tuple[str, str, Path]]:
    """Yield (component, dependency, path of the dependency)."""
    for component, others in (_watch_options(project).get("depends") or {}).items():
        if isinstance(others, str):
            yield component, others, (*_GRAPH, component)
        else:
            yield from ((component, other, (*_GRAPH, component, i)) for i, other in enumerate(others))


def _find_path(start: str, end: str, needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names on a path from one component to another, both included; [] where there is none."""
    paths = [[start]]
    seen = {start}
    while paths:
        path = paths.pop()
        if path[-1] == end:
            return path
        fresh = [name for name in needs.get(path[-1], ()) if name not in seen]
        seen |= set(fresh)
        paths += [[*path, name] for name in fresh]
    return []


def _info_recording(about: str, series: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {"expr": formatting.union_series(series), "about": about}
