"""What of Grafana's model came with which version: a user's word for it is an error, what is ours is left out.

From Grafana's release notes (docs/sources/whatsnew) and from the schemas that Grafana generated of 10.4 to 11.4.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.problems import Problem
    from deckwatch.core.targets import Targets
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.build import Built
    from deckwatch.dashboards.read.spec import Panel

# The number of the model's form. Grafana raises a lower one than its own, and does not know a higher one: these
# are the first versions that were seen to write each.
_SCHEMAS = (("13.0", 42), ("12.0", 41), ("11.5", 40), ("10.4", 39))


class Since(NamedTuple):
    """A field of a panel's model (or, of the type '', of any panel's), and the version it came with."""

    type: str
    field: str  # its path with dots
    version: str
    default: Any = None  # what Grafana takes where it is not said, so that an older one draws the same without it


_NO_LEGEND = {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []}
_FIELDS = (
    Since("stat", "options.percentChangeColorMode", "11.1", "standard"),
    Since("heatmap", "options.selectionMode", "11.1"),
    Since("dashlist", "options.showFolderNames", "11.1", default=False),
    Since("table", "fieldConfig.defaults.custom.cellOptions.wrapText", "11.1"),
    Since("table", "fieldConfig.defaults.custom.cellOptions.alt", "11.2"),
    Since("state-timeline", "options.perPage", "11.2"),
    Since("logs", "options.displayedFields", "11.2"),
    Since("bargauge", "options.legend", "11.3", _NO_LEGEND),
    Since("", "timeCompare", "12.3"),
)
_TRANSFORMATIONS = {"transpose": "11.2"}
_VARIABLES = {"switch": "12.3"}


def schema_version(targets: Targets) -> int:
    """Return the number of the model's form for a version of Grafana."""
    return next(number for version, number in _SCHEMAS if targets.supports("grafana", version))


def strip_unsupported(model: dict[str, Any], targets: Targets) -> dict[str, Any]:
    """Return a model without what Grafana would not know; what users ask for was told by `problems` before."""
    model["schemaVersion"] = schema_version(targets)
    for panel in (one for row in model["panels"] for one in (row, *row.get("panels", []))):
        for one in _FIELDS:
            if one.type in ("", panel["type"]) and not targets.supports("grafana", one.version):
                _drop(panel, one.field.split("."))
    return model


def minimum_version(model: Mapping[str, Any], oldest: str) -> str:
    """Return the oldest version that knows all of a model, from the oldest supported one on."""
    found = [oldest]
    for panel in (one for row in model["panels"] for one in (row, *row.get("panels", []))):
        said = [one for one in _FIELDS if one.type in ("", panel["type"]) and _has(panel, one.field)]
        found += [one.version for one in said if _at(panel, one.field) != one.default]
        found += [_TRANSFORMATIONS.get(one["id"], oldest) for one in panel.get("transformations", [])]
    found += [_VARIABLES.get(one["type"], oldest) for one in model["templating"]["list"]]
    return max(found, key=lambda version: tuple(map(int, version.split("."))))


def find_problems(built: Built, targets: Targets) -> Iterator[Problem]:
    """Yield what a file asks for that the target's Grafana lacks: in `raw:`, or by a word that stands for it."""
    document = built.dashboard.document
    for path, value in _leaves(built.dashboard.said("raw") or {}):
        if re.fullmatch(r"templating\.list\.\d+\.type", _dotted(path)) and value in _VARIABLES:
            place = document.place(("raw", *path))
            yield from targets.problems_if_older("grafana", _VARIABLES[value], f"a variable of type {value}", place)
    for panel in built.dashboard.panels():
        yield from _raw(panel, targets)
        for i, said in enumerate(panel.said.get("transform", [])):
            (word,) = said
            name = said["raw"]["id"] if word == "raw" else word
            if name in _TRANSFORMATIONS:
                place = document.place((*panel.path, "transform", i, word), key=True)
                what = f"the transformation {name}"
                yield from targets.problems_if_older("grafana", _TRANSFORMATIONS[name], what, place)


def kind(panel: Panel) -> str:
    """Return the type of a panel as files are called that draw them, also where there is none of this type."""
    return _slug(str(panel.content)) if panel.type.name == "other" else panel.type.name


def _slug(type_: str) -> str:
    return type_.replace("-", "").lower()  # as the files are called that draw them


def _raw(panel: Panel, targets: Targets) -> Iterator[Problem]:
    raw = panel.said.get("raw") or {}
    type_ = raw["type"] if "type" in raw else kind(panel)
    for one in _FIELDS:
        if _slug(one.type) in ("", _slug(type_)) and _has(raw, one.field):
            path: Path = (*panel.path, "raw", *one.field.split("."))
            place = panel.document.place(path, key=True)
            yield from targets.problems_if_older("grafana", one.version, f"{one.field} of {one.type or type_}", place)
    for i, said in enumerate(raw.get("transformations") or []):
        if said.get("id") in _TRANSFORMATIONS:
            place = panel.document.place((*panel.path, "raw", "transformations", i, "id"))
            what = f"the transformation {said['id']}"
            yield from targets.problems_if_older("grafana", _TRANSFORMATIONS[said["id"]], what, place)


def _has(data: Any, field: str) -> bool:
    for key in field.split("."):
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return True


def _at(data: Any, field: str) -> Any:
    for key in field.split("."):
        data = data[key]
    return data


def _drop(data: Any, keys: list[str]) -> None:
    *head, last = keys
    for key in head:
        data = data.get(key) if isinstance(data, dict) else None
    if isinstance(data, dict):
        data.pop(last, None)


def _leaves(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield everything in a value that is no mapping and no list, with its path."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(data, list):
        for i, value in enumerate(data):
            yield from _leaves(value, (*path, i))
    else:
        yield path, data


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
