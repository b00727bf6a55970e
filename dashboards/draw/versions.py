"""Fields of Grafana's model that came with a version: in a user's file they are errors, in our output left out.

From Grafana's release notes (docs/sources/whatsnew) and from the schemas that Grafana generated of 10.4 to 11.4.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object, as_objects, as_text, walk_leaves
from deckwatch.dashboards.grafana_model import list_variables, walk_panels
from deckwatch.dashboards.model import kind_of_type, panel_kind
from deckwatch.dashboards.panel_types import NewField

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.json_types import JsonValue, StrictMapping, StrictObject
    from deckwatch.core.problems import Problem
    from deckwatch.core.targets import Targets
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.model import Built
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.spec import PanelSpec

# The first version seen to write each schemaVersion. Grafana migrates a lower one and does not know a higher one.
_SCHEMAS = (("13.0", 42), ("12.0", 41), ("11.5", 40), ("10.4", 39))
_FIELDS_OF_ALL = (NewField("timeCompare", "12.3"),)
_TRANSFORMATIONS = {"transpose": "11.2"}
_VARIABLES = {"switch": "12.3"}


def schema_version(targets: Targets) -> int:
    """Return the schemaVersion of the model for a version of Grafana."""
    return next(number for version, number in _SCHEMAS if targets.supports("grafana", version))


def strip_unsupported(model: StrictObject, targets: Targets, types: Mapping[str, PanelType]) -> StrictObject:
    """Return a model without fields unknown to the target; those that a user wrote are errors (`find_problems`)."""
    model["schemaVersion"] = schema_version(targets)
    known = {new.version for item in types.values() for new in item.grafana.since} | {
        new.version for new in _FIELDS_OF_ALL
    }
    unsupported = {version for version in known if not targets.supports("grafana", version)}
    for panel in walk_panels(model) if unsupported else ():
        for new in _list_fields(panel["type"], types):
            if new.version in unsupported:
                _drop_field(panel, new.path)
    return model


def minimum_version(model: StrictMapping, oldest: str, types: Mapping[str, PanelType]) -> str:
    """Return the oldest version that supports all of a model, at least the oldest supported one."""
    versions = [oldest]
    for panel in walk_panels(model):
        present = [new for new in _list_fields(panel["type"], types) if _has_field(panel, new.path)]
        versions += [new.version for new in present if _get_field(panel, new.path) != new.default]
        transformations = as_objects(panel.get("transformations"))
        versions += [_TRANSFORMATIONS.get(as_text(item["id"]), oldest) for item in transformations]
    versions += [_VARIABLES.get(as_text(variable["type"]), oldest) for variable in list_variables(model)]
    return max(versions, key=lambda version: tuple(map(int, version.split("."))))


def find_problems(built: Built, targets: Targets) -> Iterator[Problem]:
    """Yield what a file uses that the target's Grafana lacks: in `raw:`, or by a keyword that needs it."""
    document = built.dashboard.document
    for path, value in walk_leaves(built.dashboard.raw):
        is_type = re.fullmatch(r"templating\.list\.\d+\.type", ".".join(map(str, path)))
        if is_type and isinstance(value, str) and value in _VARIABLES:
            place = document.place(("raw", *path))
            yield from targets.problems_if_older("grafana", _VARIABLES[value], f"a variable of type {value}", place)
    for panel in built.dashboard.panels():
        yield from _find_raw_problems(panel, targets, built.panel_types)
        for i, step in enumerate(panel.transformations):
            ((keyword, value),) = step.items()
            name = as_text(as_object(value).get("id")) if keyword == "raw" else keyword
            if name in _TRANSFORMATIONS:
                place = panel.document.place((*panel.path, "transform", i, keyword), key=True)
                feature = f"the transformation {name}"
                yield from targets.problems_if_older("grafana", _TRANSFORMATIONS[name], feature, place)


def _find_raw_problems(panel: PanelSpec, targets: Targets, types: Mapping[str, PanelType]) -> Iterator[Problem]:
    if not panel.raw:
        return
    grafana_type = as_text(panel.raw.get("type")) or panel_kind(panel)
    known = types.get(kind_of_type(grafana_type))
    for new in _list_fields(grafana_type, types):
        if _has_field(panel.raw, new.path):
            path: Path = (*panel.path, "raw", *new.path.split("."))
            place = panel.document.place(path, key=True)
            owner = known.grafana.type if known is not None and new not in _FIELDS_OF_ALL else grafana_type
            yield from targets.problems_if_older("grafana", new.version, f"{new.path} of {owner}", place)
    for i, step in enumerate(as_objects(panel.raw.get("transformations"))):
        name = as_text(step.get("id"))
        if name in _TRANSFORMATIONS:
            place = panel.document.place((*panel.path, "raw", "transformations", i, "id"))
            feature = f"the transformation {name}"
            yield from targets.problems_if_older("grafana", _TRANSFORMATIONS[name], feature, place)


def _list_fields(grafana_type: JsonValue, types: Mapping[str, PanelType]) -> tuple[NewField, ...]:
    """Return the fields of a panel type of Grafana that are newer than the oldest supported version."""
    known = types.get(kind_of_type(as_text(grafana_type)))
    return (*(known.grafana.since if known is not None else ()), *_FIELDS_OF_ALL)


def _has_field(data: JsonValue, path: str) -> bool:
    for key in path.split("."):
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return True


def _get_field(data: JsonValue, path: str) -> JsonValue:
    for key in path.split("."):
        data = as_object(data).get(key)
    return data


def _drop_field(data: StrictObject, path: str) -> None:
    *head, last = path.split(".")
    for key in head:
        data = as_object(data.get(key))
    data.pop(last, None)
