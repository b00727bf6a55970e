"""Renders checked dashboards to Grafana's JSON: Python decides content and position, Jsonnet the form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from deckwatch.dashboards import datasources, panel_types
from deckwatch.dashboards.draw import layout, screens
from deckwatch.dashboards.draw.panel_input import LinkTarget, describe_panel
from deckwatch.dashboards.read.sections import list_sections

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from deckwatch.core.json_types import JsonValue, StrictMapping, StrictObject
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.dashboards.draw.layout import Box, Spot
    from deckwatch.dashboards.model import Built, ScreenVariant
    from deckwatch.dashboards.read.sections import Section
    from deckwatch.dashboards.read.spec import InputSpec, PanelSpec
    from deckwatch.dashboards.resolve.events import Event

TAG = "deckwatch"
_PHONE_TAG = "deckwatch-phone"  # of the variants for phones that exist beside a wide dashboard


def render_models(
    child: Renderer, built: Sequence[Built], own: Path | None = None, others: Sequence[Built] | None = None
) -> list[list[StrictObject]]:
    """Return Grafana's models of each dashboard, one for each of its variants; `others` are all link targets.

    Raises JsonnetError, for a bug of ours or an error in a user's panel file.
    """
    program = (
        f"local panels = {panel_types.import_table(own)}; local dashboard = import 'dashboards/dashboard.libsonnet'; "
        "function(values) [dashboard.new(spec, panels) for spec in values]"
    )
    targets = LinkTargets(others or built)
    values = [to_library_input(dashboard, targets, variant) for dashboard in built for variant in dashboard.variants]
    models: Iterator[StrictObject] = iter(child.evaluate_each(program, values))
    return [[next(models) for _ in dashboard.variants] for dashboard in built]


def format_model(model: StrictMapping) -> str:
    """Return the text of a model's file: the same for the same model, whichever engine rendered it."""
    return orjson.dumps(model, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()


class LinkTargets:
    """All dashboards to which panels may link."""

    def __init__(self, built: Sequence[Built]) -> None:
        self._built = built
        self._by_variant: dict[ScreenVariant, Mapping[str, LinkTarget]] = {}

    def list_for_variant(self, variant: ScreenVariant) -> Mapping[str, LinkTarget]:
        """Return by uid what a link on this screen opens."""
        if variant not in self._by_variant:
            targets = {item.dashboard.uid: _find_link_target(item, variant) for item in self._built}
            self._by_variant[variant] = targets
        return self._by_variant[variant]


def to_library_input(built: Built, others: LinkTargets, variant: ScreenVariant) -> StrictObject:
    """Return a dashboard as input of the Jsonnet library; `library/README.md` lists the fields."""
    dashboard = built.dashboard
    variables = datasources.variable_names(dashboard)
    refresh = dashboard.refresh or built.refresh
    own_tags = [TAG, _PHONE_TAG] if variant.second else [TAG]
    result: StrictObject = {
        "uid": variant.format_uid(dashboard.uid),
        "title": variant.format_title(dashboard.title),
        "description": dashboard.about,
        "tags": list(dict.fromkeys([*own_tags, *dashboard.tags])),
        "range": dashboard.range,
        "refresh": refresh,
        "variables": [
            {"name": variable.name, "title": variable.title, "query": variable.query} for variable in built.variables
        ],
        "inputs": [_describe_input(spec) for spec in dashboard.all_inputs()],
        "datasources": [{"name": name, "kind": kind} for kind, name in variables.items()],
        "alerts": {"expr": built.alerts, "shown": dashboard.marks_shown},
        "events": [_describe_event(event) for event in built.events],
        **_describe_datasource("prometheus", variables),
        "links": [{"title": "Dashboards", "tag": own_tags[-1], "dropdown": True}, *_describe_report_link(built)],
        "rows": _describe_rows(built, others, variant),
    }
    if dashboard.raw:
        result["raw"] = dashboard.raw
    return result


def _describe_report_link(built: Built) -> list[StrictObject]:
    if not built.report_url:
        return []
    return [{"title": "Report", "url": built.report_url, "tooltip": "Opens a report about the range shown."}]


def _describe_rows(built: Built, others: LinkTargets, variant: ScreenVariant) -> list[StrictObject]:
    """Return the rows with titles, and between them the panels of rows without, each with its position."""
    targets = others.list_for_variant(variant)
    variables = datasources.variable_names(built.dashboard)
    ids = built.ids_by_name()
    rows: list[StrictObject] = []
    top = 0
    for section in list_sections(built.dashboard):
        spots, below = _place_section(variant, section, top + bool(section.title))
        panels = [
            _adapt_panel(
                variant,
                describe_panel(
                    panel,
                    built.queries[panel.path],
                    ids[built.panel_name(panel)],
                    targets,
                    exemplars=built.exemplars,
                ),
            )
            | _describe_datasource(panel.source, variables)
            | {"grid": _describe_spot(spot)}
            for panel, spot in zip(section.panels(), spots, strict=True)
        ]
        collapsed = is_collapsed(section, variant)
        number = ids.get(built.section_name(section), 0)
        rows += [_describe_row(section, number, top, panels, collapsed=collapsed)] if section.title else panels
        top = top + 1 if collapsed else below
    return rows


def is_collapsed(section: Section, variant: ScreenVariant) -> bool:
    """Return whether a row is initially collapsed.

    On a phone, titles come first and are opened one by one: a page of 40 panels would be 12,000 pixels high.
    """
    return bool(section.title) and (variant.phone or (section.row is not None and section.row.collapsed))


def _place_section(variant: ScreenVariant, section: Section, top: int) -> tuple[list[Spot], int]:
    """Return the positions of the panels of a section, and the first free step below them."""
    spots: list[Spot] = []
    for row in section.rows:
        boxes = [_variant_box(variant, panel, row.height) for panel in row.panels]
        placed, top = screens.place_panels(variant, boxes, top, row.per_row)
        spots += placed
    return spots, top


def _find_link_target(target: Built, variant: ScreenVariant) -> LinkTarget:
    """Return the dashboard that a link on this screen opens: the target's variant for the same screen, if any."""
    uid = target.dashboard.uid
    names = frozenset(variable.name for variable in target.variables)
    return LinkTarget(variant.format_uid(uid) if variant in target.variants else uid, target.dashboard.title, names)


def _describe_row(
    section: Section, number: int, top: int, panels: Sequence[StrictObject], *, collapsed: bool
) -> StrictObject:
    result: StrictObject = {
        "id": number,
        "title": section.title,
        "collapsed": collapsed,
        "grid": {"x": 0, "y": top, "w": layout.COLUMNS, "h": 1},
        "panels": panels,
    }
    if section.row is not None and section.row.repeat:
        result["repeat"] = section.row.repeat
    return result


def _describe_spot(spot: Spot) -> StrictObject:
    return {"x": spot.x, "y": spot.y, "w": spot.w, "h": spot.h}


def _adapt_panel(variant: ScreenVariant, panel: StrictObject) -> StrictObject:
    """Return a panel adapted to a screen."""
    options, repeat = panel["options"], panel.get("repeat")
    result = dict(panel)
    if isinstance(options, dict):
        result["options"] = screens.adapt_options(variant, options)
    if variant.large:
        result["large"] = True
    if variant.phone:
        result["phone"] = True
    if variant.phone and isinstance(repeat, dict):
        result["repeat"] = repeat | {"per_row": 1, "down": True}
    return result


def _variant_box(variant: ScreenVariant, panel: PanelSpec, row_height: int | None) -> Box:
    return screens.enlarge_box(variant, _panel_box(panel, row_height), panel.type, len(panel.queries) or 1)


def _panel_box(panel: PanelSpec, row_height: int | None) -> Box:
    height = panel.height or row_height or panel.type.height
    width = layout.parse_width(panel.width)
    if panel.repeat and panel.per_row > 1:
        width = layout.COLUMNS  # Grafana divides this line by the number of values
    return layout.Box(width, height, panel.type.width)


def _describe_datasource(kind: str, variables: Mapping[str, str]) -> StrictObject:
    """Return the data source of a panel, if it is not the library's default."""
    if not kind or (kind == "prometheus" and len(variables) == 1):
        return {}
    return {"datasource": {"type": datasources.TYPES[kind], "uid": "${" + variables[kind] + "}"}}


def _describe_input(spec: InputSpec) -> StrictObject:
    """Return a text field, or a choice from fixed values."""
    result: StrictObject = {"name": spec.name, "title": spec.title}
    if spec.options is None:
        return result | {"default": spec.default or ""}
    options: list[JsonValue] = [{"text": text, "value": value} for text, value in spec.options.items()]
    texts = list(spec.options)
    default = options[texts.index(spec.default)] if spec.default in texts else options[0]
    return result | {"options": options, "default": default}


def _describe_event(event: Event) -> StrictObject:
    spec = event.spec
    result: StrictObject = {
        "title": spec.title,
        "text": event.text if spec.text is None else spec.text,
        "color": spec.color,
        "shown": spec.shown,
    }
    return result | ({"tags": list(spec.tags)} if spec.tags else {"expr": event.expr})
