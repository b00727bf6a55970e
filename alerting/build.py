"""Build all alerting of a project: read, check, render.

catalog = provisioning.catalogue.load(project)
build.register_recordings(documents, signals, catalog)   # so that dashboards can use recorded series
result = build.build_alerts(documents, catalog, signals, project, settings, renderer=renderer)
result.artifacts, result.problems, result.queries, result.runbooks
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from deckwatch.alerting import (
    checking,
    escalation,
    live_queries,
    overrides,
    read_topics,
    render_rules,
    routes,
    runbooks,
    threshold_rules,
)
from deckwatch.alerting.alertmanager_config import AlertmanagerConfig
from deckwatch.alerting.checking import Context
from deckwatch.core import expression_labels, promql
from deckwatch.core.catalog import MetricInfo
from deckwatch.core.problems import Problem, did_you_mean, has_errors
from deckwatch.core.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from deckwatch.alerting.live_queries import LiveQuery
    from deckwatch.alerting.model import Group
    from deckwatch.alerting.read_topics import Topics
    from deckwatch.core.artifact import Artifact
    from deckwatch.core.catalog import Catalog
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.core.problems import Place
    from deckwatch.core.project import Project
    from deckwatch.core.signal_lookup import Signals
    from deckwatch.core.yaml_file import Document


@dataclass(frozen=True)
class AlertSettings:
    """Settings that apply to all alerts.

    `set` maps names of limits, `HostCpuHigh.above`, to the project's value and its place; names of signals' thresholds
    (`host.cpu.high`) may be among them. `disable` maps names of alerts to their places. `shipped` lists the files that
    come with the program: only their alerts may be replaced by another file's. `collectors` are the exporter's.
    `panels` maps dashboards to panel ids by title, None where dashboards are not known. `grafana`, `alertmanager` and
    `runbooks` are the URLs that notifications link to; without the second, Alertmanager's own, without the third, none.
    """

    targets: Targets = field(default_factory=Targets)
    grafana: str = "http://127.0.0.1:3000"
    set: Mapping[str, tuple[object, Place]] = field(default_factory=dict)
    disable: Mapping[str, Place] = field(default_factory=dict)
    shipped: Collection[str] = ()
    collectors: Collection[str] = ()
    panels: Mapping[str, Mapping[str, int]] | None = None
    runbooks: str = ""
    alertmanager: str = ""


@dataclass(frozen=True)
class AlertBundle:
    """The result of a build; `artifacts` is empty where a problem is an error."""

    artifacts: list[Artifact] = field(default_factory=list)
    runbooks: list[Artifact] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    queries: list[LiveQuery] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)


def register_recordings(documents: Iterable[Document], signals: Signals, catalog: Catalog) -> None:
    """Add the topics' recordings to the catalogue; `build_alerts` reports their problems."""
    _add_to_catalog(read_topics.read_topics(documents, catalog, signals), catalog)


@dataclass(frozen=True)
class AlertModels:
    """Alerts, routes and receivers, read and resolved but not yet checked; `problems` are those of reading."""

    groups: list[Group]
    context: Context
    configuration: AlertmanagerConfig
    problems: list[Problem]


def build_alerts(
    documents: Sequence[Document],
    catalog: Catalog,
    signals: Signals,
    project: Project,
    settings: AlertSettings,
    *,
    renderer: Renderer,
) -> AlertBundle:
    """Read, check and render all alerts in one call; `deckwatch.provisioning.stack` calls the three steps."""
    models = read_alerts(documents, catalog, signals, project, settings, renderer=renderer)
    problems = [*models.problems, *check_alerts(models, project)]
    if has_errors(problems):
        return AlertBundle(problems=problems)
    return replace(render_alerts(models, project, settings, renderer=renderer), problems=problems)


def read_alerts(
    documents: Sequence[Document],
    catalog: Catalog,
    signals: Signals,
    project: Project,
    settings: AlertSettings,
    *,
    renderer: Renderer,
) -> AlertModels:
    """Return the alerts of all topics with the project's changes, and its routes and receivers.

    `renderer` serves `render_rules.library_folder()` as `alerting`.
    """
    topics = read_topics.read_topics(documents, catalog, signals)
    _add_to_catalog(topics, catalog)
    problems = [*topics.problems, *_duplicate_alerts(documents, settings), *_replaced_alerts(documents, settings)]
    problems += overrides.disable_alerts(topics, settings.disable) + overrides.apply_limits(topics, settings.set)
    groups = topics.build_groups()
    owners = routes.known_owners(project.document)
    context = Context(groups, catalog, settings.panels, settings.collectors, owners, settings.shipped)
    configuration = AlertmanagerConfig(project, context, settings.targets, renderer, address=settings.alertmanager)
    return AlertModels(groups, context, configuration, problems)


