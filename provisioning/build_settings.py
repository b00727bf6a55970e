"""The `build:` section of a project and the options of a command, read into one typed object."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from deckwatch.core import targets, units
from deckwatch.core.problems import has_errors
from deckwatch.dashboards.grafana_model import MIN_REFRESH
from deckwatch.dashboards.read.adjust import Changes
from deckwatch.provisioning import form_problems, metric_catalog
from deckwatch.provisioning.addresses import Addresses, read_addresses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from deckwatch.core.jsonnet import Engine
    from deckwatch.core.problems import Place, Problem
    from deckwatch.core.project import Project
    from deckwatch.core.targets import Targets
    from deckwatch.dashboards.draw.exports import Form as DrawnForm
    from deckwatch.dashboards.draw.screens import Figures, Layout

INTERVAL = "15s"
_THOUSANDS = re.compile(r"(\d+)000ms\Z")  # whole seconds in milliseconds
LIVE_INTERVAL = "1s"  # of `build: {live: true}`
_MIN_REFRESH = "30s"

Form = Literal["provisioned", "importable", "public", "mixin", "v2", "git-sync", "kubernetes"]
FORMS: tuple[Form, ...] = get_args(Form)
# Forms whose files are made from the same rendered dashboards as the bundle.
_DRAWN_AS_PROVISIONED = ("mixin", "v2", "git-sync", "kubernetes")


@dataclass(frozen=True)
class Options:
    """Options of one build. None means the project's own value."""

    engine: Engine = "rjsonnet"
    every: str | None = None  # the scrape interval, such as 5s
    addresses: Addresses | None = None
    form: Form = "provisioned"  # `mixin` holds dashboards and rules, the others only dashboards
    # Versions that override `build: targets:`, of programs that the caller starts.
    installed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BuildSettings:
    """Everything that a build takes from `build:` and its options.

    `limits` are the limits of signals and alerts by name, `thresholds` only those of signals; `public` are the values
    of variables in public dashboards. Each has its position. `collector_names` include prefixes of names.
    `disabled_alerts` are positions by alert name. `own_panels` is the project's folder of panel types, if it has one.
    `data_sources` are the kinds that panels can query besides Prometheus.
    """

    engine: Engine
    form: Form
    addresses: Addresses
    interval: str
    interval_seconds: float
    refresh: str
    min_refresh: str
    starts_programs: bool
    targets: Targets
    own_panels: Path | None
    layout: Layout
    figures: Figures
    limits: Mapping[str, tuple[Any, Place]]
    thresholds: Mapping[str, tuple[Any, Place]]
    changes: Changes
    disabled_alerts: Mapping[str, Place]
    public: Mapping[str, tuple[Sequence[str], Place]]
    collectors: Sequence[str]
    collector_names: Sequence[str]
    data_sources: frozenset[str]
    problems: Sequence[Problem]

    @property
    def drawn_form(self) -> DrawnForm:
        """The form in which dashboards are drawn, from which the files of this form are made."""
        return "provisioned" if self.form in _DRAWN_AS_PROVISIONED else self.form  # type: ignore[return-value]

    def is_drawn_as(self, other: BuildSettings) -> bool:
        """Return whether a build in another form has the same dashboards and rules; a mixin has other links."""
        return self.drawn_form == other.drawn_form and (self.form == "mixin") == (other.form == "mixin")


def read_settings(project: Project, options: Options) -> BuildSettings:
    """Return the settings of a build; unknown target versions are in `problems`."""
    build: dict[str, Any] = project.data.get("build", {})
    read_versions, problems = targets.read_targets(project.document)
    is_live = build.get("live", False)
    interval = options.every or str(build.get("scrape_interval", LIVE_INTERVAL if is_live else INTERVAL))
    interval = _THOUSANDS.sub(r"\1s", interval)
    own_panels = project.folder / "panels"
    limits = _read_limits(project)
    collectors, collector_names = metric_catalog.list_collectors()
    versions = replace(read_versions, **options.installed)
    problems += form_problems.find_problems(project.document, versions, options.form)
    if options.form == "kubernetes" and not has_errors(project.problems):
        from deckwatch.provisioning import kubernetes_settings  # noqa: PLC0415 - for one form

        problems += kubernetes_settings.find_problems(project)
    return BuildSettings(
        engine=options.engine,
        form=options.form,
        addresses=options.addresses or read_addresses(project),
        interval=interval,
        interval_seconds=units.parse_duration(interval),
        refresh=LIVE_INTERVAL if is_live else max(interval, _MIN_REFRESH, key=units.parse_duration),
        min_refresh=read_min_refresh(project),
        starts_programs=bool(options.installed),
        targets=versions,
        own_panels=own_panels if own_panels.is_dir() else None,
        layout=build.get("layout", "wide"),
        figures=build.get("text_size", "normal"),
        limits=limits,
        thresholds={name: limit for name, limit in limits.items() if not name[:1].isupper()},
        changes=_read_changes(project),
        disabled_alerts=_read_disabled_alerts(project),
        public=_read_public_values(project),
        collectors=collectors,
        collector_names=collector_names,
        data_sources=frozenset(build.get("data_sources", {})),
        problems=problems,
    )


def read_min_refresh(project: Project) -> str:
    """Return the shortest interval at which Grafana refreshes a dashboard, its `min_refresh_interval`."""
    return LIVE_INTERVAL if project.data.get("build", {}).get("live", False) else MIN_REFRESH


def _read_limits(project: Project) -> dict[str, tuple[Any, Place]]:
    """Return the limits under `set:`; mappings there change dashboards instead."""
    values = project.data.get("build", {}).get("set", {})
    place = project.document.place
    return {
        name: (value, place(("build", "set", name), key=True))
        for name, value in values.items()
        if not isinstance(value, dict)
    }


def _read_changes(project: Project) -> Changes:
    """Return the changes to dashboards: mappings under `set:`, and names under `disable:` that are not alerts."""
    build = project.data.get("build", {})
    changed = [name for name, value in build.get("set", {}).items() if isinstance(value, dict)]
    disabled = {name: i for i, name in enumerate(build.get("disable", ())) if not _is_alert(name)}
    return Changes(
        project.document,
        {name: ("build", "set", name) for name in changed},
        {name: ("build", "disable", i) for name, i in disabled.items()},
    )


def _read_disabled_alerts(project: Project) -> dict[str, Place]:
    names = project.data.get("build", {}).get("disable", ())
    return {name: project.document.place(("build", "disable", i)) for i, name in enumerate(names) if _is_alert(name)}


def _is_alert(name: str) -> bool:
    """Return whether a disabled name is an alert's: dashboard uids begin with a lower-case letter."""
    return "/" not in name and not name[:1].islower()


def _read_public_values(project: Project) -> dict[str, tuple[list[str], Place]]:
    """Return the values of variables in public dashboards by name, each with its position."""
    values = project.data.get("build", {}).get("public", {})
    place = project.document.place
    return {
        name: (
            list(map(str, value)) if isinstance(value, list) else [str(value)],
            place(("build", "public", name), key=True),
        )
        for name, value in values.items()
    }
