"""Builds a project's bundle in stages, each of which the project passes once.

settings → documents → catalog and signals → models → checks → artifacts → plan; `write.py` writes the plan to a folder.
"""

from __future__ import annotations

import contextlib
import gc
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from deckwatch.alerting import build as alert_build
from deckwatch.alerting import render_rules as alerting_render
from deckwatch.core import signal_file
from deckwatch.core.artifact import Artifact
from deckwatch.core.jsonnet import Renderer
from deckwatch.core.problems import InvalidInput, has_errors
from deckwatch.dashboards import build as dashboard_build
from deckwatch.dashboards import output, panel_types
from deckwatch.exporter import config
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
    """Dashboards and alerts, read and resolved, with the settings to check and render them."""

    dashboards: dashboard_build.DashboardModels
    dashboard_settings: dashboard_build.Settings
    alerts: alert_build.AlertModels
    alert_settings: alert_build.AlertSettings


@dataclass(frozen=True)
class Files:
    """The rendered dashboards, alerts and third-party mixins; only mixins where the models have errors."""

    dashboards: dashboard_build.Bundle
    alerts: alert_build.AlertBundle
    mixins: MixinFiles

    @property
    def problems(self) -> list[Problem]:
        """The problems found while rendering."""
        return [*self.mixins.problems, *self.dashboards.problems, *self.alerts.problems]


def build(project: Project, options: Options | None = None) -> Built:
    """Return a project's bundle; raises InvalidInput with every problem of all its files."""
    settings = read_settings(project, options or Options())
    with gc_paused(), _start_renderer(settings) as renderer:
        documents = load_documents(project)
        vocabulary = _load_vocabulary(project, settings, documents)
        models = _resolve_models(project, settings, documents, vocabulary, renderer)
        problems = [*vocabulary.problems, *documents.problems, *_run_checks(project, settings, vocabulary, models)]
        files = _render_files(project, vocabulary, models, renderer, valid=not has_errors(problems))
        warnings = _raise_errors(with_project_paths([*problems, *files.problems], documents.own, project.folder))
        plan = _plan_files(project, settings, files, renderer)
    queries = [*files.dashboards.queries, *(files.mixins.queries if settings.form == "provisioned" else ())]
    return Built(plan, vocabulary.catalog, queries, files.alerts.queries, files.alerts.groups, warnings)


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
    catalog.interval = settings.interval_seconds
    signals, problems = signal_file.load_signals(documents.all_documents, catalog, settings.thresholds)
    alert_build.register_recordings(documents.topics, signals, catalog)
    return Vocabulary(catalog, signals, problems)


def _resolve_models(
    project: Project, settings: BuildSettings, documents: Documents, vocabulary: Vocabulary, renderer: Renderer
) -> Models:
    catalog, signals = vocabulary.catalog, vocabulary.signals
    dashboard_settings = dashboard_build.Settings(
        settings.refresh,
        settings.engine,
        settings.own_panels,
        documents.parts,
        settings.changes,
        form="provisioned" if settings.form == "mixin" else settings.form,
        public=settings.public,
        layout=settings.layout,
        figures=settings.figures,
    )
    resolved = dashboard_build.resolve_dashboards(documents.files, catalog, signals, dashboard_settings, renderer)
    alert_settings = alert_build.AlertSettings(
        targets=settings.targets,
        grafana=settings.grafana,
        set=settings.limits,
        disable=settings.disabled_alerts,
        shipped=documents.shipped,
        collectors=settings.collectors,
        panels=resolved.panel_ids(),
    )
    alerts = alert_build.read_alerts(documents.topics, catalog, signals, project, alert_settings, renderer=renderer)
    return Models(resolved, dashboard_settings, alerts, alert_settings)


def _run_checks(project: Project, settings: BuildSettings, vocabulary: Vocabulary, models: Models) -> Iterator[Problem]:
    """Yield the problems of deckwatch.yaml, dashboards and alerts."""
    yield from project.problems
    yield from settings.problems
    yield from config.find_problems(project, settings.collector_names)
    yield from scrape_targets.find_problems(project)
    yield from models.dashboards.problems
    yield from dashboard_build.check_dashboards(models.dashboards, vocabulary.catalog, models.dashboard_settings)
    yield from models.alerts.problems
    yield from alert_build.check_alerts(models.alerts, project)


def _render_files(
    project: Project, vocabulary: Vocabulary, models: Models, renderer: Renderer, *, valid: bool
) -> Files:
    """Return the rendered files; invalid models give none, but mixins report their problems in any case."""
    drawn, alerts = dashboard_build.Bundle(), alert_build.AlertBundle()
    if valid:
        drawn = dashboard_build.render_dashboards(
            models.dashboards, vocabulary.catalog, models.dashboard_settings, renderer
        )
        alerts = alert_build.render_alerts(models.alerts, project, models.alert_settings, renderer=renderer)
    loaded, problems = mixins.load_mixins(project)
    if not loaded:
        return Files(drawn, alerts, MixinFiles(problems=problems))
    names = [alert.name for group in models.alerts.groups for alert in group.alerts]
    topics = [group.topic for group in models.alerts.groups]
    writer = MixinWriter(vocabulary.catalog, drawn.artifacts, names, topics)
    for mixin in loaded:
        writer.add_mixin(mixin)
    writer.files.problems += problems
    return Files(drawn, alerts, writer.files)


def _raise_errors(problems: Sequence[Problem]) -> list[Problem]:
    """Return the warnings, each once and in order of position; raises InvalidInput if there is any error."""
    if has_errors(problems):
        raise InvalidInput(problems)
    return sorted(set(problems), key=lambda problem: problem.place)


def _plan_files(project: Project, settings: BuildSettings, files: Files, renderer: Renderer) -> Plan:
    """Return the files of a bundle in the form that was asked for."""
    if settings.form == "mixin":
        folder = PurePosixPath(alerting_render.RULES_FOLDER)
        rules = [file for file in files.alerts.artifacts if PurePosixPath(file.path).parent == folder]
        grafana, runbooks = (url.rstrip("/") for url in (settings.grafana, project.data.get("runbooks", "runbooks")))
        exported = mixin_export.export_mixin(files.dashboards.artifacts, rules, grafana=grafana, runbooks=runbooks)
        return Plan(exported)
    if settings.form != "provisioned":
        prefix = f"{output.FILES}/"
        return Plan(Artifact(file.path.removeprefix(prefix), file.text) for file in files.dashboards.artifacts)
    folders = [Folder(folder.path, folder.title, folder.path) for folder in files.dashboards.folders]
    return Plan(
        [
            *files.dashboards.artifacts,
            *files.alerts.artifacts,
            *files.mixins.artifacts,
            *(Artifact(f"runbooks/{file.path}", file.text) for file in files.alerts.runbooks),
            *configuration.render_files(project, folders + files.mixins.folders, renderer, interval=settings.interval),
            *scrape_targets.compose_targets(project).target_files(),
        ]
    )
