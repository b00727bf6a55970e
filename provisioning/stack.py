"""Builds a project's bundle in stages, each of which the project passes once.

settings → documents → catalog and signals → models → checks (all in `examination.py`) → artifacts → plan; `write.py`
writes the plan to a folder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from deckwatch.alerting import build as alert_build
from deckwatch.alerting import render_rules as alerting_render
from deckwatch.core.artifact import Artifact
from deckwatch.core.problems import has_errors
from deckwatch.core.targets import read_targets
from deckwatch.dashboards import build as dashboard_build
from deckwatch.dashboards import output
from deckwatch.dashboards.grafana_versions import find_feature
from deckwatch.provisioning import alloy, configuration, mixin_export, mixins, scrape_options, scrape_targets, storage
from deckwatch.provisioning.build_settings import FORMS, Form, Options, read_settings
from deckwatch.provisioning.configuration import Folder
from deckwatch.provisioning.examination import Checked, examine_files, gc_paused, start_renderer, summarize_checks
from deckwatch.provisioning.mixin_files import MixinFiles, MixinWriter
from deckwatch.provisioning.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.core.jsonnet import Renderer
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project
    from deckwatch.provisioning.build_settings import BuildSettings
    from deckwatch.provisioning.examination import Examined

__all__ = ["FORMS", "Built", "Form", "Options", "build", "build_forms", "supports_form"]


@dataclass(frozen=True)
class Built(Checked):
    """A project's bundle: in addition its files."""

    plan: Plan


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

    def list_expressions(self) -> list[str]:
        """Return the PromQL of all dashboards and rules; that of dashboards contains Grafana's variables."""
        dashboards = [*self.dashboards.queries, *self.mixins.queries]
        return [query.expr for query in dashboards] + [rule.expr for rule in (*self.alerts.queries, *self.mixins.rules)]

    def summarize(self, project: Project, settings: BuildSettings, examined: Examined) -> Checked:
        """Return the result of the checks and of rendering; raises InvalidInput if they found errors."""
        mixin_files = self.mixins if settings.form in ("provisioned", "v2", "git-sync", "kubernetes") else MixinFiles()
        queries = [*self.dashboards.queries, *mixin_files.queries]
        rules = [*self.alerts.queries, *mixin_files.rules]
        return summarize_checks(project, examined, self.problems, queries, rules)


def build(project: Project, options: Options | None = None) -> Built:
    """Return a project's bundle; raises InvalidInput with every problem of all its files."""
    options = options or Options()
    return build_forms(project, options, (options.form,))[options.form]


def build_forms(project: Project, options: Options, forms: Sequence[Form]) -> dict[Form, Built]:
    """Return a project's bundle in several forms; those that are drawn alike are examined and rendered once.

    Raises InvalidInput with every problem of all its files.
    """
    settings = {form: read_settings(project, replace(options, form=form)) for form in forms}
    results: dict[Form, Built] = {}
    while pending := [form for form in forms if form not in results]:
        first = settings[pending[0]]
        alike = [form for form in pending if settings[form].is_drawn_as(first)]
        problems = [problem for form in alike for problem in settings[form].problems]
        shared = replace(first, problems=list(dict.fromkeys(problems)))
        with gc_paused(), start_renderer(shared) as renderer:
            examined = examine_files(project, shared, renderer)
            files = render_files(project, examined, renderer)
            for form in alike:
                checked = files.summarize(project, settings[form], examined)
                plan = _plan_files(project, settings[form], files, renderer)
                results[form] = Built(
                    checked.catalog, checked.dashboards, checked.rules, checked.topics, checked.warnings, plan
                )
    return results


def supports_form(project: Project, form: Form) -> bool:
    """Return whether the project's target version of Grafana has a form."""
    known = find_feature("forms", form)
    return known is None or known.is_in(read_targets(project.document)[0])


def render_files(project: Project, examined: Examined, renderer: Renderer) -> Files:
    """Return the rendered files; invalid models give none, but mixins report their problems in any case."""
    vocabulary, models = examined.vocabulary, examined.models
    drawn, alerts = dashboard_build.Bundle(), alert_build.AlertBundle()
    if not has_errors(examined.problems):
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


def _plan_files(project: Project, settings: BuildSettings, files: Files, renderer: Renderer) -> Plan:
    """Return the files of a bundle in the form that was asked for."""
    if settings.form == "mixin":
        folder = PurePosixPath(alerting_render.RULES_FOLDER)
        rules = [file for file in files.alerts.artifacts if PurePosixPath(file.path).parent == folder]
        links = settings.addresses.links()
        runbooks = links["runbooks"] or alerting_render.RUNBOOKS_FOLDER
        exported = mixin_export.export_mixin(
            files.dashboards.artifacts, rules, grafana=links["grafana"], runbooks=runbooks
        )
        return Plan(exported)
    if settings.form == "kubernetes":
        from deckwatch.provisioning import kubernetes_files  # noqa: PLC0415 - for the bundle, which does not need it

        return Plan(kubernetes_files.render_files(project, files, _dialect_rules(project), settings, renderer))
    if settings.form in ("v2", "git-sync"):
        from deckwatch.provisioning import v2_files  # noqa: PLC0415 - for the bundle, which needs no conversion

        is_sync = settings.form == "git-sync"
        return Plan(v2_files.render_git_sync(files) if is_sync else v2_files.render_files(files, settings, renderer))
    if settings.form != "provisioned":
        prefix = f"{output.FILES}/"
        return Plan(Artifact(file.path.removeprefix(prefix), file.text) for file in files.dashboards.artifacts)
    folders = [Folder(folder.path, folder.title, folder.path) for folder in files.dashboards.folders]
    engine = storage.read_storage(project)
    rule_files = [*files.alerts.artifacts, *files.mixins.artifacts, *_dialect_rules(project)]
    return Plan(
        [
            *files.dashboards.artifacts,
            *rule_files,
            *(engine.render_rules(rule_files, settings.interval) if engine else ()),
            *(Artifact(f"{alerting_render.RUNBOOKS_FOLDER}/{file.path}", file.text) for file in files.alerts.runbooks),
            *configuration.render_files(
                project, folders + files.mixins.folders, renderer, settings, files.list_expressions()
            ),
            *scrape_targets.compose_targets(project, settings.addresses).target_files(),
            *alloy.render_file(project),
        ]
    )


def _dialect_rules(project: Project) -> list[Artifact]:
    """Return the rules of the dialects that pages speak."""
    if not scrape_options.uses_dialects(project):
        return []
    from deckwatch.provisioning import dialect_rules  # noqa: PLC0415 - most projects have none

    return dialect_rules.render_file(project)
