"""Problems of `dialects:` and `speaks:` that the schema does not catch, with the nearest valid word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core.own_command import format_command
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.provisioning import dialect as dialects
from deckwatch.provisioning.scrape_options import find_regex_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Path
    from deckwatch.instrument.metrics import MetricDeclaration

_TARGET_LABELS = ("service", "instance")  # which a page may set, for a proxy in front of several services


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield unknown dialects, and unknown metrics and labels, wrong units and expressions in the project's dialects."""
    own: dict[str, Any] = project.data.get("dialects", {})
    names = dialects.list_names(project)
    for index, entry in enumerate(project.data.get("scrape", ())):
        if "url" in entry and isinstance(entry.get("speaks"), list):
            message = "expected a dialect's name, not a list"
            hint = "the containers of a Docker engine may speak several"
            yield project.document.problem(("scrape", index, "speaks"), message, hint)
        for position, name in enumerate(dialects.list_spoken(entry)):
            if name not in names:
                path: Path = ("scrape", index, "speaks")
                path = path if isinstance(entry["speaks"], str) else (*path, position)
                hint = did_you_mean(name, names) or f"`{format_command('list', 'dialects')}` shows all"
                yield project.document.problem(path, f"no dialect is called {name!r}", hint)
    shipped = dialects.list_shipped()
    targets = dialects.find_targets(project)
    for name, data in own.items():
        here: Path = ("dialects", name)
        if name in shipped:
            place = project.document.place(here, key=True)
            yield Problem(
                place, f"replaces the shipped dialect {name}", "rename it if that is not intended", "names", "warning"
            )
        yield from _metric_problems(project, here, data, targets)
        yield from _label_problems(project, here, data, targets)
        yield from _regex_problems(project, here, data)


def _metric_problems(
    project: Project, here: Path, data: Mapping[str, Any], targets: Mapping[str, MetricDeclaration]
) -> Iterator[Problem]:
    for metric, value in data["metrics"].items():
        path: Path = (*here, "metrics", metric)
        if metric not in targets:
            hint = did_you_mean(metric, targets) or "declare it in `metrics:`"
            message = f"no metric of applications is called {metric}"
            yield project.document.problem(path, message, hint, key=True)
            continue
        sources = value if isinstance(value, list) else [value]
        for index, source in enumerate(sources):
            step: Path = (*path, index) if isinstance(value, list) else path
            if isinstance(source, dict) and "unit" in source and targets[metric].unit != "seconds":
                message = f"{metric} is not in seconds, so a unit of time has no effect"
                yield project.document.problem((*step, "unit"), message, key=True)


def _label_problems(
    project: Project, here: Path, data: Mapping[str, Any], targets: Mapping[str, MetricDeclaration]
) -> Iterator[Problem]:
    """Yield labels that none of the dialect's metrics has; a dialect without known metrics is reported elsewhere."""
    metrics = [targets[metric] for metric in data["metrics"] if metric in targets]
    known = dict.fromkeys([*(label for metric in metrics for label in metric.labels), *_TARGET_LABELS])
    for label in data.get("labels") or {}:
        if metrics and label not in known:
            message = f"none of the dialect's metrics has a label {label}"
            hint = did_you_mean(label, known)
            yield project.document.problem((*here, "labels", label), message, hint, key=True)


def _regex_problems(project: Project, here: Path, data: Mapping[str, Any]) -> Iterator[Problem]:
    expressions: dict[Path, Any] = {
        (*here, key, label): regex for key in ("only", "skip") for label, regex in (data.get(key) or {}).items()
    }
    for label, value in (data.get("labels") or {}).items():
        for index, source in enumerate(value if isinstance(value, list) else [value]):
            step = (index,) if isinstance(value, list) else ()
            if isinstance(source, dict) and "match" in source:
                expressions[*here, "labels", label, *step, "match"] = source["match"]
    for path, regex in expressions.items():
        if fault := find_regex_fault(str(regex)):
            yield project.document.problem(path, fault)
