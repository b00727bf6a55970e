"""All dashboards together: read, resolved, checked, rendered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from deckwatch.core import build_cache, plugins, signal_file
from deckwatch.core.artifact import Artifact
from deckwatch.core.problems import Problem
from deckwatch.core.schema import Schema
from deckwatch.dashboards import checks, live, panel_ids, panel_types, partial_check
from deckwatch.dashboards.draw import render
from deckwatch.dashboards.draw.exports import Form, prepared, to_form, unknown
from deckwatch.dashboards.draw.screens import Figures, Layout, ScreenVariant, looks, find_uid_conflicts
from deckwatch.dashboards.draw.versions import strip_unsupported
from deckwatch.dashboards.read import adjust, expand_parts, parts, schema, spec
from deckwatch.dashboards.read.adjust import Adjusted, Changes
from deckwatch.dashboards.resolve import events, variables
from deckwatch.dashboards.resolve.queries import Query, Resolver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.jsonnet import Engine, Renderer
    from deckwatch.core.problems import Place
    from deckwatch.core.signal_lookup import Signals
    from deckwatch.core.yaml_file import Path as YamlPath
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.files import Source
    from deckwatch.dashboards.read.part_origin import Lent
    from deckwatch.dashboards.read.parts import Parts
    from deckwatch.dashboards.read.spec import Dashboard, Panel, Row
    from deckwatch.dashboards.resolve.events import Event
    from deckwatch.dashboards.resolve.variables import Variable

FILES = "grafana/dashboards"


@dataclass(frozen=True)
class Settings:
    """What holds for all dashboards.

    `own_panels` is a user's folder of panel files, `parts` what can be used, `changes` what the project says of
    dashboards by name.
    """

    refresh: str = "30s"
    engine: Engine = "rjsonnet"
    own_panels: Path | None = None
    parts: Parts = field(default_factory=parts.list_parts)
    changes: Changes = field(default_factory=Changes)
    # The form that dashboards are made in, and what choices are in public ones, with the places of their names.
    form: Form = "provisioned"
    public: Mapping[str, tuple[Sequence[str], Place]] = field(default_factory=dict)
    layout: Layout = "wide"
    figures: Figures = "normal"


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
    adjusted: Adjusted = field(default_factory=Adjusted)
    looks: Sequence[ScreenVariant] = (ScreenVariant(),)

    def key(self, panel: Panel) -> str:
        """Return the name by which a panel's number is made: its `id`, or its word and its title.

        A panel that the project changes keeps the name that it had.
        """
        if panel.path in self.adjusted.names:
            return self.adjusted.names[panel.path]
        if "id" in panel.said:
            return str(panel.said["id"])
        return _of(f"{panel.word} {render.title(panel, self.queries[panel.path]) or panel.content}", panel.lent)

    def row_key(self, row: Row) -> str:
        """Return the name by which the number of a row with a title is made."""
        return self.adjusted.names.get(row.path) or _of(f"row {row.title}", row.lent)

    def named(self) -> Iterator[tuple[str, YamlPath]]:
        """Yield the names of all rows and panels, in order, each with its path."""
        for row in self.dashboard.rows:
            if row.title:
                yield self.row_key(row), (*row.path, "row")
            for panel in row.panels:
                yield self.key(panel), panel.path

    def examined(self, check: str) -> Iterator[tuple[Panel, Sequence[Query]]]:
        """Yield the panels that a check holds for, with their queries: all but those that say why it does not."""
        for panel in self.dashboard.panels():
            if check not in panel.said.get("allow", {}):
                yield panel, self.queries[panel.path]

    def numbers(self) -> dict[str, int]:
        """Return the numbers of rows and panels by their names; what is left out keeps its own."""
        keys = [*(key for key, _ in self.named()), *self.adjusted.hidden]
        return dict(zip(keys, panel_ids.assign_ids(keys), strict=True))

    def titles(self) -> dict[str, int]:
        """Return the numbers of panels by their titles; of several with one title the first.

        Titles that the project changed are known too, and those of what it left out, with 0.
        """
        numbers = self.numbers()
        found: dict[str, int] = {}
        for panel in self.dashboard.panels():
            found.setdefault(render.title(panel, self.queries[panel.path]), numbers[self.key(panel)])
        return {title: numbers.get(name, 0) for title, name in self.adjusted.titles.items()} | found


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


def build_dashboards(
    sources: Sequence[Source],
    catalog: Catalog,
    signals: Signals,
    settings: Settings | None = None,
    child: Renderer | None = None,
) -> Bundle:
    """Return the dashboards of all sources as files `grafana/dashboards/<folder>/<uid>.json`.

    A user's file replaces a shipped one of the same address. Pass a running renderer (`panel_types.renderer`) to let it
    start while YAML is read.
    """
    settings = settings or Settings()
    if child is None:
        with panel_types.start_renderer(settings.own_panels, engine=settings.engine) as started:
            return build_dashboards(sources, catalog, signals, settings, started)
    types = panel_types.load_types(child, settings.own_panels)
    problems: list[Problem] = []
    reader = _Reader(types, settings.parts)
    read = _read(sources, reader, problems)
    malformed = bool(problems)
    problems += partial_check.problems(reader.mended, catalog, signals, Built)
    problems += _replaced(sources)
    problems += signal_file.check_signals(signals, catalog)
    changes = settings.changes
    problems += changes.problems([dashboard.uid for _, dashboard in read])

    def build(dashboard: Dashboard) -> Built:
        made, wrong = build_cache.get_or_build(
            "built", dashboard, lambda: _build(dashboard, catalog, signals, settings)
        )
        problems.extend(wrong)
        return made

    built = []
    for source, dashboard in read:
        said, before = changes.of(dashboard.uid), len(problems)
        one = build(dashboard)
        if (said.set or said.disable) and len(problems) == before:
            one, wrong = _adjusted(one, source, said, reader, build)
            problems += wrong
        built.append(one)
    problems += _checked(built, catalog)
    problems += find_uid_conflicts(built)
    problems += unknown({name: place for name, (_, place) in settings.public.items()}, built, settings.form)
    if malformed:
        # What these miss may stand where a file could not be read.
        problems = [one for one in problems if one.check not in ("choose", "link")]
    if any(one.severity == "error" for one in problems):
        return Bundle(problems=problems)
    built = prepared(built, settings.form, problems)
    public = {name: value for name, (value, _) in settings.public.items()}
    drawn = _drawn(child, built, settings, public, catalog)
    folders = {folder_of(one.dashboard).path: folder_of(one.dashboard) for one in built}
    return Bundle(
        [file for one in drawn for file in one.files],
        problems,
        [query for one in drawn for query in one.queries],
        [folders[path] for path in sorted(folders)],
        {one.dashboard.uid: one.titles() for one in built},
    )


@dataclass(frozen=True)
class _Drawn:
    """A dashboard's files and queries; `among` is what it was drawn among."""

    among: tuple[Any, ...]
    files: list[Artifact]
    queries: list[live.LiveQuery]


