"""Builds all dashboards: reads, resolves, checks and draws them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from deckwatch.core import build_cache, plugins, signal_file
from deckwatch.core.problems import Problem, has_errors
from deckwatch.dashboards import checks, live, panel_types, partial_check
from deckwatch.dashboards.draw import exports, screens
from deckwatch.dashboards.model import Built
from deckwatch.dashboards.read import adjust, parts
from deckwatch.dashboards.read.adjust import Changes
from deckwatch.dashboards.read.reader import Reader
from deckwatch.dashboards.resolve import events, report_link, variables
from deckwatch.dashboards.resolve.queries import Resolver

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from deckwatch.core.artifact import Artifact
    from deckwatch.core.catalog import Catalog
    from deckwatch.core.json_types import StrictObject
    from deckwatch.core.jsonnet import Engine, Renderer
    from deckwatch.core.problems import Place
    from deckwatch.core.signal_lookup import Signals
    from deckwatch.core.yaml_file import Path as YamlPath
    from deckwatch.dashboards.draw.exports import Form
    from deckwatch.dashboards.draw.screens import Figures, Layout
    from deckwatch.dashboards.live import LiveQuery
    from deckwatch.dashboards.output import Drawn, Folder, Model
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.files import Source
    from deckwatch.dashboards.read.parts import Parts
    from deckwatch.dashboards.read.spec import Dashboard
    from deckwatch.dashboards.resolve.queries import Query


@dataclass(frozen=True)
class Settings:
    """Settings of all dashboards.

    `own_panels` is a user's folder of panel files, `parts` are those that `use:` finds, `changes` the project's changes
    by name. With `exemplars`, graphs of histograms show exemplars. `reports` is the address below which reports are
    served; '' for none.
    """

    refresh: str = "30s"
    engine: Engine = "rjsonnet"
    own_panels: Path | None = None
    parts: Parts = field(default_factory=parts.list_parts)
    changes: Changes = field(default_factory=Changes)
    # The form of the output, and the values of variables in the public one, with the positions of their names.
    form: Form = "provisioned"
    public: Mapping[str, tuple[Sequence[str], Place]] = field(default_factory=dict)
    layout: Layout = "wide"
    figures: Figures = "normal"
    exemplars: bool = False
    reports: str = ""


@dataclass(frozen=True)
class Bundle:
    """The generated dashboards. If one of the problems is an error, there are no artifacts."""

    artifacts: list[Artifact] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    queries: list[LiveQuery] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    # The ids of panels by dashboard and title, for links from alerts.
    panels: dict[str, dict[str, int]] = field(default_factory=dict)
    models: list[Model] = field(default_factory=list)


@dataclass(frozen=True)
class DashboardModels:
    """Dashboards that are read and resolved but not yet checked; `problems` are those found so far.

    With `has_unreadable`, names that are not found may be in a file that could not be read.
    """

    built: list[Built]
    problems: list[Problem]
    has_unreadable: bool

    def panel_ids(self) -> dict[str, dict[str, int]] | None:
        """Return the ids of panels by dashboard and title; None where errors leave them unknown.

        Two panels with the same name are such an error, which the check `duplicate_panel` reports.
        """
        if has_errors(self.problems):
            return None
        if any(item.has_duplicate_names() for item in self.built):
            return None
        return {item.dashboard.uid: item.ids_by_title() for item in self.built}


def build_dashboards(
    sources: Sequence[Source],
    catalog: Catalog,
    signals: Signals,
    settings: Settings | None = None,
    child: Renderer | None = None,
) -> Bundle:
    """Return the dashboards of all sources as files `grafana/dashboards/<folder>/<uid>.json`.

    A user's file replaces a shipped one with the same uid. Pass a running renderer (`panel_types.start_renderer`) to
    let it start while YAML is read. `deckwatch.provisioning.stack` calls the three steps separately.
    """
    settings = settings or Settings()
    if child is None:
        with panel_types.start_renderer(settings.own_panels, engine=settings.engine) as started:
            return build_dashboards(sources, catalog, signals, settings, started)
    models = resolve_dashboards(sources, catalog, signals, settings, child)
    problems = [*models.problems, *check_dashboards(models, catalog, settings)]
    if has_errors(problems):
        return Bundle(problems=problems)
    bundle = render_dashboards(models, catalog, settings, child)
    return replace(bundle, problems=[*problems, *bundle.problems])


def resolve_dashboards(
    sources: Sequence[Source], catalog: Catalog, signals: Signals, settings: Settings, child: Renderer
) -> DashboardModels:
    """Return the dashboards of all sources with the project's changes and their queries resolved."""
    return _Builder(panel_types.load_types(child, settings.own_panels), catalog, signals, settings).build(sources)


