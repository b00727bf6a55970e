"""Builds a project's bundle in stages, each of which the project passes once.

settings → documents → catalog and signals → models → checks → artifacts → plan; `write.py` writes the plan to a folder.
"""

from __future__ import annotations

import contextlib
import gc
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from deckwatch.alerting import build as alerting
from deckwatch.alerting import render_rules as alerting_render
from deckwatch.core import signal_file, units
from deckwatch.core.artifact import Artifact
from deckwatch.core.jsonnet import Renderer
from deckwatch.core.problems import InvalidInput
from deckwatch.dashboards import build as dashboards
from deckwatch.dashboards import output, panel_types
from deckwatch.exporter import collector, config
from deckwatch.provisioning import configuration, mixin_export, mixins, scrape_targets
from deckwatch.provisioning.build_settings import FORMS, GRAFANA, Form, Options, read_settings
from deckwatch.provisioning.configuration import Folder
from deckwatch.provisioning.documents import load_documents
from deckwatch.provisioning.metric_catalog import load_catalog
from deckwatch.provisioning.mixin_files import MixinFiles, MixinWriter
from deckwatch.provisioning.plan import Plan
from deckwatch.provisioning.project_paths import with_project_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.alerting.live_queries import LiveQuery as RuleQuery
    from deckwatch.alerting.model import Group
    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.core.signal_lookup import Signals
    from deckwatch.dashboards.live import LiveQuery as DashboardQuery
    from deckwatch.provisioning.build_settings import BuildSettings
    from deckwatch.provisioning.documents import Documents

__all__ = ["FORMS", "GRAFANA", "Built", "Form", "Options", "build"]


@dataclass(frozen=True)
class Built:
    """A project's bundle: its files, alert topics, queries for a live Prometheus, and warnings."""

    plan: Plan
    catalog: Catalog
    dashboards: Sequence[DashboardQuery]
    rules: Sequence[RuleQuery]
    topics: Sequence[Group]
    warnings: Sequence[Problem]


@dataclass(frozen=True)
class Vocabulary:
    """The names that expressions may use: metrics, among them those that rules record, and signals."""

    catalog: Catalog
    signals: Signals
    problems: Sequence[Problem]


@dataclass(frozen=True)
class Models:
    """Dashboards, alerts and third-party mixins, each with its problems."""

    dashboards: dashboards.Bundle
    alerts: alerting.AlertBundle
    mixins: MixinFiles

    @property
    def problems(self) -> list[Problem]:
        """The problems of all three."""
        return [*self.mixins.problems, *self.dashboards.problems, *self.alerts.problems]


def build(project: Project, options: Options | None = None) -> Built:
    """Return a project's bundle; raises InvalidInput with every problem of all its files."""
    settings = read_settings(project, options or Options())
    with gc_paused(), _start_renderer(settings) as renderer:
        documents = load_documents(project)
        vocabulary = _load_vocabulary(project, settings, documents)
        models = _build_models(project, settings, documents, vocabulary, renderer)
        problems = [*vocabulary.problems, *_check_project(project, settings), *documents.problems, *models.problems]
        warnings = _raise_errors(with_project_paths(problems, documents.own, project.folder))
        plan = _plan_files(project, settings, models, renderer)
    queries = [*models.dashboards.queries, *(models.mixins.queries if settings.form == "provisioned" else ())]
    return Built(plan, vocabulary.catalog, queries, models.alerts.queries, models.alerts.groups, warnings)


