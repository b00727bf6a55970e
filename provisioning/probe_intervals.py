"""`interval:` and `timeout:` of a probe: how its target is scraped, and whether alerts see enough of it.

The target's labels `__scrape_interval__` and `__scrape_timeout__` set them, which Prometheus has had since 2.30:
https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from deckwatch.core import promql, units
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.alerting.model import Group
    from deckwatch.core.catalog import Catalog
    from deckwatch.core.project import Project

COLLECTOR = "app_probe"
DEFAULT_SCRAPE_TIMEOUT_SECONDS = 10.0  # Prometheus'
_DEFAULT_INTERVAL, _DEFAULT_TIMEOUT = "15s", "5s"
_ANSWER_SECONDS = 0.6  # of a scrape besides the probe: the exporter ends half a second early
_LOOKBACK_SECONDS = 300.0  # for which Prometheus shows a value that has no newer one


def scrape_labels(project: Project, entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels by which the target of a probe is scraped unlike others; none if it is not."""
    general = units.parse_duration(project.data.get("build", {}).get("scrape_interval", _DEFAULT_INTERVAL))
    interval = units.parse_duration(entry["interval"]) if "interval" in entry else general
    needed = math.ceil(_read_timeout(entry) + _ANSWER_SECONDS)
    if "interval" not in entry and needed <= min(general, DEFAULT_SCRAPE_TIMEOUT_SECONDS):
        return {}
    timeout = min(interval, max(DEFAULT_SCRAPE_TIMEOUT_SECONDS, needed))
    return {"__scrape_interval__": f"{interval:g}s", "__scrape_timeout__": f"{timeout:g}s"}


def register_intervals(project: Project, catalog: Catalog) -> None:
    """Tell the catalog how rarely the metrics of probes may have samples."""
    intervals = [units.parse_duration(entry["interval"]) for entry in _list_probes(project) if "interval" in entry]
    longest = max(intervals, default=0.0)
    catalog.intervals = {metric.name: longest for metric in catalog if metric.source == COLLECTOR} if longest else {}


def find_problems(
    project: Project, catalog: Catalog, groups: Iterable[Group], interval_seconds: float
) -> Iterator[Problem]:
    """Yield intervals that are too long for alerts and recordings, or too short for the probe's own time limit.

    `interval_seconds` is that of other targets.
    """
    rules = list(_list_rules(groups))
    for index, entry in enumerate(_list_probes(project)):
        interval = units.parse_duration(entry["interval"]) if "interval" in entry else interval_seconds
        here = ("watch", "probes", index, "interval" if "interval" in entry else "timeout")
        if interval < _read_timeout(entry) + _ANSWER_SECONDS and here[-1] in entry:
            message = f"a probe of {_read_timeout(entry):g} s at most does not end within an interval of {interval:g} s"
            hint = f"the interval must be longer than `timeout` by {_ANSWER_SECONDS:g} s"
            yield project.document.problem(here, message, hint)
        if "interval" not in entry:
            continue
        shortest = min(_list_windows(rules, catalog, entry), default=None)
        if shortest is None or interval <= shortest[0] / 2:
            continue
        seconds, rule, what = shortest
        place, hint = project.document.place(here), f"at most {seconds / 2:g}s"
        if interval > seconds:
            message = f"{rule} reads {what}, in which an interval of {interval:g} s leaves no sample"
            yield Problem(place, message, hint)
        else:
            message = f"{rule} reads {what}, in which one lost scrape leaves no sample"
            yield Problem(place, message, hint, severity="warning")


def _list_probes(project: Project) -> list[Mapping[str, Any]]:
    return (project.data.get("watch") or {}).get("probes") or []


def _read_timeout(entry: Mapping[str, Any]) -> float:
    return units.parse_duration(entry.get("timeout", _DEFAULT_TIMEOUT))


def _list_rules(groups: Iterable[Group]) -> Iterator[tuple[str, str]]:
    """Yield the names and expressions of all alerts and recordings."""
    for group in groups:
        yield from ((alert.name, alert.watched) for alert in group.alerts)
        yield from ((recording.name, recording.expr) for recording in group.recordings)


def _list_windows(
    rules: Iterable[tuple[str, str]], catalog: Catalog, entry: Mapping[str, Any]
) -> Iterator[tuple[float, str, str]]:
    """Yield the windows in which rules need a sample of a probe: seconds, the rule, and what it reads."""
    labels = {"service": entry["service"], "kind": entry.get("kind", "component"), "probe": entry.get("name", "")}
    for rule, expr in rules:
        try:
            selectors = promql.find_selectors(expr)
        except promql.PromqlError:
            continue  # reported by the check `expression`
        for selector in selectors:
            metric = catalog.get(selector.metric or "")
            is_other = any(
                matcher.op == "=" and labels.get(matcher.label, matcher.value) != matcher.value
                for matcher in selector.matchers
            )
            if metric is None or metric.source != COLLECTOR or is_other:
                continue
            if not selector.window:
                yield _LOOKBACK_SECONDS, rule, f"the last 5m of {selector.metric}"
            elif ":" not in selector.window and "$" not in selector.window:
                yield units.parse_duration(selector.window), rule, f"the last {selector.window} of {selector.metric}"
