"""From checked dashboards to Grafana's JSON: Python says where and what, Jsonnet gives it its shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from dashboards import layout, panels
from dashboards.layout import Box
from deckwatch.core import units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dashboards.build import Built
    from dashboards.queries import Query
    from dashboards.spec import Panel
    from deckwatch.core.jsonnet import Renderer

TAG = "deckwatch"
THRESHOLDS = ("low", "high", "critical")


def render(child: Renderer, built: Sequence[Built], own: Path | None = None) -> list[dict[str, Any]]:
    """Return Grafana's model of each dashboard. Raises JsonnetError, which is our bug or one of a user's panel file."""
    program = (
        f"local panels = {panels.table(own)}; local dashboard = import 'dashboards/dashboard.libsonnet'; "
        "function(dashboards) [dashboard.new(spec, panels) for spec in dashboards]"
    )
    models: list[dict[str, Any]] = child.evaluate(program, dashboards=[described(one, built) for one in built])
    return models


def text(model: Mapping[str, Any]) -> str:
    """Return a model as the bytes of its file: the same for the same model, whichever engine made it."""
    return orjson.dumps(model, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()


def described(built: Built, others: Sequence[Built]) -> dict[str, Any]:
    """Return a dashboard as the Jsonnet library wants it; `library/README.md` lists the fields.

    `others` are all dashboards, to which its panels may link.
    """
    dashboard = built.dashboard
    targets = {one.dashboard.uid: one for one in others}
    numbers = built.numbers()
    rows: list[dict[str, Any]] = []
    top = 0
    for row in dashboard.rows:
        spots, below = layout.row([_box(panel, row.height) for panel in row.panels], top + bool(row.title))
        described_panels = [
            _panel(panel, built.queries[panel.path], numbers[built.key(panel)], spot, targets)
            for panel, spot in zip(row.panels, spots, strict=True)
        ]
        if not row.title:
            rows += described_panels
        else:
            grid = {"x": 0, "y": top, "w": layout.COLUMNS, "h": 1}
            rows.append(
                {
                    "id": numbers[f"row {row.title}"],
                    "title": row.title,
                    "collapsed": row.collapsed,
                    "grid": grid,
                    "panels": described_panels,
                }
            )
        top = top + 1 if row.collapsed else below
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.said("about", ""),
        "tags": list(dict.fromkeys([TAG, *dashboard.said("tags", [])])),
        "range": dashboard.said("range", "1h"),
        "refresh": dashboard.said("refresh", built.refresh),
        "variables": [{"name": one.name, "title": one.title, "query": one.query} for one in built.variables],
        "alerts": {"expr": built.alerts},
        "links": [{"title": "Dashboards", "tag": TAG, "dropdown": True}],
        "rows": rows,
        **({"raw": dashboard.said("raw")} if dashboard.said("raw") else {}),
    }


def grafana_unit(unit: str) -> str:
    """Return Grafana's id for a unit, which may be one already."""
    return units.GRAFANA.get(unit, unit) or "short"


def _box(panel: Panel, height: int | None) -> Box:
    height = panel.said.get("height", height or panel.type.height)
    return Box(layout.columns(panel.said.get("width")), height, panel.type.width)


def _panel(
    panel: Panel, queries: Sequence[Query], number: int, spot: layout.Spot, targets: Mapping[str, Built]
) -> dict[str, Any]:
    said = panel.said
    unit = said.get("unit") or next((query.unit for query in queries if query.unit), "")
    # What several queries share of one signal is the panel's; what differs is said for each by itself.
    shared = queries[0] if queries and len({id(query.signal) for query in queries}) == 1 else None
    result: dict[str, Any] = {
        "id": number,
        "type": panel.type.name,
        "word": panel.word,
        "title": title(panel, queries),
        "description": description(panel, queries),
        "grid": {"x": spot.x, "y": spot.y, "w": spot.w, "h": spot.h},
        "options": panel.options,
    }
    if not panel.type.queries:
        result["content"] = panel.content
    else:
        result["unit"] = grafana_unit(unit)
        result["queries"] = [_query(panel, query, shared) for query in queries]
        result |= _limits(said, unit, shared)
    for key in ("decimals", "colors", "nothing", "by", "raw"):
        if key in said:
            result[key] = said[key]
    if most := said.get("top") or said.get("lowest"):
        result["top"] = most
        if "lowest" in said:
            result["options"] = {"ascending": True, **panel.options}
    for key in ("min", "max"):
        if key in said:
            result[key] = units.quantity(said[key], unit)
    if said.get("link") in targets:
        result["link"] = _link(targets[said["link"]], queries)
    return result


def _link(target: Built, queries: Sequence[Query]) -> dict[str, Any]:
    """Return a link to a dashboard: with the labels that its queries tell apart and that can be chosen there."""
    offered = {one.name for one in target.variables}
    shown = [set(query.shown or ()) for query in queries]
    common = sorted(set.intersection(*shown) & offered) if shown else []
    return {"uid": target.dashboard.uid, "title": target.dashboard.title, "labels": common}


def _query(panel: Panel, query: Query, shared: Query | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ref": query.ref,
        "expr": query.expr,
        "legend": query.legend,
        "title": query.title,
        "unit": grafana_unit(query.unit),
    }
    result |= {key: query.said[key] for key in ("below", "as", "decimals") if key in query.said}
    own = _limits(query.said, query.unit, None)
    if panel.type.queries == "table" or (shared is None and panel.type.queries == "instant"):
        own = _limits(query.said, query.unit, query)
    return result | own


def _limits(said: Mapping[str, Any], unit: str, query: Query | None) -> dict[str, Any]:
    """Return thresholds, direction and words: those that are said, else the signal's."""
    signal = query.signal if query is not None else None
    result: dict[str, Any] = {}
    thresholds = {word: units.quantity(said[word], unit) for word in THRESHOLDS if word in said}
    if thresholds or (signal is not None and signal.thresholds):
        result["thresholds"] = thresholds or dict(signal.thresholds if signal is not None else {})
    if direction := said.get("bad") or (signal.bad if signal is not None else None):
        result["bad"] = direction
    if values := said.get("values") or (signal.values if signal is not None else None):
        result["values"] = dict(values)
    return result


def title(panel: Panel, queries: Sequence[Query]) -> str:
    """Return a panel's title: its own, or that of its only query."""
    if "title" in panel.said:
        return str(panel.said["title"])
    return queries[0].title if len(queries) == 1 else ""


def description(panel: Panel, queries: Sequence[Query]) -> str:
    """Return what a panel means: its own words, or those of its signals, where they are several behind their names."""
    if "description" in panel.said:
        return str(panel.said["description"])
    abouts = {query.signal.title if query.signal else "": query.about for query in queries}
    if len(abouts) == 1:
        return next(iter(abouts.values()))
    return "\n".join(f"- **{name}**: {about}" for name, about in abouts.items() if about)
