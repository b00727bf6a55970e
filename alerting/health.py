"""Health: what the project names becomes series by which the topic `health` knows which components there are.

    watch:
      probes:
        - {service: shop, http: 'http://shop.internal/health'}
        - {service: payments, tcp: 'payments.example:443', kind: dependency}
      depends:
        shop: payments

A component is a service that is probed or scraped, or a database. `component:declared:info` says of each that it is
there, so that one of which nothing is heard is unknown and not forgotten; `component:depends_on:info` is which needs
which. They are recorded, and not shown by the exporter: the graph is one for all machines, and is there when one of
these does not answer. What a score is, and what explains it, stands in `rules/health.yaml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.alerting import formatting
from deckwatch.core import yaml_file, yaml_write
from deckwatch.core.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Document, Path

TOPIC = "health"
_DECLARED = "component:declared:info"
_DEPENDS = "component:depends_on:info"
_GRAPH: Path = ("watch", "depends")


def build_documents(project: Project) -> list[Document]:
    """Return the topic's file that records a project's components and what they need; none where there are none."""
    needed = list(find_components(project))
    if not needed or any(find_problems(project)):
        return []
    recordings = {
        _DECLARED: _info_recording("Components that ought to be there.", [{"component": one} for one in needed])
    }
    if edges := [{"component": one, "depends_on": other} for one, other, _ in _dependency_edges(project)]:
        recordings[_DEPENDS] = _info_recording("Which component needs which.", edges)
    return [yaml_file.parse_yaml(yaml_write.dump_yaml({"recordings": recordings}), f"{TOPIC}.yaml")]


def find_components(project: Project) -> Mapping[str, Path]:
    """Return what can be well or ill, each with the place that names it first: services and databases."""
    watch: Mapping[str, Any] = project.data.get("watch") or {}
    found: dict[str, Path] = {}
    for path, entries, word in (
        (("watch", "probes"), watch.get("probes"), "service"),
        (("watch", "postgres"), watch.get("postgres"), "name"),
        (("scrape",), project.data.get("scrape"), "service"),
    ):
        for i, entry in enumerate(entries or ()):
            if word in entry:  # an engine whose containers are scraped has none
                found.setdefault(entry[word], (*path, i, word))
    return found


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield what is wrong with the components beyond their structure: names, kinds that differ, circles."""
    known = find_components(project)
    kinds: dict[str, str] = {}
    for i, probe in enumerate((project.data.get("watch") or {}).get("probes") or ()):
        service, kind = probe.get("service", ""), probe.get("kind", "component")
        if kinds.setdefault(service, kind) != kind:
            message = f"{service} is probed as a {kinds[service]} above and as a {kind} here"
            hint = f"say kind: {kinds[service]} here too" if kind == "component" else ""
            yield project.document.problem(("watch", "probes", i, "kind"), message, hint)
    needs: dict[str, list[str]] = {}
    told: set[str] = set()
    for one, other, path in _dependency_edges(project):
        for name, place, key in ((one, (*_GRAPH, one), True), (other, path, False)):
            if name not in known and not (key and name in told):
                told |= {name} if key else set()
                message = f"no service and no database is called {name}"
                yield project.document.problem(place, message, did_you_mean(name, known), key=key)
        if other in needs.get(one, ()):
            yield project.document.problem(path, f"{other} stands there twice")
        elif way := _find_path(other, one, needs):
            message = f"{one} would depend on itself: {' → '.join((one, *way))}"
            yield project.document.problem(path, message, "leave one of these out")
        else:
            needs.setdefault(one, []).append(other)


def _dependency_edges(project: Project) -> Iterator[tuple[str, str, Path]]:
    """Yield what depends on what, each with its place."""
    said: Mapping[str, Any] = (project.data.get("watch") or {}).get("depends") or {}
    for one, others in said.items():
        if isinstance(others, str):
            yield one, others, (*_GRAPH, one)
        else:
            yield from ((one, other, (*_GRAPH, one, i)) for i, other in enumerate(others))


def _find_path(start: str, end: str, needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names on a way from one component to another, both included; none where there is no way."""
    ways = [[start]]
    seen = {start}
    while ways:
        way = ways.pop()
        if way[-1] == end:
            return way
        fresh = [name for name in needs.get(way[-1], ()) if name not in seen]
        seen |= set(fresh)
        ways += [[*way, name] for name in fresh]
    return []


def _info_recording(about: str, series: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {"expr": "\nor\n".join(formatting.add_labels("vector(1)", labels) for labels in series), "about": about}
