"""From checked dashboards to Grafana's JSON: Python says where and what, Jsonnet gives it its shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from deckwatch.core import units
from deckwatch.core.signals import title_of
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.draw import layout, palette
from deckwatch.dashboards.draw.layout import Box
from deckwatch.dashboards.read import files
from deckwatch.dashboards.resolve.queries import reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from deckwatch.core.jsonnet import Renderer
    from deckwatch.dashboards.build import Built
    from deckwatch.dashboards.draw.screens import ScreenVariant
    from deckwatch.dashboards.read.spec import Panel
    from deckwatch.dashboards.resolve.events import Event
    from deckwatch.dashboards.resolve.queries import Query

TAG = "deckwatch"
THRESHOLDS = ("low", "high", "critical")


def render(
    child: Renderer, built: Sequence[Built], own: Path | None = None, others: Sequence[Built] | None = None
) -> list[list[dict[str, Any]]]:
    """Return Grafana's models of each dashboard, one for each of its looks; `others` are all that links may lead to.

    Raises JsonnetError, which is our bug or one of a user's panel file.
    """
    program = (
        f"local panels = {panel_types.import_table(own)}; local dashboard = import 'dashboards/dashboard.libsonnet'; "
        "function(values) [dashboard.new(spec, panels) for spec in values]"
    )
    wanted = [described(one, others or built, look) for one in built for look in one.looks]
    models: Iterator[dict[str, Any]] = iter(child.evaluate_each(program, wanted))
    return [[next(models) for _ in one.looks] for one in built]


def format_model(model: Mapping[str, Any]) -> str:
    """Return a model as the bytes of its file: the same for the same model, whichever engine made it."""
    return orjson.dumps(model, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()


def described(built: Built, others: Sequence[Built], look: ScreenVariant) -> dict[str, Any]:
    """Return a dashboard as the Jsonnet library wants it; `library/README.md` lists the fields.

    `others` are all dashboards, to which its panels may link.
    """
    dashboard = built.dashboard
    targets = {one.dashboard.uid: one for one in others}
    numbers = built.numbers()
    rows: list[dict[str, Any]] = []
    top = 0
    names = files.variables(dashboard)
    for row in dashboard.rows:
        boxes = [look.box(_box(panel, row.height), panel.type.name) for panel in row.panels]
        spots, below = look.row(boxes, top + bool(row.title))
        described_panels = [
            _looking(look, _panel(panel, built.queries[panel.path], numbers[built.key(panel)], spot, targets))
            | _datasource(panel.source, names)
            for panel, spot in zip(row.panels, spots, strict=True)
        ]
        if not row.title:
            rows += described_panels
        else:
            grid = {"x": 0, "y": top, "w": layout.COLUMNS, "h": 1}
            rows.append(
                {
                    "id": numbers[built.row_key(row)],
                    "title": row.title,
                    "collapsed": row.collapsed,
                    "grid": grid,
                    "panels": described_panels,
                    **({"repeat": row.repeat} if row.repeat else {}),
                }
            )
        top = top + 1 if row.collapsed else below
    return {
        "uid": look.address(dashboard.uid),
        "title": look.title(dashboard.title),
        "description": dashboard.said("about", ""),
        "tags": list(dict.fromkeys([TAG, *dashboard.said("tags", [])])),
        "range": dashboard.said("range", "1h"),
        "refresh": dashboard.said("refresh", built.refresh),
        "variables": [{"name": one.name, "title": one.title, "query": one.query} for one in built.variables],
        "inputs": [_input(one) for one in built.inputs],
        "datasources": [{"name": name, "kind": kind} for kind, name in names.items()],
        "alerts": {"expr": built.alerts},
        "events": [_event(one) for one in built.events],
        **_datasource("prometheus", names),
        "links": [{"title": "Dashboards", "tag": TAG, "dropdown": True}],
        "rows": rows,
        **({"raw": dashboard.said("raw")} if dashboard.said("raw") else {}),
    }


def _looking(look: ScreenVariant, panel: dict[str, Any]) -> dict[str, Any]:
    """Return a panel as a screen needs it."""
    made = panel | {"options": look.options(panel["options"])}
    if look.large:
        made["large"] = True
    if look.phone and "repeat" in made:
        made["repeat"] = made["repeat"] | {"per_row": 1, "down": True}
    return made


def grafana_unit(unit: str) -> str:
    """Return Grafana's id for a unit, which may be one already."""
    return units.GRAFANA.get(unit, unit) or "short"


def _box(panel: Panel, height: int | None) -> Box:
    height = panel.said.get("height", height or panel.type.height)
    width = layout.parse_width(panel.said.get("width"))
    if "for each" in panel.said and panel.said.get("per_row", 4) > 1:
        width = layout.COLUMNS  # Grafana cuts this line into as many as there are values
    return Box(width, height, panel.type.width)


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
        chosen = palette.assign_colors(panel, queries)
        asked = [_query(panel, query, shared, targets) for query in queries]
        result["queries"] = [one | _color(chosen, one["ref"]) for one in asked] or _foreign(panel)
        result |= _limits(said, unit, shared)
    result |= {key: said[key] for key in _AS_SAID if key in said}
    result |= _drawn(panel, unit)
    result |= _ways(panel, queries, targets)
    if most := said.get("top") or said.get("lowest"):
        result["top"] = most
        if "lowest" in said:
            result["options"] = {"ascending": True, **panel.options}
    return result


