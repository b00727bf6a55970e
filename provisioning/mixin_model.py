"""Reads a third-party Grafana model defensively: nothing about its structure is certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards import datasources
from deckwatch.dashboards.grafana_model import fill_inputs, list_variables, map_texts
from deckwatch.dashboards.schema_v2 import convert_to_classic, find_dashboards

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.json_types import Json


def read_classic(data: Json, file: str) -> tuple[dict[str, Any], list[str]]:
    """Return the classic model of a dashboard as a resource or in the v2 schema, and what it loses.

    File provisioning accepts it in every version. Raises DeckwatchError if there is not exactly one dashboard.
    """
    found = find_dashboards(data, file)
    if len(found) != 1:
        raise DeckwatchError(f"{file} holds {len(found)} dashboards: write each into a file of its own")
    model, losses = found[0].spec, []
    if found[0].form == "v2":
        converted = convert_to_classic(model)
        model, losses = converted.model, [str(loss) for loss in converted.losses]
    return ({**model, "uid": found[0].name} if found[0].name else model), losses


def to_provisioned(model: Mapping[str, Any], uid: str) -> dict[str, Any]:
    """Return a model for file provisioning, which neither fills in `__inputs` nor accepts an id."""
    kinds = {type_: kind for kind, type_ in datasources.TYPES.items()}
    values = {}
    for entry in only_mappings(model.get("__inputs")):
        if entry.get("type") == "datasource" and str(entry.get("pluginId")) in kinds:
            values[str(entry.get("name"))] = datasources.provisioned_uid(kinds[entry["pluginId"]])
        elif entry.get("type") == "constant":
            values[str(entry.get("name"))] = str(entry.get("value", ""))
    kept = {key: value for key, value in model.items() if key not in ("__inputs", "__requires", "__elements", "id")}
    filled = {key: map_texts(value, lambda text, _: fill_inputs(text, values.get)) for key, value in kept.items()}
    return {**filled, "uid": uid}


def datasource_type(panel: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    """Return the type of a query's data source, '' where it is given only by name."""
    source = target.get("datasource") or panel.get("datasource")
    return str(source.get("type") or "") if isinstance(source, dict) else ""


def initial_values(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the variables that have a value before any query runs: custom, interval, constant and text box."""
    for variable in list_variables(model):
        current = variable.get("current")
        value = current.get("value") if isinstance(current, dict) else None
        if (
            variable.get("type") in ("custom", "interval", "constant", "textbox")
            and isinstance(value, str)
            and "$" not in value
        ):
            yield str(variable.get("name")), value


def only_mappings(value: Any) -> list[dict[str, Any]]:
    """Return the mappings in a list; none if the value is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