def check_dashboards(models: DashboardModels, catalog: Catalog, settings: Settings) -> list[Problem]:
    """Return the problems that the checks find in dashboards."""
    places = {name: place for name, (_, place) in settings.public.items()}
    problems = [
        *_run_checks(models.built, catalog),
        *screens.find_uid_conflicts(models.built),
        *exports.find_problems(places, models.built, settings.form),
    ]
    return _without_uncertain(problems) if models.has_unreadable else problems


def render_dashboards(models: DashboardModels, catalog: Catalog, settings: Settings, child: Renderer) -> Bundle:
    """Return the files of dashboards without errors, with warnings about what their form does not support."""
    problems: list[Problem] = []
    built = exports.drop_unsupported(models.built, settings.form, problems)
    public = {name: values for name, (values, _) in settings.public.items()}
    from deckwatch.dashboards.output import draw_dashboards  # noqa: PLC0415 - for `check`, which draws little

    drawn = draw_dashboards(
        child, built, own_panels=settings.own_panels, form=settings.form, public=public, catalog=catalog
    )
    return _bundle(built, drawn, problems)


def try_dashboards(
    models: DashboardModels, settings: Settings, child: Renderer, *, shipped: Collection[str]
) -> list[LiveQuery]:
    """Return the queries of dashboards without errors, in their provisioned form.

    Only what a project wrote or changed is drawn: a shipped dashboard by shipped panel types cannot fail. `shipped` are
    the names of the files that come with the program.
    """
    as_shipped = [
        settings.own_panels is None and item.dashboard.document.file in shipped and item.adjusted == adjust.Adjusted()
        for item in models.built
    ]
    own = [item for item, is_as_shipped in zip(models.built, as_shipped, strict=True) if not is_as_shipped]
    drawn = iter(_draw_models(own, models.built, settings, child)) if own else iter(())
    pairs = zip(models.built, as_shipped, strict=True)
    return [
        query
        for item, is_as_shipped in pairs
        for query in live.list_queries(item, {} if is_as_shipped else next(drawn)[0])
    ]


def _draw_models(
    own: Sequence[Built], others: Sequence[Built], settings: Settings, child: Renderer
) -> list[list[StrictObject]]:
    from deckwatch.dashboards.draw.render import render_models  # noqa: PLC0415 - needed only where something is drawn

    return render_models(child, own, settings.own_panels, others)


def _without_uncertain(problems: Sequence[Problem]) -> list[Problem]:
    """Return problems without names that were not found but may be in a file that could not be read."""
    return [problem for problem in problems if problem.check not in ("choose", "link")]


def _bundle(built: Sequence[Built], drawn: Sequence[Drawn], problems: list[Problem]) -> Bundle:
    from deckwatch.dashboards.output import folder_of  # noqa: PLC0415

    folders = {folder.path: folder for item in built for folder in (folder_of(item.dashboard),)}
    return Bundle(
        [artifact for item in drawn for artifact in item.artifacts],
        problems,
        [query for item in drawn for query in item.queries],
        [folders[path] for path in sorted(folders)],
        {item.dashboard.uid: item.ids_by_title() for item in built},
        [model for item in drawn for model in item.models],
    )


