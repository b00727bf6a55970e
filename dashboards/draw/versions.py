"""What a version of Grafana lacks (`grafana_versions.yaml`): in a user's file an error, in our output left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object, as_objects, as_text, walk_leaves
from deckwatch.dashboards.grafana_model import list_variables, walk_panels
from deckwatch.dashboards.grafana_versions import find_feature, list_options, load_features
from deckwatch.dashboards.model import kind_of_type, panel_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.json_types import JsonValue, StrictMapping, StrictObject
    from deckwatch.core.problems import Place, Problem
    from deckwatch.core.targets import Targets
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.grafana_versions import Feature
    from deckwatch.dashboards.model import Built
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.spec import PanelSpec


def schema_version(targets: Targets) -> int:
    """Return the schemaVersion of the model for a version of Grafana.

    Grafana migrates a lower one and does not know a higher one.
    """
    return max(int(item.name) for item in load_features()["schema_versions"] if item.is_in(targets))


def strip_unsupported(model: StrictObject, targets: Targets) -> StrictObject:
    """Return a model without fields unknown to the target; those that a user wrote are errors (`find_problems`)."""
    model["schemaVersion"] = schema_version(targets)
    if all(option.is_in(targets) for option in load_features()["options"]):
        return model
    for panel in walk_panels(model):
        for option in list_options(as_text(panel["type"])):
            if not option.is_in(targets):
                _drop_field(panel, option.name)
    return model


def minimum_version(model: StrictMapping, oldest: str) -> str:
    """Return the oldest version that supports all of a model, at least the oldest supported one."""
    versions = [oldest]
    for panel in walk_panels(model):
        present = [option for option in list_options(as_text(panel["type"])) if _has_field(panel, option.name)]
        versions += [option.since for option in present if not _is_drawn_by_older(panel, option)]
        steps = [as_text(step["id"]) for step in as_objects(panel.get("transformations"))]
        versions += [feature.since for name in steps if (feature := find_feature("transformations", name)) is not None]
    types = [as_text(variable["type"]) for variable in list_variables(model)]
    versions += [feature.since for name in types if (feature := find_feature("variables", name)) is not None]
    return max(versions, key=lambda version: tuple(map(int, version.split("."))))


def find_problems(built: Built, targets: Targets) -> Iterator[Problem]:
    """Yield a problem for each feature of a file that the target's Grafana lacks: in `raw:`, or by a keyword."""
    document = built.dashboard.document
    for path, value in walk_leaves(built.dashboard.raw):
        is_type = re.fullmatch(r"templating\.list\.\d+\.type", ".".join(map(str, path)))
        feature = find_feature("variables", value) if is_type and isinstance(value, str) else None
        if feature is not None:
            yield from feature.find_problems(targets, f"a variable of type {value}", document.place(("raw", *path)))
    for panel in built.dashboard.panels():
        yield from _find_type_problems(panel, targets)
        yield from _find_raw_problems(panel, targets, built.panel_types)
        for i, step in enumerate(panel.transformations):
            ((keyword, value),) = step.items()
            name = as_text(as_object(value).get("id")) if keyword == "raw" else keyword
            place = panel.document.place((*panel.path, "transform", i, keyword), key=True)
            yield from _find_transformation_problems(name, targets, place)


def _find_type_problems(panel: PanelSpec, targets: Targets) -> Iterator[Problem]:
    """Yield a problem if Grafana's panel type, written as `panel: TYPE`, does not exist in the target version."""
    feature = find_feature("panels", as_text(panel.content)) if panel.type.name == "other" else None
    if feature is not None:
        place = panel.document.place((*panel.path, panel.keyword))
        yield from feature.find_problems(targets, f"the panel type {feature.name}", place)


def _find_transformation_problems(name: str, targets: Targets, place: Place) -> Iterator[Problem]:
    feature = find_feature("transformations", name)
    if feature is not None:
        yield from feature.find_problems(targets, f"the transformation {name}", place)


def _find_raw_problems(panel: PanelSpec, targets: Targets, types: Mapping[str, PanelType]) -> Iterator[Problem]:
    if not panel.raw:
        return
    written = as_text(panel.raw.get("type")) or panel_kind(panel)
    known = types.get(kind_of_type(written))
    grafana_type = known.grafana.type if known is not None else written
    for option in list_options(grafana_type):
        if _has_field(panel.raw, option.name):
            path: Path = (*panel.path, "raw", *option.name.split("."))
            place = panel.document.place(path, key=True)
            yield from option.find_problems(targets, f"{option.name} of {grafana_type}", place)
    for i, step in enumerate(as_objects(panel.raw.get("transformations"))):
        place = panel.document.place((*panel.path, "raw", "transformations", i, "id"))
        yield from _find_transformation_problems(as_text(step.get("id")), targets, place)


def _has_field(data: JsonValue, path: str) -> bool:
    for key in path.split("."):
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return True


def _is_drawn_by_older(panel: StrictMapping, option: Feature) -> bool:
    """Return whether versions without an option draw as good a panel: by their default, or by their own option."""
    if option.optional or (option.older and _has_field(panel, option.older)):
        return True
    return _get_field(panel, option.name) == option.default


def _get_field(data: JsonValue, path: str) -> JsonValue:
    for key in path.split("."):
        data = as_object(data).get(key)
    return data


def _drop_field(data: StrictObject, path: str) -> None:
    *head, last = path.split(".")
    for key in head:
        data = as_object(data.get(key))
    data.pop(last, None)
