"""All alerting together: read, checked, rendered.

catalog = provisioning.catalogue.load(project)
build.record(documents, signals, catalog)             # so that dashboards may draw what rules record
found = build.bundle(documents, catalog, signals, project, settings, renderer=renderer)
found.artifacts, found.problems, found.queries, found.runbooks
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deckwatch.alerting import (
    checking,
    escalation,
    live_queries,
    overrides,
    read_topics,
    render_rules,
    routes,
    runbooks,
)
from deckwatch.alerting.alertmanager_config import AlertmanagerConfig
from deckwatch.alerting.checking import Context
from deckwatch.core import expression_labels, promql
from deckwatch.core.catalog import MetricInfo
from deckwatch.core.problems import Problem, did_you_mean
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
    """What holds for all alerts.

    `set` are limits by name, `HostCpuHigh.above`, each with the place where the project sets it; names of signals'
    thresholds (`host.cpu.high`) may be among them. `disable` are names of alerts with their places. `shipped` are the
    documents that come with the program: only their alerts may be replaced by another file's. `collectors` are the
    exporter's. `panels` are the ids of panels by dashboard and title, None where dashboards are not known.
    """

    targets: Targets = field(default_factory=Targets)
    grafana: str = "http://127.0.0.1:3000"
    set: Mapping[str, tuple[Any, Place]] = field(default_factory=dict)
    disable: Mapping[str, Place] = field(default_factory=dict)
    shipped: Collection[str] = ()
    collectors: Collection[str] = ()
    panels: Mapping[str, Mapping[str, int]] | None = None


@dataclass(frozen=True)
class AlertBundle:
    """What came of all topics. With an error among the problems there are no artifacts."""

    artifacts: list[Artifact] = field(default_factory=list)
    runbooks: list[Artifact] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    queries: list[LiveQuery] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)


def register_recordings(documents: Iterable[Document], signals: Signals, catalog: Catalog) -> None:
    """Add to the catalogue what the topics' rules record; faults are told by `bundle`."""
    _add_to_catalog(read_topics.read_topics(documents, catalog, signals), catalog)


def build_alerts(
    documents: Sequence[Document],
    catalog: Catalog,
    signals: Signals,
    project: Project,
    settings: AlertSettings,
    *,
    renderer: Renderer,
) -> AlertBundle:
    """Return the rules with their tests, Alertmanager's configuration and the runbooks.

    `renderer` serves `render_rules.library()` as `alerting`.
    """
    topics = read_topics.read_topics(documents, catalog, signals)
    _add_to_catalog(topics, catalog)
    problems = [*topics.problems, *_duplicate_alerts(documents, settings), *_replaced_alerts(documents, settings)]
    problems += overrides.disable_alerts(topics, settings.disable) + overrides.apply_limits(topics, settings.set)
    groups = topics.build_groups()
    owners = routes.known_owners(project.document)
    context = Context(groups, catalog, settings.panels, settings.collectors, owners, settings.shipped)
    problems += checking.run_checks(context)
    configuration = AlertmanagerConfig(project, context, settings.targets, renderer)
    problems += [*configuration.problems, *_deploy_problems(project, catalog)]
    if any(problem.severity == "error" for problem in problems):
        return AlertBundle(problems=problems)
    published: str = project.data.get("runbooks", render_rules.Links.runbooks)
    links = render_rules.Links(settings.grafana, published, settings.panels, _deploy_options(project))
    steps = render_rules.render_escalation(escalation.split_groups(configuration.steps), links, renderer)
    return AlertBundle(
        [*render_rules.render_rules(groups, links, renderer), *steps, *configuration.build_artifacts()],
        runbooks.build_runbooks(groups),
        problems,
        list(live_queries.build_queries(groups, context)),
        groups,
    )


def _add_to_catalog(topics: Topics, catalog: Catalog) -> None:
    for one in topics.recordings.values():
        try:
            carried = expression_labels.result_labels(one.expr, catalog)
        except promql.PromqlError:
            carried = None
        known = tuple(sorted(carried or ()))
        catalog.add(
            [
                MetricInfo(
                    one.name,
                    "gauge",
                    one.about,
                    known,
                    one.unit,
                    expression_labels.RECORDING,
                    open_labels=carried is None,
                )
            ]
        )


def _deploy_options(project: Project) -> dict[str, str]:
    said: dict[str, str] = project.data.get("deploys", {})
    return {"by": "service", **said} if said else {}


def _deploy_problems(project: Project, catalog: Catalog) -> Iterator[Problem]:
    """Yield the names that the metric of deploys does not have."""
    said = _deploy_options(project)
    if not said:
        return
    info = catalog.series(said["metric"])
    if info is None:
        hint = did_you_mean(said["metric"], catalog.names())
        message = f"no metric is called {said['metric']}"
        yield project.document.problem(("deploys", "metric"), message, hint)
    elif not info.open_labels and said["version"] not in info.labels:
        message = f"{said['metric']} has no label {said['version']}"
        yield project.document.problem(("deploys", "version"), message, did_you_mean(said["version"], info.labels))


def _duplicate_alerts(documents: Iterable[Document], settings: AlertSettings) -> Iterator[Problem]:
    """Yield alerts that two files of the project declare; one of them would be lost."""
    seen: dict[str, Document] = {}
    for document in documents:
        if document.file in settings.shipped or not isinstance(document.data, dict):
            continue
        for name in document.data.get("alerts") or ():
            if name in seen:
                hint = f"first in {seen[name].place(('alerts', name), key=True)}"
                yield document.problem(
                    ("alerts", name), f"{name} is defined in two files", hint, check="names", key=True
                )
            seen.setdefault(name, document)


def _replaced_alerts(documents: Iterable[Document], settings: AlertSettings) -> Iterator[Problem]:
    """Yield a warning for each alert of the project that takes the place of a shipped one."""
    declaring = [one for one in documents if isinstance(one.data, dict)]
    shipped = {name for one in declaring if one.file in settings.shipped for name in one.data.get("alerts") or ()}
    for document in declaring:
        if document.file in settings.shipped:
            continue
        for name in document.data.get("alerts") or ():
            if name in shipped:
                place = document.place(("alerts", name), key=True)
                hint = "give it another name if that is not meant"
                yield Problem(place, f"replaces the shipped alert {name}", hint, check="names", severity="warning")
