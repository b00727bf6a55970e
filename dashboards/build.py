"""All dashboards together: read, resolved, checked, rendered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dashboards import checks, events, ids, live, panels, render, schema, spec, variables
from dashboards.queries import Query, Resolver
from dashboards.versions import fitted
from deckwatch.core import plugins, signalfile
from deckwatch.core.artifact import Artifact
from deckwatch.core.place import Problem
from deckwatch.core.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from dashboards.events import Event
    from dashboards.panels import PanelType
    from dashboards.sources import Source
    from dashboards.spec import Dashboard, Panel
    from dashboards.variables import Variable
    from deckwatch.core.catalog import Catalog
    from deckwatch.core.jsonnet import Engine, Renderer
    from deckwatch.core.signal import Signals
    from deckwatch.core.yamlfile import Path as YamlPath


@dataclass(frozen=True)
class Settings:
    """What holds for all dashboards. `own_panels` is a user's folder of panel files."""

    refresh: str = "30s"
    engine: Engine = "rjsonnet"
    own_panels: Path | None = None


@dataclass(frozen=True)
class Built:
    """A dashboard with its queries resolved, by the path of their panel."""

    dashboard: Dashboard
    queries: Mapping[YamlPath, Sequence[Query]]
    variables: Sequence[Variable]
    inputs: Sequence[Mapping[str, Any]]
    events: Sequence[Event]
    alerts: str
    refresh: str

    def key(self, panel: Panel) -> str:
        """Return the name by which a panel's number is made: its `id`, or its word and its title."""
        if "id" in panel.said:
            return str(panel.said["id"])
        return f"{panel.word} {render.title(panel, self.queries[panel.path]) or panel.content}"

    def named(self) -> Iterator[tuple[str, YamlPath]]:
        """Yield the names of all rows and panels, in order, each with its path."""
        for row in self.dashboard.rows:
            if row.title:
                yield f"row {row.title}", (*row.path, "row")
            for panel in row.panels:
                yield self.key(panel), panel.path

    def examined(self, check: str) -> Iterator[tuple[Panel, Sequence[Query]]]:
        """Yield the panels that a check holds for, with their queries: all but those that say why it does not."""
        for panel in self.dashboard.panels():
            if check not in panel.said.get("allow", {}):
                yield panel, self.queries[panel.path]

    def numbers(self) -> dict[str, int]:
        """Return the numbers of rows and panels by their names."""
        keys = [key for key, _ in self.named()]
        return dict(zip(keys, ids.numbers(keys), strict=True))

    def titles(self) -> dict[str, int]:
        """Return the numbers of panels by their titles; of several with one title the first."""
        numbers = self.numbers()
        found: dict[str, int] = {}
        for panel in self.dashboard.panels():
            found.setdefault(render.title(panel, self.queries[panel.path]), numbers[self.key(panel)])
        return found


@dataclass(frozen=True)
class Folder:
    """A folder in Grafana: `path` is where its files lie under grafana/dashboards."""

    path: str
    title: str


@dataclass(frozen=True)
class Bundle:
    """What came of all dashboards. With an error among the problems there are no artifacts."""

    artifacts: list[Artifact] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    queries: list[live.LiveQuery] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    # The numbers of panels by dashboard and title, for links from alerts.
    panels: dict[str, dict[str, int]] = field(default_factory=dict)


def bundle(
    sources: Sequence[Source],
    catalog: Catalog,
    signals: Signals,
    settings: Settings | None = None,
    child: Renderer | None = None,
) -> Bundle:
    """Return the dashboards of all sources as files `grafana/dashboards/<folder>/<uid>.json`.

    A user's file replaces a shipped one of the same address. Give a renderer that runs already (`panels.renderer`) to
    have it start while YAML is read.
    """
    settings = settings or Settings()
    if child is None:
        with panels.renderer(settings.own_panels, engine=settings.engine) as started:
            return bundle(sources, catalog, signals, settings, started)
    types = panels.load(child, settings.own_panels)
    problems: list[Problem] = []
    read = _read(sources, types, problems)
    malformed = bool(problems)
    problems += _replaced(sources)
    problems += signalfile.check(signals, catalog)
    built = [_build(dashboard, catalog, signals, settings, problems) for dashboard in read]
    for _, check in plugins.modules(checks):
        problems += check.check(built, catalog)
    if malformed:
        # What these miss may stand where a file could not be read.
        problems = [one for one in problems if one.check not in ("choose", "link")]
    if any(one.severity == "error" for one in problems):
        return Bundle(problems=problems)
    models = [fitted(one, catalog.targets) for one in render.render(child, built, settings.own_panels)]
    pairs = list(zip(built, models, strict=True))
    folders = {folder_of(one.dashboard).path: folder_of(one.dashboard) for one in built}
    return Bundle(
        [Artifact(path_of(one.dashboard), render.text(model)) for one, model in pairs],
        problems,
        [query for one, model in pairs for query in live.queries(one, model)],
        [folders[path] for path in sorted(folders)],
        {one.dashboard.uid: one.titles() for one in built},
    )


def folder_of(dashboard: Dashboard) -> Folder:
    """Return the folder in which a dashboard stands in Grafana."""
    title = dashboard.said("folder", "Deckwatch")
    return Folder(re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "dashboards", title)


def path_of(dashboard: Dashboard) -> str:
    """Return the path of a dashboard's file."""
    return f"grafana/dashboards/{folder_of(dashboard).path}/{dashboard.uid}.json"


def _read(sources: Sequence[Source], types: Mapping[str, PanelType], problems: list[Problem]) -> list[Dashboard]:
    """Return the dashboards, without what is not well formed in them, which is told in `problems`."""
    compiled = Schema(schema.assemble(types))
    words = panels.by_word(types)
    own = {one.uid for one in sources if one.is_dashboard and not one.shipped}
    found = []
    for source in sources:
        if not source.is_dashboard or (source.shipped and source.uid in own):
            continue
        wrong = schema.problems(compiled, source.document, words)
        unusable = schema.unusable(source.document, wrong)
        problems += wrong
        if () not in unusable:
            dashboard, wrong = spec.read(source, words, unusable)
            found.append(dashboard)
            problems += wrong
    return sorted(found, key=lambda one: one.uid)


def _replaced(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield a warning for each file of the project that takes the place of a shipped dashboard."""
    shipped = {one.uid: one.document.data for one in sources if one.is_dashboard and one.shipped}
    for source in sources:
        if source.is_dashboard and not source.shipped and source.uid in shipped:
            message = f"replaces the shipped dashboard {shipped[source.uid].get('dashboard', source.uid)}"
            hint = "give the file another name if that is not meant"
            yield Problem(source.document.place(("dashboard",)), message, hint, check="names", severity="warning")


def _build(
    dashboard: Dashboard, catalog: Catalog, signals: Signals, settings: Settings, problems: list[Problem]
) -> Built:
    scope = variables.Scope(dashboard, catalog)
    resolver = Resolver(signals, catalog, dashboard.subjects, scope.add)
    queries = {panel.path: resolver.panel(panel) for panel in dashboard.panels()}
    marked = list(events.read(dashboard, resolver))
    problems += resolver.problems
    sources = [query.source for found in queries.values() for query in found]
    chosen = scope.variables(sources, problems)
    return Built(dashboard, queries, chosen, scope.inputs, marked, scope.alerts(), settings.refresh)
