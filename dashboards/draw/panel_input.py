"""Describes a panel as input of the Jsonnet library; `library/README.md` lists the fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.core import promql, units
from deckwatch.core.quantity_text import format_number, format_quantity
from deckwatch.dashboards.draw import palette
from deckwatch.dashboards.model import panel_description, panel_title
from deckwatch.dashboards.read.spec import THRESHOLDS
from deckwatch.dashboards.resolve.queries import query_ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from deckwatch.core.json_types import StrictMapping, StrictObject
    from deckwatch.core.promql import Matcher
    from deckwatch.dashboards.read.spec import PanelSpec, QuerySpec
    from deckwatch.dashboards.resolve.queries import Query

_WITH_EXEMPLARS = ("timeseries", "heatmap")  # types of panels that draw exemplars


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """A dashboard that a click opens: its uid for this screen, its title, and the names of its variables."""

    uid: str
    title: str
    variables: frozenset[str]


def describe_panel(
    panel: PanelSpec,
    queries: Sequence[Query],
    number: int,
    targets: Mapping[str, LinkTarget],
    *,
    exemplars: bool = False,
) -> StrictObject:
    """Return a panel without its position; `targets` are the dashboards to which it may link, by uid.

    With `exemplars`, graphs of histograms show them.
    """
    unit = panel.unit or next((query.unit for query in queries if query.unit), "")
    # What several queries of one signal have in common belongs to the panel, what differs to each query.
    shared = queries[0] if queries and len({id(query.signal) for query in queries}) == 1 else None
    result: StrictObject = {
        "id": number,
        "type": panel.type.name,
        "word": panel.keyword,
        "title": panel_title(panel, queries),
        "description": panel_description(panel, queries),
        "options": panel.options,
    }
    if not panel.type.queries:
        result["content"] = panel.content
    else:
        result["unit"] = grafana_unit(unit)
        described = _describe_queries(panel, queries, shared, targets)
        if exemplars and panel.type.name in _WITH_EXEMPLARS:
            for ref in _choose_exemplar_queries(queries):
                next(one for one in described if one["ref"] == ref)["exemplars"] = True
        result["queries"] = described
        result |= _describe_limits(panel, unit, shared)
    result |= panel.library_options
    result |= _describe_drawing(panel, unit)
    if panel.empty and len(panel.queries) <= 1 and "no_data_text" not in panel.library_options:
        result["no_data_text"] = panel.empty.rstrip(".")
    result |= _describe_links(panel, queries, targets)
    if count := panel.top or panel.lowest:
        result["top"] = count
        if panel.lowest is not None:
            result["options"] = {"ascending": True, **panel.options}
    return result


def _choose_exemplar_queries(queries: Sequence[Query]) -> Iterable[str]:
    """Return the refs of the queries whose exemplars are shown: of those of the same histogram, the first.

    Percentiles of one histogram have the same exemplars. Recorded series have none.
    """
    chosen: dict[frozenset[tuple[str | None, tuple[Matcher, ...]]], str] = {}
    for query in queries:
        found = promql.find_selectors(query.source) if query.is_valid else []
        buckets = frozenset((one.metric, one.matchers) for one in found if (one.metric or "").endswith("_bucket"))
        if buckets:
            chosen.setdefault(buckets, query.ref)
    return chosen.values()


def grafana_unit(unit: str) -> str:
    """Return Grafana's id for a unit, which may be one already."""
    return units.GRAFANA.get(unit, unit) or "short"


def _describe_queries(
    panel: PanelSpec, queries: Sequence[Query], shared: Query | None, targets: Mapping[str, LinkTarget]
) -> list[StrictObject]:
    colors = palette.assign_colors(panel, queries)
    result = []
    for query in queries:
        described = _describe_query(panel, query, shared, targets)
        if query.ref in colors:
            described["color"] = colors[query.ref]
        result.append(described)
    return result or [_describe_foreign_query(panel, spec, i) for i, spec in enumerate(panel.foreign_queries)]


def _describe_query(
    panel: PanelSpec, query: Query, shared: Query | None, targets: Mapping[str, LinkTarget]
) -> StrictObject:
    result: StrictObject = {
        "ref": query.ref,
        "expr": query.expr,
        "legend": query.legend,
        "title": query.title,
        "unit": grafana_unit(query.unit),
        **query.spec.drawing,
    }
    if panel.type.queries == "heatmap" and not query.has_buckets:
        result.setdefault("query_type", "range")  # one row for each series
    if panel.options.get("limit_text"):
        result["limits"] = _describe_limit_texts(panel, query)
    if query.spec.link in targets:
        result["link"] = _describe_link(targets[query.spec.link], [query])
    separate = panel.type.queries == "table" or (shared is None and panel.type.queries == "instant")
    return result | _describe_limits(query.spec, query.unit, query if separate else None)


