"""Everything together: a project becomes a Plan, and all that is wrong with it is told at once.

project -> catalogue -> signals -> what rules record -> dashboards -> alerts -> configuration -> Plan
"""

from __future__ import annotations

import contextlib
import gc
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, get_args

from deckwatch.alerting import build as alerting
from deckwatch.alerting import render_rules as alerting_render
from deckwatch.core import signal_file, units
from deckwatch.core import targets as versions
from deckwatch.core.artifact import Artifact
from deckwatch.core.jsonnet import Renderer
from deckwatch.core.problems import InvalidInput
from deckwatch.dashboards import build as dashboards
from deckwatch.dashboards import output, panel_types
from deckwatch.exporter import collector, config
from deckwatch.provisioning import catalogue, configuration, foreign, mixin, sources, targets
from deckwatch.provisioning.configuration import Folder
from deckwatch.provisioning.foreign_files import Beside, Files
from deckwatch.provisioning.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from deckwatch.alerting.live_queries import LiveQuery as RuleQuery
    from deckwatch.alerting.model import Group
    from deckwatch.core.catalog import Catalog
    from deckwatch.core.jsonnet import Engine
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.dashboards.live import LiveQuery as DashboardQuery

GRAFANA = "http://127.0.0.1:3000"

Form = Literal["provisioned", "importable", "public", "mixin"]
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True)
class Options:
    """How a bundle is made. What is None comes from the project."""

    engine: Engine = "rjsonnet"
    every: str | None = None  # the scrape interval, such as 5s
    grafana: str | None = None  # where people open Grafana
    form: Form = "provisioned"  # another one is of dashboards only, or of these and rules
    installed: Mapping[str, str] = field(default_factory=dict)  # versions that are written for


@dataclass(frozen=True)
class Built:
    """A project's bundle: its files, its topics of alerts, and its queries for a live Prometheus.

    `warnings` do not stop it.
    """

    plan: Plan
    catalog: Catalog
    dashboards: Sequence[DashboardQuery]
    rules: Sequence[RuleQuery]
    topics: Sequence[Group]
    warnings: Sequence[Problem]


def build(project: Project, options: Options | None = None) -> Built:
    """Return a project's bundle; raises InvalidInput with every problem of all its files."""
    options = options or Options()
    own_panels = project.folder / "panels"
    with _uncollected(), _renderer(own_panels if own_panels.is_dir() else None, options.engine) as renderer:
        return _build(project, options, renderer, own_panels if own_panels.is_dir() else None)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Let Python not look for garbage meanwhile: nearly all that is made is kept to the end."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _renderer(own_panels: Path | None, engine: Engine) -> Renderer:
    """Return one child process for all Jsonnet of the bundle; it starts while YAML is read."""
    own = {"alerting": alerting_render.library_folder(), "provisioning": configuration.library()}
    return Renderer(panel_types.list_folders(own_panels) | own, engine=engine)


def _build(project: Project, options: Options, renderer: Renderer, own_panels: Path | None) -> Built:
    said: dict[str, Any] = project.data.get("build", {})
    place = project.document.place
    written_for, unknown = versions.read_targets(project.document)
    written_for = replace(written_for, **options.installed)
    catalog = catalogue.load(project, written_for)
    found = sources.load(project)
    chosen = sources.settings(project)
    thresholds = {name: value for name, value in chosen.items() if not name[:1].isupper()}
    signals, problems = signal_file.load_signals(found.documents, catalog, thresholds)
    problems += [*project.problems, *unknown, *found.problems]
    problems += config.find_problems(project, collector.names_and_prefixes(collector.load_collectors()))
    problems += targets.problems(project)
    alerting.register_recordings(found.topics, signals, catalog)
    where: str = options.grafana or said.get("grafana_url", GRAFANA)
    every = options.every or configuration.interval(project)
    catalog.interval = units.parse_duration(every)
    look = dashboards.Settings(
        configuration.refresh(every),
        options.engine,
        own_panels,
        found.parts,
        sources.changes(project),
        form="provisioned" if options.form == "mixin" else options.form,
        public=sources.public(project),
        layout=said.get("layout", "wide"),
        figures=said.get("text_size", "normal"),
    )
    drawn = dashboards.build_dashboards(found.files, catalog, signals, look, renderer)
    ruled = alerting.build_alerts(
        found.topics,
        catalog,
        signals,
        project,
        alerting.AlertSettings(
            targets=written_for,
            grafana=where,
            set=chosen,
            disable={
                name: place(("build", "disable", i))
                for i, name in enumerate(said.get("disable", ()))
                if sources.is_alert(name)
            },
            shipped=found.shipped,
            collectors=list(collector.load_collectors()),
            panels=drawn.panels if drawn.artifacts else None,
        ),
        renderer=renderer,
    )
    others = _others(project, catalog, drawn, ruled)
    problems += others.problems
    everything = sources.at_home([*problems, *drawn.problems, *ruled.problems], found, project)
    if any(problem.severity == "error" for problem in everything):
        raise InvalidInput(everything)
    warnings = sorted(set(everything), key=lambda one: one.place)
    if options.form == "mixin":
        rules = [
            one
            for one in ruled.artifacts
            if PurePosixPath(one.path).parent == PurePosixPath(alerting_render.RULES_FOLDER)
        ]
        addresses = {"grafana": where.rstrip("/"), "runbooks": project.data.get("runbooks", "runbooks").rstrip("/")}
        whole = Plan(mixin.files(drawn.artifacts, rules, **addresses))
        return Built(whole, catalog, drawn.queries, ruled.queries, ruled.groups, warnings)
    if options.form != "provisioned":
        start = len(f"{output.FILES}/")
        alone = Plan(Artifact(one.path[start:], one.text) for one in drawn.artifacts)
        return Built(alone, catalog, drawn.queries, ruled.queries, ruled.groups, warnings)
    folders = [Folder(one.path, one.title, one.path) for one in drawn.folders] + others.folders
    plan = Plan(
        [
            *drawn.artifacts,
            *ruled.artifacts,
            *others.artifacts,
            *(Artifact(f"runbooks/{one.path}", one.text) for one in ruled.runbooks),
            *configuration.files(project, folders, renderer, every=every),
            *targets.compose(project).files(),
        ]
    )
    return Built(plan, catalog, [*drawn.queries, *others.queries], ruled.queries, ruled.groups, warnings)


def _others(project: Project, catalog: Catalog, drawn: dashboards.Bundle, ruled: alerting.AlertBundle) -> Files:
    """Return other people's dashboards and rules as they lie beside ours."""
    mixins, problems = foreign.load(project)
    if not mixins:
        return Files(problems=problems)
    alerts = [one.name for group in ruled.groups for one in group.alerts]
    beside = Beside(catalog, drawn.artifacts, alerts, [group.topic for group in ruled.groups])
    for one in mixins:
        beside.add(one)
    beside.found.problems += problems
    return beside.found
