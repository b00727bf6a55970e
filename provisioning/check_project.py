"""Checks a project as `deckwatch check` does: without its files, and rendering only what the project itself wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.alerting import build as alert_build
from deckwatch.core.problems import has_errors
from deckwatch.dashboards import build as dashboard_build
from deckwatch.provisioning.build_settings import Options, read_settings
from deckwatch.provisioning.examination import examine_files, gc_paused, start_renderer, summarize_checks

if TYPE_CHECKING:
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.core.project import Project
    from deckwatch.provisioning.build_settings import BuildSettings
    from deckwatch.provisioning.examination import Checked, Examined


def check_project(project: Project) -> Checked:
    """Return the build of `stack.build`, without the files; raises InvalidInput with the same problems."""
    settings = read_settings(project, Options())
    with gc_paused(), start_renderer(settings, on_demand=True) as renderer:
        examined = examine_files(project, settings, renderer)
        if project.data.get("build", {}).get("mixins"):
            return _check_with_mixins(project, settings, examined, renderer)
        if has_errors(examined.problems):
            return summarize_checks(project, examined)
        models = examined.models
        queries = dashboard_build.try_dashboards(
            models.dashboards, models.dashboard_settings, renderer, shipped=examined.documents.shipped
        )
        return summarize_checks(project, examined, (), queries, alert_build.try_alerts(models.alerts))


def _check_with_mixins(project: Project, settings: BuildSettings, examined: Examined, renderer: Renderer) -> Checked:
    """Render everything: mixins are compared with the other files."""
    from deckwatch.provisioning import stack  # noqa: PLC0415 - most projects have no mixins

    return stack.render_files(project, examined, renderer).summarize(project, settings, examined)
