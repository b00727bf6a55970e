"""Key figures: the values of stat and gauge panels of all dashboards, read from a live Prometheus with their past.

A dashboard is a system: host, containers, databases, application, objectives, and whatever a project adds. Which
figures matter, their units and their thresholds are those of its panels, so that a terminal and Grafana agree.
"""

from __future__ import annotations

import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from deckwatch.core.json_types import as_list, as_object, as_objects, as_text
from deckwatch.core.problems import Refused
from deckwatch.dashboards.grafana_model import list_variables, replace_variables, walk_targets
from deckwatch.dashboards.resolve.variables import ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.core.json_types import StrictMapping, StrictObject
    from deckwatch.provisioning.prometheus import Prometheus
    from deckwatch.provisioning.stack import Built

Level = Literal["good", "warning", "bad", "none"]

POINTS = 24  # of a sparkline
_FOLDER = "grafana/dashboards/"
_TYPES = ("stat", "gauge")
_CONCURRENCY = 8
_LEVELS: dict[str, Level] = {"#009E73": "good", "#E69F00": "warning", "#D55E00": "bad"}
_LEVELS |= {"green": "good", "orange": "warning", "yellow": "warning", "red": "bad"}
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_WORST_FIRST: tuple[Level, ...] = ("bad", "warning", "good", "none")


@dataclass(frozen=True, slots=True)
class Kpi:
    """A key figure. `unit` is Grafana's id; `steps` are thresholds with the colour from each on, in ascending order."""

    system: str
    uid: str
    panel: str
    expr: str
    legend: str
    unit: str = ""
    decimals: int | None = None
    steps: Sequence[tuple[float, str]] = ()
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # text and colour instead of values

    def find_text(self, value: float) -> str:
        """Return the text that the panel shows instead of a value, '' if it shows the value."""
        return self.texts.get(f"{value:g}", ("", ""))[0]

    def find_level(self, value: float) -> Level:
        """Return the meaning of the colour that Grafana gives a value."""
        color = ""
        for limit, name in self.steps:
            color = name if value >= limit else color
        return _LEVELS.get(self.texts.get(f"{value:g}", ("", ""))[1] or color, "none")


@dataclass(frozen=True, slots=True)
class Reading:
    """One series of a key figure: its value now, and that of equidistant times before, None where there is none."""

    kpi: Kpi
    name: str
    value: float
    past: Sequence[float | None] = ()

    @property
    def level(self) -> Level:
        """The meaning of the colour of the value."""
        return self.kpi.find_level(self.value)


@dataclass(frozen=True, slots=True)
class System:
    """The readings of one dashboard, in the order of its panels; `fault` is set where Prometheus refused a query."""

    title: str
    uid: str
    readings: Sequence[Reading]
    fault: str = ""

    def worst_readings(self) -> Iterator[Reading]:
        """Yield one reading for each key figure: the one with the most serious colour, and of those the highest."""
        by_kpi: dict[int, list[Reading]] = {}
        for reading in self.readings:
            by_kpi.setdefault(id(reading.kpi), []).append(reading)
        for found in by_kpi.values():
            yield min(found, key=lambda each: (_WORST_FIRST.index(each.level), -each.value))


def list_kpis(built: Built) -> list[Kpi]:
    """Return the key figures of a bundle, by dashboard and panel."""
    kpis: list[Kpi] = []
    for file in built.plan.list_files():
        if file.path.startswith(_FOLDER) and file.path.endswith(".json"):
            kpis += _list_model_kpis(json.loads(file.text))
    uids = {kpi.uid for kpi in kpis}
    # The variant of a dashboard for phones has the same figures.
    return [kpi for kpi in kpis if not kpi.uid.endswith("-phone") or kpi.uid.removesuffix("-phone") not in uids]


def read_systems(prometheus: Prometheus, kpis: Sequence[Kpi], end: float, span: float) -> list[System]:
    """Return the readings of all systems at the Unix time `end` and over `span` seconds before; raises Unreachable."""
    with ThreadPoolExecutor(_CONCURRENCY) as threads:
        results = list(threads.map(lambda kpi: _read_kpi(prometheus, kpi, end, span), kpis))
    systems: dict[str, list[tuple[list[Reading], str]]] = {}
    titles = {kpi.uid: kpi.system for kpi in kpis}
    for kpi, result in zip(kpis, results, strict=True):
        systems.setdefault(kpi.uid, []).append(result)
    return [
        System(
            titles[uid],
            uid,
            [reading for readings, _ in found for reading in readings],
            next((fault for _, fault in found if fault), ""),
        )
        for uid, found in systems.items()
    ]


def _list_model_kpis(model: StrictMapping) -> Iterator[Kpi]:
    """Yield the figures of stat and gauge panels; without such panels, the columns of the first table."""
    known = dict(_named_values(model))
    for panel, target in _choose_targets(model):
        legend, panel_title = as_text(target.get("legendFormat")), as_text(panel.get("title"))
        name = _LABEL.sub("", legend).strip()
        look = _find_look(panel, as_text(target.get("refId")), name)
        limits = as_objects(as_object(look.get("thresholds")).get("steps"))
        decimals = look.get("decimals")
        shown_name = legend if name else f"{panel_title} {legend}"
        option = _name_option(model, as_text(target["expr"]))
        yield Kpi(
            as_text(model.get("title")),
            as_text(model.get("uid")),
            panel_title,
            replace_variables(as_text(target["expr"]), known.get),
            f"{option}: {shown_name}" if option else shown_name,
            as_text(look.get("unit")),
            decimals if isinstance(decimals, int) else None,
            [(_parse_limit(step.get("value")), as_text(step.get("color"))) for step in limits],
            dict(_list_texts(look)),
        )


