"""Reads and checks a project without rendering anything: the stages that checking and building begin with.

settings → documents → catalog and signals → models → checks
"""

from __future__ import annotations

import contextlib
import gc
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.alerting import build as alert_build
from deckwatch.alerting import render_rules as alerting_render
from deckwatch.core import signal_file
from deckwatch.core.environment_values import hide_values
from deckwatch.core.jsonnet import Renderer
from deckwatch.core.problems import InvalidInput, has_errors
from deckwatch.dashboards import build as dashboard_build
from deckwatch.dashboards import panel_types
from deckwatch.exporter import config
from deckwatch.provisioning import (
    access_problems,
    addresses,
    alloy,
    probe_intervals,
    prometheus_settings,
    scrape_options,
    scrape_targets,
    sites,
    storage,
    unread_files,
)
from deckwatch.provisioning.documents import INSIGHTS, load_documents
from deckwatch.provisioning.metric_catalog import load_catalog
from deckwatch.provisioning.project_paths import with_project_paths
from deckwatch.provisioning.views import read as views

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

LIBRARY = Path(__file__).with_name("library")  # served to Jsonnet as `provisioning`


@dataclass(frozen=True)
class Checked:
    """A project without errors: the queries of its dashboards and rules, and warnings."""

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
class Examined:
    """A project after the checks, and what they found in all of its files."""

    documents: Documents
    vocabulary: Vocabulary
    models: Models
    problems: Sequence[Problem]


@contextlib.contextmanager
def gc_paused() -> Iterator[None]:
    """Disable the cyclic garbage collector while building; almost everything allocated lives until the end.

    What is left belongs to the oldest generation afterwards: the next collection would visit all of it in vain.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()  # moves everything to the oldest generation
            gc.enable()


def start_renderer(settings: BuildSettings, *, on_demand: bool = False) -> Renderer:
    """Return one child process for all Jsonnet of the bundle; it starts while YAML is read, or when it is needed."""
    folders = {"alerting": alerting_render.library_folder(), "provisioning": LIBRARY}
    return Renderer(
        panel_types.list_folders(settings.own_panels) | folders, engine=settings.engine, on_demand=on_demand
    )


def examine_files(project: Project, settings: BuildSettings, renderer: Renderer) -> Examined:
    """Return the content of all files, and the problems that are found without rendering anything."""
    documents = load_documents(project)
    vocabulary = load_vocabulary(project, settings, documents)
    models = _resolve_models(project, settings, documents, vocabulary, renderer)
    problems = [*vocabulary.problems, *documents.problems, *_run_checks(project, settings, vocabulary, models)]
    problems += _check_insights(project, documents, vocabulary)
    problems += unread_files.find_problems(project, documents)
    return Examined(documents, vocabulary, models, problems)


def load_vocabulary(project: Project, settings: BuildSettings, documents: Documents) -> Vocabulary:
    """Return the catalog and signals, with the metrics that alert topics record."""
    catalog = load_catalog(project, settings.targets)
    catalog.interval = settings.interval_seconds
    catalog.min_refresh = settings.min_refresh
    catalog.retention = prometheus_settings.read_retention(project).get("time", "")
    probe_intervals.register_intervals(project, catalog)
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
        form=settings.drawn_form,
        public=settings.public,
        layout=settings.layout,
        figures=settings.figures,
        exemplars="jaeger" in settings.data_sources,
        # Files for another Grafana are for other people.
        reports="" if settings.form in ("importable", "mixin") else settings.addresses.reports,
    )
    resolved = dashboard_build.resolve_dashboards(documents.files, catalog, signals, dashboard_settings, renderer)
    links = settings.addresses.links()
    alert_settings = alert_build.AlertSettings(
        targets=settings.targets,
        grafana=links["grafana"],
        set=settings.limits,
        disable=settings.disabled_alerts,
        shipped=documents.shipped,
        collectors=settings.collectors,
        panels=resolved.panel_ids(),
        # A mixin's own setting replaces this prefix of its links.
        runbooks=links["runbooks"] or (alerting_render.RUNBOOKS_FOLDER if settings.form == "mixin" else ""),
        alertmanager=settings.addresses.alertmanager,
    )
    alerts = alert_build.read_alerts(documents.topics, catalog, signals, project, alert_settings, renderer=renderer)
    return Models(resolved, dashboard_settings, alerts, alert_settings)


def _run_checks(project: Project, settings: BuildSettings, vocabulary: Vocabulary, models: Models) -> Iterator[Problem]:
    """Yield the problems of deckwatch.yaml, dashboards and alerts."""
    yield from project.problems
    yield from settings.problems
    yield from config.find_problems(project, settings.collector_names)
    yield from scrape_targets.find_problems(project)
    yield from prometheus_settings.find_problems(project, settings.targets, sets_flags=settings.starts_programs)
    yield from scrape_options.find_problems(project, settings.targets, settings.interval_seconds)
    yield from storage.find_problems(project)
    yield from alloy.find_problems(project)
    yield from sites.find_problems(project)
    yield from probe_intervals.find_problems(
        project, vocabulary.catalog, models.alerts.groups, settings.interval_seconds
    )
    if scrape_options.uses_dialects(project):
        from deckwatch.provisioning import dialect_problems  # noqa: PLC0415 - most projects have none

        yield from dialect_problems.find_problems(project)
    yield from addresses.find_problems(project, settings.addresses)
    yield from access_problems.find_problems(project, {item.dashboard.folder for item in models.dashboards.built})
    yield from views.find_problems(project.document, vocabulary.signals, vocabulary.catalog)
    yield from models.dashboards.problems
    yield from dashboard_build.check_dashboards(models.dashboards, vocabulary.catalog, models.dashboard_settings)
    yield from models.alerts.problems
    yield from alert_build.check_alerts(models.alerts, project)


def _check_insights(project: Project, documents: Documents, vocabulary: Vocabulary) -> list[Problem]:
    """Return the problems of a project's insights, whose files become its own."""
    if not project.data.get(INSIGHTS) and not (project.folder / INSIGHTS).is_dir():
        return []
    from deckwatch.provisioning.insights import limits  # noqa: PLC0415 - most projects have none
    from deckwatch.provisioning.insights import read as insights  # noqa: PLC0415

    rule_set = insights.load_own_rules(project)
    documents.own |= rule_set.own
    rules = [*rule_set.rules.values(), *rule_set.faulty]
    return [
        *insights.load_rules(project).problems,
        *insights.find_problems(rules, vocabulary.catalog),
        *limits.find_threshold_problems(rules, vocabulary.signals),
    ]


def summarize_checks(
    project: Project,
    examined: Examined,
    problems: Sequence[Problem] = (),
    dashboards: Sequence[DashboardQuery] = (),
    rules: Sequence[RuleQuery] = (),
) -> Checked:
    """Return the result of the checks, with the queries found while rendering.

    Raises InvalidInput if the checks, or the rendering (`problems`), found errors.
    """
    shown = hide_values(project.document, [*examined.problems, *problems])
    found = with_project_paths(shown, examined.documents.own, project.folder)
    groups = examined.models.alerts.groups
    return Checked(examined.vocabulary.catalog, dashboards, rules, groups, _raise_errors(found))


def _raise_errors(problems: Sequence[Problem]) -> list[Problem]:
    """Return the warnings, each once and in order of position; raises InvalidInput if there is any error."""
    if has_errors(problems):
        raise InvalidInput(problems)
    return sorted(set(problems), key=lambda problem: problem.place)