class _Builder:
    """Reads and resolves dashboards, and collects their problems."""

    def __init__(self, types: Mapping[str, PanelType], catalog: Catalog, signals: Signals, settings: Settings) -> None:
        self.types = types
        self.catalog = catalog
        self.signals = signals
        self.settings = settings
        self.reader = Reader(types, settings.parts)
        self.problems: list[Problem] = []

    def build(self, sources: Sequence[Source]) -> DashboardModels:
        """Return all dashboards, resolved."""
        problems = self.problems
        dashboards = self.reader.read_all(sources)
        problems += self.reader.problems
        has_unreadable = bool(problems)
        problems += partial_check.find_problems(self.reader.invalid, self.catalog, self.signals)
        problems += _find_replaced(sources)
        problems += signal_file.check_signals(self.signals, self.catalog)
        problems += self.settings.changes.find_problems([dashboard.uid for _, dashboard in dashboards])
        built = [self._build_changed(source, dashboard) for source, dashboard in dashboards]
        return DashboardModels(built, _without_uncertain(problems) if has_unreadable else problems, has_unreadable)

    def _build_changed(self, source: Source, dashboard: Dashboard) -> Built:
        """Return a dashboard with the project's changes; without them if it or they have problems."""
        changes, count = self.settings.changes.for_dashboard(dashboard.uid), len(self.problems)
        built = self._build(dashboard)
        if not (changes.set or changes.disable) or len(self.problems) > count:
            return built
        items = list(built.named_items())
        changed, adjusted, problems = adjust.apply_changes(source, items, changes, self.reader.types)
        self.problems += problems
        if problems:
            return built
        adjusted_dashboard, problems = self.reader.read(changed)
        if adjusted_dashboard is not None:
            built = replace(self._build(adjusted_dashboard), adjusted=adjusted)
        self.problems += problems
        return built

    def _build(self, dashboard: Dashboard) -> Built:
        built, problems = build_cache.get_or_build("built", dashboard, lambda: self._resolve(dashboard))
        self.problems += problems
        return built

    def _resolve(self, dashboard: Dashboard) -> tuple[Built, list[Problem]]:
        """Return a dashboard with its queries resolved, and what is wrong with them."""
        scope = variables.Scope(dashboard, self.catalog)
        resolver = Resolver(self.signals, self.catalog, dashboard.subjects, scope.add_conditions)
        queries: dict[YamlPath, Sequence[Query]] = {}
        for row in dashboard.rows:
            in_row = resolver.with_scope(scope.for_row(row)) if any(row.sections()) else resolver
            queries |= {panel.path: in_row.resolve_panel(panel) for panel in row.panels}
        resolved_events = list(events.resolve_events(dashboard, resolver))
        problems = list(resolver.problems)
        expressions = [query.source for resolved in queries.values() for query in resolved]
        built = Built(
            dashboard,
            queries,
            scope.build_variables(expressions, problems),
            resolved_events,
            scope.build_alerts_expression(),
            self.settings.refresh,
            variants=screens.list_variants(dashboard, self.settings.layout, self.settings.figures),
            panel_types=self.types,
            exemplars=self.settings.exemplars,
            report_url=report_link.build_url(self.settings.reports, dashboard.report),
        )
        return built, problems


def _run_checks(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield the problems found by checks; each runs once per dashboard unless it compares dashboards (`ACROSS`)."""
    for name, check in plugins.import_modules(checks):
        if getattr(check, "ACROSS", False):
            yield from check.check(built, catalog)
            continue
        for item in built:
            yield from build_cache.get_or_build(
                f"check {name}",
                item,
                lambda: list(check.check([item], catalog)),  # noqa: B023 - called at once
            )


def _find_replaced(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield a warning for each file of the project that replaces a shipped dashboard."""
    shipped = {source.uid: source.document.data for source in sources if source.is_dashboard and source.shipped}
    for source in sources:
        if source.is_dashboard and not source.shipped and source.uid in shipped:
            message = f"replaces the shipped dashboard {shipped[source.uid].get('dashboard', source.uid)}"
            hint = "rename the file if that is not intended"
            yield Problem(source.document.place(("dashboard",)), message, hint, check="names", severity="warning")