def _choose_targets(model: StrictMapping) -> list[tuple[StrictObject, StrictObject]]:
    targets = [(panel, target) for panel, target in walk_targets(model) if _is_promql(panel, target)]
    figures = [(panel, target) for panel, target in targets if panel.get("type") in _TYPES]
    tables = [(panel, target) for panel, target in targets if panel.get("type") == "table"]
    return figures or [(panel, target) for panel, target in tables if panel is tables[0][0]]


def _is_promql(panel: StrictMapping, target: StrictMapping) -> bool:
    source = as_object(target.get("datasource")) or as_object(panel.get("datasource"))
    return bool(target.get("expr")) and source.get("type", "prometheus") == "prometheus"


def _name_option(model: StrictMapping, expr: str) -> str:
    """Return the option that is chosen in a query, such as which measurement's average it is; '' if none is."""
    texts = {
        as_text(variable["name"]): as_text(as_object(variable.get("current")).get("text"))
        for variable in list_variables(model)
        if variable.get("type") == "custom" and isinstance(as_object(variable.get("current")).get("text"), str)
    }
    names: dict[str, None] = {}
    replace_variables(expr, names.setdefault)
    return ", ".join(texts[name] for name in names if texts.get(name))


def _named_values(model: StrictMapping) -> Iterator[tuple[str, str]]:
    """Yield the variables that have a value before any query runs."""
    for variable in list_variables(model):
        value = as_object(variable.get("current")).get("value", "")
        if variable.get("type") in ("custom", "textbox", "constant") and value:
            yield (
                as_text(variable["name"]),
                "|".join(map(str, as_list(value))) if isinstance(value, list) else str(value),
            )


def _find_look(panel: StrictMapping, ref: str, name: str) -> dict[str, Any]:
    """Return the field options of a target: the panel's, and those of its own by reference or name."""
    config = as_object(panel.get("fieldConfig"))
    look: dict[str, Any] = dict(as_object(config.get("defaults")))
    own = {("byFrameRefID", ref), ("byName", name)}
    for override in as_objects(config.get("overrides")):
        matcher = as_object(override.get("matcher"))
        if (matcher.get("id"), as_text(matcher.get("options"))) in own:
            look |= {as_text(each.get("id")): each.get("value") for each in as_objects(override.get("properties"))}
    return look


def _parse_limit(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else -math.inf


def _list_texts(look: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the values that are shown as a text, each with the text and its colour, '' for that of the thresholds."""
    for mapping in as_objects(look.get("mappings")):
        if mapping.get("type") == "value":
            for value, shown in as_object(mapping.get("options")).items():
                result = as_object(shown)
                yield value, (as_text(result.get("text")), as_text(result.get("color")))


def _read_kpi(prometheus: Prometheus, kpi: Kpi, end: float, span: float) -> tuple[list[Reading], str]:
    """Return the readings of a key figure, and why Prometheus refused its query, '' if it did not."""
    step = max(span / POINTS, prometheus.interval)
    short = _fill_intervals(kpi.expr, 4 * prometheus.interval, span)
    long = _fill_intervals(kpi.expr, max(step + prometheus.interval, 4 * prometheus.interval), span)
    try:
        now = prometheus.query_at(short, end)
        past = {
            _build_label_key(series["metric"]): series["values"]
            for series in prometheus.query_range(long, end - span, end, step)
        }
    except Refused as error:
        return [], str(error)
    readings = []
    for series in now:
        value = float(series["value"][1])
        if not math.isfinite(value):
            continue
        name = _fill_legend(kpi.legend, series["metric"])
        readings.append(
            Reading(
                kpi,
                name or kpi.panel,
                value,
                _spread_values(past.get(_build_label_key(series["metric"]), ()), end, step),
            )
        )
    return readings, ""


def _fill_legend(legend: str, labels: Mapping[str, str]) -> str:
    return _LABEL.sub(lambda match: labels.get(match[1], ""), legend).strip()


def _fill_intervals(expr: str, window: float, span: float) -> str:
    known = {"__interval_ms": "60000", "__range": f"{span:.0f}s", "__range_s": f"{span:.0f}"}
    known |= dict.fromkeys(("__rate_interval", "__interval"), f"{math.ceil(window)}s")
    return replace_variables(expr, lambda name: known.get(name, ALL))


def _spread_values(values: Iterable[tuple[float, str]], end: float, step: float) -> list[float | None]:
    """Return the values of a range query by their position, None for gaps and for values that are no numbers."""
    past: list[float | None] = [None] * (POINTS + 1)
    for at, text in values:
        place, value = POINTS - round((end - at) / step), float(text)
        if 0 <= place <= POINTS and math.isfinite(value):
            past[place] = value
    return past


def _build_label_key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))