def check_alerts(models: AlertModels, project: Project) -> list[Problem]:
    """Return the problems that the checks find in alerts, routes and receivers."""
    problems = checking.run_checks(models.context)
    return [*problems, *models.configuration.problems, *_deploy_problems(project, models.context.catalog)]


def render_alerts(models: AlertModels, project: Project, settings: AlertSettings, *, renderer: Renderer) -> AlertBundle:
    """Return the rules with their unit tests, Alertmanager's configuration and the runbooks; call it without errors."""
    links = render_rules.Links(settings.grafana, settings.runbooks, settings.panels, _deploy_options(project))
    steps = render_rules.render_escalation(escalation.split_groups(models.configuration.steps), links, renderer)
    rules = render_rules.render_rules(models.groups, links, renderer)
    thresholds = threshold_rules.render_thresholds(models.groups) if threshold_rules.are_recorded(project) else []
    return AlertBundle(
        [*rules, *thresholds, *steps, *models.configuration.build_artifacts()],
        runbooks.build_runbooks(models.groups),
        [],
        list(live_queries.build_queries(models.groups, models.context)),
        models.groups,
    )


def try_alerts(models: AlertModels) -> list[LiveQuery]:
    """Return the queries of alerts without errors, without their files.

    Receivers are rendered where the project has any, to see that they can be; rules have no options that could fail.
    """
    if models.configuration.has_receivers:
        models.configuration.build_artifacts()
    return list(live_queries.build_queries(models.groups, models.context))


def _add_to_catalog(topics: Topics, catalog: Catalog) -> None:
    for recording in topics.recordings.values():
        try:
            labels = expression_labels.result_labels(recording.expr, catalog)
        except promql.PromqlError:
            labels = None
        info = MetricInfo(
            recording.name,
            "gauge",
            recording.about,
            tuple(sorted(labels or ())),
            recording.unit,
            expression_labels.RECORDING,
            open_labels=labels is None,
        )
        catalog.add([info])


def _deploy_options(project: Project) -> dict[str, str]:
    options: dict[str, str] = project.data.get("deploys", {})
    return {"by": "service", **options} if options else {}


def _deploy_problems(project: Project, catalog: Catalog) -> Iterator[Problem]:
    """Yield an unknown metric under `deploys`, and a version label that the metric lacks."""
    options = _deploy_options(project)
    if not options:
        return
    metric, version = options["metric"], options["version"]
    info = catalog.series(metric)
    if info is None:
        hint = did_you_mean(metric, catalog.names())
        yield project.document.problem(("deploys", "metric"), f"no metric is called {metric}", hint)
    elif not info.open_labels and version not in info.labels:
        hint = did_you_mean(version, info.labels)
        yield project.document.problem(("deploys", "version"), f"{metric} has no label {version}", hint)


def _duplicate_alerts(documents: Iterable[Document], settings: AlertSettings) -> Iterator[Problem]:
    """Yield alerts that two files of the project declare; one of them would be lost."""
    seen: dict[str, Document] = {}
    for document in documents:
        if document.file in settings.shipped or not isinstance(document.data, dict):
            continue
        for name in document.data.get("alerts") or ():
            if name in seen:
                hint = f"first in {seen[name].place(('alerts', name), key=True)}"
                message = f"{name} is defined in two files"
                yield document.problem(("alerts", name), message, hint, check="names", key=True)
            seen.setdefault(name, document)


def _replaced_alerts(documents: Iterable[Document], settings: AlertSettings) -> Iterator[Problem]:
    """Yield a warning for each alert of the project that replaces a shipped one."""
    topics = [document for document in documents if isinstance(document.data, dict)]
    shipped = {
        name for document in topics if document.file in settings.shipped for name in document.data.get("alerts") or ()
    }
    for document in topics:
        if document.file in settings.shipped:
            continue
        for name in document.data.get("alerts") or ():
            if name in shipped:
                place = document.place(("alerts", name), key=True)
                hint = "rename it if that is not intended"
                yield Problem(place, f"replaces the shipped alert {name}", hint, check="names", severity="warning")