def _drawn(
    child: Renderer, built: Sequence[Built], settings: Settings, public: Mapping[str, Sequence[str]], catalog: Catalog
) -> list[_Drawn]:
    """Return all dashboards' files; those are drawn that were not before among dashboards that links see the same."""
    among = tuple((one.dashboard.uid, one.dashboard.title, tuple(v.name for v in one.variables)) for one in built)
    nothing = _Drawn((), [], [])
    known = [build_cache.get_or_build("drawn", one, lambda: nothing, lambda _: False) for one in built]
    new = [one for one, before in zip(built, known, strict=True) if before.among != among]
    made = []
    for one, models in zip(new, render.render(child, new, settings.own_panels, built), strict=True):
        ready = [to_form(strip_unsupported(model, catalog.targets), one, settings.form, public) for model in models]
        files = [Artifact(path_of(one.dashboard, model["uid"]), render.format_model(model)) for model in ready]
        made.append(_Drawn(among, files, list(live.list_queries(one, ready[0]))))
    fresh = iter(made)
    found = [before if before.among == among else next(fresh) for before in known]
    for one, drawn in zip(built, found, strict=True):
        build_cache.set_value("drawn", one, drawn)
    return found


def _checked(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield what the checks find; most look at one dashboard at a time, and at the same one only once."""
    for name, check in plugins.import_modules(checks):
        if name in _TOGETHER:
            yield from check.check(built, catalog)
            continue
        for one in built:
            yield from build_cache.get_or_build(f"check {name}", one, lambda: list(check.check([one], catalog)))  # noqa: B023 - now


_TOGETHER = frozenset(("address", "duplicate_title", "link"))  # these compare dashboards with each other


def _of(name: str, lent: Lent) -> str:
    return f"{name} of {lent.use}" if lent.use else name


def folder_of(dashboard: Dashboard) -> Folder:
    """Return the folder in which a dashboard stands in Grafana."""
    title = dashboard.said("folder", "Deckwatch")
    return Folder(re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "dashboards", title)


def path_of(dashboard: Dashboard, uid: str) -> str:
    """Return the path of a dashboard's file; `uid` is the address that it has in its form."""
    return f"{FILES}/{folder_of(dashboard).path}/{uid}.json"


class _Reader:
    """Reads dashboards by one schema."""

    def __init__(self, types: Mapping[str, PanelType], known: Parts) -> None:
        self.words = panel_types.types_by_keyword(types)
        self.parts = known
        self.mended: list[Dashboard] = []  # of the panels that are not well formed
        self._schema = Schema(schema.assemble_schema(types))

    def read_cached(self, source: Source) -> tuple[Dashboard | None, list[Problem]]:
        """Return the same as `read`, once per source; a source with problems is read again."""
        return build_cache.get_or_build("read", source, lambda: self.read(source), lambda result: not result[1])

    def read(self, source: Source) -> tuple[Dashboard | None, list[Problem]]:
        """Return the dashboard of a source, without what is not well formed in it; None where nothing is."""
        problems = schema.find_problems(self._schema, source.document, self.words)
        unusable = schema.find_unusable(source.document, problems)
        if () in unusable:
            return None, problems
        if unusable:
            self.mended.append(partial_check.read(source, problems, unusable, self.words))
        dashboard, wrong = spec.read(source, self.words, unusable)
        return dashboard, problems + wrong


def _read(sources: Sequence[Source], reader: _Reader, problems: list[Problem]) -> list[tuple[Source, Dashboard]]:
    """Return the dashboards with their parts in place; what is not well formed in them is told in `problems`."""
    own = {one.uid for one in sources if one.is_dashboard and not one.shipped}
    found = []
    for source in sources:
        if not source.is_dashboard or (source.shipped and source.uid in own):
            continue
        whole, wrong = expand_parts.written(source, reader.parts)
        problems += wrong
        dashboard, wrong = reader.read_cached(whole)
        problems += wrong
        if dashboard is not None:
            found.append((whole, dashboard))
    problems += reader.parts.problems
    return sorted(found, key=lambda one: one[1].uid)


def _adjusted(
    one: Built, source: Source, said: Changes, reader: _Reader, build: Callable[[Dashboard], Built]
) -> tuple[Built, list[Problem]]:
    """Return a dashboard with what the project says of it done, and what is wrong with that."""
    changed, adjusted, problems = adjust.apply(one, source, said, reader.words)
    if problems:
        return one, problems
    dashboard, problems = reader.read(changed)
    return (replace(build(dashboard), adjusted=adjusted) if dashboard is not None else one), problems


def _replaced(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield a warning for each file of the project that takes the place of a shipped dashboard."""
    shipped = {one.uid: one.document.data for one in sources if one.is_dashboard and one.shipped}
    for source in sources:
        if source.is_dashboard and not source.shipped and source.uid in shipped:
            message = f"replaces the shipped dashboard {shipped[source.uid].get('dashboard', source.uid)}"
            hint = "give the file another name if that is not meant"
            yield Problem(source.document.place(("dashboard",)), message, hint, check="names", severity="warning")


def _build(dashboard: Dashboard, catalog: Catalog, signals: Signals, settings: Settings) -> tuple[Built, list[Problem]]:
    """Return a dashboard with its queries resolved, and what is wrong with them."""
    scope = variables.Scope(dashboard, catalog)
    resolver = Resolver(signals, catalog, dashboard.subjects, scope.add)
    queries = {panel.path: resolver.panel(panel) for panel in dashboard.panels()}
    marked = list(events.read(dashboard, resolver))
    problems = list(resolver.problems)
    sources = [query.source for found in queries.values() for query in found]
    chosen = scope.variables(sources, problems)
    made = Built(
        dashboard,
        queries,
        chosen,
        scope.inputs,
        marked,
        scope.alerts(),
        settings.refresh,
        looks=looks(dashboard, settings.layout, settings.figures),
    )
    return made, problems
