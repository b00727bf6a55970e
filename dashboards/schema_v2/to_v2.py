"""A classic dashboard as a spec of v2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object, as_objects
from deckwatch.dashboards.grafana_model import list_variables
from deckwatch.dashboards.schema_v2.annotations import convert_annotation
from deckwatch.dashboards.schema_v2.layout_to_v2 import build_layout, split_rows
from deckwatch.dashboards.schema_v2.loss import Converted, LossLog
from deckwatch.dashboards.schema_v2.panels_to_v2 import convert_panel
from deckwatch.dashboards.schema_v2.settings import convert_settings
from deckwatch.dashboards.schema_v2.sources import ClassicSources
from deckwatch.dashboards.schema_v2.values import log_unknown, read_number
from deckwatch.dashboards.schema_v2.variables_to_v2 import convert_variable

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.layout_to_v2 import ClassicPanel

_KNOWN_KEYS = frozenset(
    (
        *("title", "description", "tags", "editable", "liveNow", "preload", "revision", "graphTooltip", "time"),
        *("timezone", "refresh", "weekStart", "fiscalYearStartMonth", "timepicker", "links", "panels", "templating"),
        *("annotations", "__inputs"),
        # in the resource's metadata, or bookkeeping of Grafana
        *("uid", "id", "version", "schemaVersion", "gnetId", "iteration", "style", "hideControls", "__requires"),
        *("sharedCrosshair", "originalTitle", "overwrite", "rows"),
    )
)


def convert_to_v2(model: JsonMapping) -> Converted:
    """Return the v2 spec of a classic model with `panels`, of any structure, and what it lacks.

    Elements are called `panel-ID`, as in Grafana. `uid` and folder belong into the metadata: `resource.build_resource`.
    """
    log = LossLog()
    log_unknown(model, _KNOWN_KEYS, (), "not in v2", log)
    sources = ClassicSources(model)
    sections = split_rows(model)
    panels = [entry for section in sections for entry in section.panels]
    elements: JsonObject = {}
    for entry, panel_id in zip(panels, _assign_ids(panels), strict=True):
        entry.name = f"panel-{panel_id}"
        elements[entry.name] = convert_panel(entry.panel, panel_id, sources, entry.path, log)
    variables, annotations = list_variables(model), as_objects(as_object(model.get("annotations")).get("list"))
    spec: JsonObject = {
        **convert_settings(model, log),
        "annotations": [
            convert_annotation(each, sources, ("annotations", "list", index), log)
            for index, each in enumerate(annotations)
        ],
        "variables": [
            convert_variable(each, sources, ("templating", "list", index), log) for index, each in enumerate(variables)
        ],
        "elements": elements,
        "layout": build_layout(sections, log),
    }
    return Converted(spec, log.entries)


def _assign_ids(panels: list[ClassicPanel]) -> list[int]:
    """Return an id for each panel: its own if it is the first with it, otherwise one above all."""
    numbers = [read_number(entry.panel.get("id")) for entry in panels]
    own = [int(number) if number is not None and number == int(number) and number >= 0 else None for number in numbers]
    last = max((number for number in own if number is not None), default=0)
    ids: list[int] = []
    taken: set[int] = set()
    for number in own:
        if number is None or number in taken:
            last += 1
            number = last  # noqa: PLW2901 - the id that it gets
        taken.add(number)
        ids.append(number)
    return ids