def _color(chosen: Mapping[str, str], ref: str) -> dict[str, str]:
    return {"color": chosen[ref]} if ref in chosen else {}


# What needs no translation: these are the same for the library.
_AS_SAID = (
    "decimals",
    "colors",
    "no_data_text",
    "by",
    "raw",
    "range",
    "shift",
    "min_interval",
    "max_points",
    "transform",
)


def _drawn(panel: Panel, unit: str) -> dict[str, Any]:
    """Return what the words about its drawing mean in Grafana's units."""
    said = panel.said
    result: dict[str, Any] = {
        key: units.parse_quantity(said[key], unit) for key in ("min", "max", "target") if key in said
    }
    if "join" in said:
        result["join"] = said["join"] if isinstance(said["join"], bool) else units.parse_duration(said["join"]) * 1000
    if "series" in said:
        result["series"] = {
            name: one | ({"unit": grafana_unit(one["unit"])} if "unit" in one else {})
            for name, one in said["series"].items()
        }
    if "for each" in said:
        abreast = said.get("per_row", 4)
        result["repeat"] = {"label": said["for each"], "per_row": abreast, "down": abreast == 1}
    return result


def _ways(panel: Panel, queries: Sequence[Query], targets: Mapping[str, Built]) -> dict[str, Any]:
    """Return where clicks lead; what leads to a dashboard that is left out here is left out too."""
    said = panel.said
    result: dict[str, Any] = {}
    if said.get("link") in targets:
        result["link"] = _link(targets[said["link"]], queries)
    by_label = said.get("label_links", {})
    if found := {label: _link(targets[uid], queries) for label, uid in by_label.items() if uid in targets}:
        result["label_links"] = found
    openings = []
    for one in said.get("links", []):
        shown = {"title": one["title"], "new_tab": one.get("new_tab", False)}
        if "url" in one:
            openings.append(shown | {"url": one["url"]})
        elif one["dashboard"] in targets:
            openings.append(shown | {"dashboard": _link(targets[one["dashboard"]], queries)})
    if openings:
        result["links"] = openings
    return result


def _datasource(kind: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return which data source a panel asks, where that is not the library's own default."""
    if not kind or (kind == "prometheus" and len(names) == 1):
        return {}
    return {"datasource": {"type": files.TYPES[kind], "uid": "${" + names[kind] + "}"}}


def _foreign(panel: Panel) -> list[dict[str, Any]]:
    """Return the queries of a panel that asks another data source than Prometheus."""
    result = []
    for i, (word, said) in enumerate(panel.foreign()):
        unit = said.get("unit") or panel.said.get("unit", "")
        query = {"ref": reference(i), word: said[word], "title": said.get("title", ""), "unit": grafana_unit(unit)}
        query |= {key: said[key] for key in (*_LOOKS, "legend") if key in said}
        result.append(query | _limits(said, unit, None))
    return result


def _input(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a field to write into, or a choice of fixed words."""
    name = said.get("text") or said["pick"]
    result = {"name": name, "title": said.get("title") or title_of(name)}
    if "text" in said:
        return result | {"default": str(said.get("default", ""))}
    words = said["of"] if isinstance(said["of"], dict) else {word: word for word in said["of"]}
    options = [{"text": str(text), "value": str(value)} for text, value in words.items()]
    default = next((one for one in options if one["text"] == str(said.get("default"))), options[0])
    return result | {"options": options, "default": default}


def _event(event: Event) -> dict[str, Any]:
    said = event.said
    return {
        "title": said["title"],
        "text": said.get("text", event.text),
        "color": said.get("color", "purple"),
        "shown": said.get("shown", True),
        **({"tags": said["tags"]} if "tags" in said else {"expr": event.expr}),
    }


def _link(target: Built, queries: Sequence[Query]) -> dict[str, Any]:
    """Return a link to a dashboard: with the labels that its queries tell apart and that can be chosen there."""
    offered = {one.name for one in target.variables}
    shown = [set(query.shown or ()) for query in queries]
    common = sorted(set.intersection(*shown) & offered) if shown else []
    return {"uid": target.dashboard.uid, "title": target.dashboard.title, "labels": common}


_LOOKS = ("negative_y", "as", "decimals", "style", "axis", "color", "hidden", "width", "query_type")


def _query(panel: Panel, query: Query, shared: Query | None, targets: Mapping[str, Built]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ref": query.ref,
        "expr": query.expr,
        "legend": query.legend,
        "title": query.title,
        "unit": grafana_unit(query.unit),
    }
    result |= {key: query.said[key] for key in _LOOKS if key in query.said}
    if query.said.get("link") in targets:
        result["link"] = _link(targets[query.said["link"]], [query])
    own = _limits(query.said, query.unit, None)
    if panel.type.queries == "table" or (shared is None and panel.type.queries == "instant"):
        own = _limits(query.said, query.unit, query)
    return result | own


def _limits(said: Mapping[str, Any], unit: str, query: Query | None) -> dict[str, Any]:
    """Return thresholds, direction and words: those that are said, else the signal's."""
    signal = query.signal if query is not None else None
    result: dict[str, Any] = {}
    thresholds = {word: units.parse_quantity(said[word], unit) for word in THRESHOLDS if word in said}
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
