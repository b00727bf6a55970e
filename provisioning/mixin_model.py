"""Reads a third-party Grafana model defensively: nothing about its structure is certain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deckwatch.dashboards.read import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_INPUT = re.compile(r"\$\{(\w+)\}")


def to_provisioned(model: Mapping[str, Any], uid: str) -> dict[str, Any]:
    """Return a model for file provisioning, which neither fills in `__inputs` nor accepts an id."""
    kinds = {type_: kind for kind, type_ in files.TYPES.items()}
    values = {}
    for entry in only_mappings(model.get("__inputs")):
        if entry.get("type") == "datasource" and str(entry.get("pluginId")) in kinds:
            values[str(entry.get("name"))] = files.provisioned(kinds[entry["pluginId"]])
        elif entry.get("type") == "constant":
            values[str(entry.get("name"))] = str(entry.get("value", ""))
    kept = {key: value for key, value in model.items() if key not in ("__inputs", "__requires", "__elements", "id")}
    return {**_fill_inputs(kept, values), "uid": uid}


def _fill_inputs(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _INPUT.sub(lambda match: values.get(match[1], match[0]), value)
    if isinstance(value, dict):
        return {key: _fill_inputs(item, values) for key, item in value.items()}
    return [_fill_inputs(item, values) for item in value] if isinstance(value, list) else value


def iter_targets(model: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield every panel with each of its queries, including collapsed rows and the `rows` of old models."""
    rows = only_mappings(model.get("rows"))
    queue = [
        *only_mappings(model.get("panels")),
        *(panel for row in rows for panel in only_mappings(row.get("panels"))),
    ]
    while queue:
        panel = queue.pop(0)
        queue += only_mappings(panel.get("panels"))
        yield from ((panel, target) for target in only_mappings(panel.get("targets")))


def datasource_type(panel: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    """Return the type of a query's data source, '' where it is given only by name."""
    source = target.get("datasource") or panel.get("datasource")
    return str(source.get("type") or "") if isinstance(source, dict) else ""


def initial_values(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the variables that have a value before any query runs: custom, interval, constant and text box."""
    templating = model.get("templating")
    for variable in only_mappings(templating.get("list") if isinstance(templating, dict) else None):
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