def _describe_foreign_query(panel: PanelSpec, spec: QuerySpec, index: int) -> StrictObject:
    """Return a query of another data source than Prometheus."""
    unit = spec.unit or panel.unit
    result: StrictObject = {
        "ref": query_ref(index),
        spec.keyword: spec.text,
        "title": spec.title or "",
        "unit": grafana_unit(unit),
        **spec.drawing,
    }
    if spec.legend is not None:
        result["legend"] = spec.legend
    return result | _describe_limits(spec, unit, None)


def _describe_limits(spec: PanelSpec | QuerySpec, unit: str, query: Query | None) -> StrictObject:
    """Return thresholds, direction and value mappings: those in the file, else those of the query's signal."""
    signal = query.signal if query is not None else None
    result: StrictObject = {}
    thresholds = {
        name: units.parse_quantity(spec.quantities[name], unit) for name in THRESHOLDS if name in spec.quantities
    }
    if thresholds or (signal is not None and signal.thresholds):
        result["thresholds"] = thresholds or dict(signal.thresholds if signal is not None else {})
    if direction := spec.bad or (signal.bad if signal is not None else None):
        result["bad"] = direction
    if values := spec.values or (signal.values if signal is not None else None):
        result["values"] = dict(values)
    return result


def _describe_limit_texts(panel: PanelSpec, query: Query) -> StrictObject:
    """Return a query's thresholds, its own, the panel's or its signal's, as PromQL and as people write them."""
    signal = query.signal
    own = {**panel.quantities, **query.spec.quantities}
    values = {name: units.parse_quantity(own[name], query.unit) for name in THRESHOLDS if name in own}
    values = values or dict(signal.thresholds if signal is not None else {})
    return {
        "numbers": {name: format_number(value) for name, value in values.items()},
        "texts": {name: format_quantity(value, query.unit) for name, value in values.items()},
        "bad": query.spec.bad or panel.bad or (signal.bad if signal is not None else None) or "up",
    }


def _describe_drawing(panel: PanelSpec, unit: str) -> StrictObject:
    """Return the options about drawing in Grafana's units."""
    quantities = panel.quantities
    result: StrictObject = {
        key: units.parse_quantity(quantities[key], unit) for key in ("min", "max", "target") if key in quantities
    }
    join = panel.options.get("join")
    if "join" in panel.options:
        result["join"] = units.parse_duration(join) * 1000 if isinstance(join, str) else join
    if panel.series:
        result["series"] = {name: _describe_series(looks) for name, looks in panel.series.items()}
    if panel.repeat:
        result["repeat"] = {"label": panel.repeat, "per_row": panel.per_row, "down": panel.per_row == 1}
    return result


def _describe_series(looks: StrictMapping) -> StrictMapping:
    unit = looks.get("unit")
    return {**looks, "unit": grafana_unit(unit)} if isinstance(unit, str) else looks


def _describe_links(panel: PanelSpec, queries: Sequence[Query], targets: Mapping[str, LinkTarget]) -> StrictObject:
    """Return the link targets of clicks, without dashboards that are left out of this bundle."""
    result: StrictObject = {}
    if panel.link in targets:
        result["link"] = _describe_link(targets[panel.link], queries)
    by_label = {
        label: _describe_link(targets[uid], queries) for label, uid in panel.label_links.items() if uid in targets
    }
    if by_label:
        result["label_links"] = by_label
    links: list[StrictObject] = []
    for link in panel.links:
        described: StrictObject = {"title": link.title, "new_tab": link.new_tab}
        if link.url:
            links.append(described | {"url": link.url})
        elif link.dashboard in targets:
            links.append(described | {"dashboard": _describe_link(targets[link.dashboard], queries)})
    if links:
        result["links"] = links
    return result


def _describe_link(target: LinkTarget, queries: Sequence[Query]) -> StrictObject:
    """Return a link to a dashboard with the labels of the queries that are variables there."""
    labels = [set(query.labels or ()) for query in queries]
    common = sorted(set.intersection(*labels) & target.variables) if labels else []
    return {"uid": target.uid, "title": target.title, "labels": common}