@contextlib.contextmanager
def gc_paused() -> Iterator[None]:
    """Disable the cyclic garbage collector while building; almost everything allocated lives until the end."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _start_renderer(settings: BuildSettings) -> Renderer:
    """Return one child process for all Jsonnet of the bundle; it starts while YAML is read."""
    folders = {"alerting": alerting_render.library_folder(), "provisioning": configuration.LIBRARY}
    return Renderer(panel_types.list_folders(settings.own_panels) | folders, engine=settings.engine)


def _load_vocabulary(project: Project, settings: BuildSettings, documents: Documents) -> Vocabulary:
    """Return the catalog and signals, with the metrics that alert topics record."""
    catalog = load_catalog(project, settings.targets)
    catalog.interval = units.parse_duration(settings.interval)
    signals, problems = signal_file.load_signals(documents.list_all(), catalog, settings.thresholds)
    alerting.register_recordings(documents.topics, signals, catalog)
    return Vocabulary(catalog, signals, problems)


def _build_models(
    project: Project, settings: BuildSettings, documents: Documents, vocabulary: Vocabulary, renderer: Renderer
) -> Models:
    drawn = dashboards.build_dashboards(
        documents.files,
        vocabulary.catalog,
        vocabulary.signals,
        dashboards.Settings(
            settings.refresh,
            settings.engine,
            settings.own_panels,
            documents.parts,
            settings.changes,
            form="provisioned" if settings.form == "mixin" else settings.form,
            public=settings.public,
            layout=settings.layout,
            figures=settings.figures,
        ),
        renderer,
    )
    alerts = alerting.build_alerts(
        documents.topics,
        vocabulary.catalog,
        vocabulary.signals,
        project,
        alerting.AlertSettings(
            targets=settings.targets,
            grafana=settings.grafana,
            set=settings.limits,
            disable=settings.disabled_alerts,
            shipped=documents.shipped,
            collectors=list(collector.load_collectors()),
            panels=drawn.panels if drawn.artifacts else None,
        ),
        renderer=renderer,
    )
    return Models(drawn, alerts, _build_mixins(project, vocabulary.catalog, drawn, alerts))


def _build_mixins(
    project: Project, catalog: Catalog, drawn: dashboards.Bundle, alerts: alerting.AlertBundle
) -> MixinFiles:
    """Return the project's third-party dashboards and rules, checked against ours for duplicates."""
    loaded, problems = mixins.load_mixins(project)
    if not loaded:
        return MixinFiles(problems=problems)
    names = [alert.name for group in alerts.groups for alert in group.alerts]
    writer = MixinWriter(catalog, drawn.artifacts, names, [group.topic for group in alerts.groups])
    for mixin in loaded:
        writer.add_mixin(mixin)
    writer.files.problems += problems
    return writer.files


def _check_project(project: Project, settings: BuildSettings) -> Iterator[Problem]:
    """Yield the problems of deckwatch.yaml itself."""
    yield from project.problems
    yield from settings.problems
    yield from config.find_problems(project, collector.names_and_prefixes(collector.load_collectors()))
    yield from scrape_targets.find_problems(project)


def _raise_errors(problems: Sequence[Problem]) -> list[Problem]:
    """Return the warnings, each once and in order of position; raises InvalidInput if there is any error."""
    if any(problem.severity == "error" for problem in problems):
        raise InvalidInput(problems)
    return sorted(set(problems), key=lambda problem: problem.place)


def _plan_files(project: Project, settings: BuildSettings, models: Models, renderer: Renderer) -> Plan:
    """Return the files of a bundle in the form that was asked for."""
    if settings.form == "mixin":
        folder = PurePosixPath(alerting_render.RULES_FOLDER)
        rules = [file for file in models.alerts.artifacts if PurePosixPath(file.path).parent == folder]
        grafana, runbooks = (url.rstrip("/") for url in (settings.grafana, project.data.get("runbooks", "runbooks")))
        files = mixin_export.export_mixin(models.dashboards.artifacts, rules, grafana=grafana, runbooks=runbooks)
        return Plan(files)
    if settings.form != "provisioned":
        prefix = f"{output.FILES}/"
        return Plan(Artifact(file.path.removeprefix(prefix), file.text) for file in models.dashboards.artifacts)
    folders = [Folder(folder.path, folder.title, folder.path) for folder in models.dashboards.folders]
    return Plan(
        [
            *models.dashboards.artifacts,
            *models.alerts.artifacts,
            *models.mixins.artifacts,
            *(Artifact(f"runbooks/{file.path}", file.text) for file in models.alerts.runbooks),
            *configuration.render_files(project, folders + models.mixins.folders, renderer, interval=settings.interval),
            *scrape_targets.compose_targets(project).target_files(),
        ]
    )
