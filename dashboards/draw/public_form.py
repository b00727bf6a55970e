"""The public form of a rendered dashboard: variables are replaced by values, and nothing links into Grafana."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.core.json_types import as_object, as_objects, as_text
from deckwatch.dashboards import datasources
from deckwatch.dashboards.grafana_model import MAX_UID, list_variables, map_texts, replace_variables, walk_panels
from deckwatch.dashboards.resolve.variables import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.json_types import JsonValue, StrictMapping, StrictObject
    from deckwatch.dashboards.model import Built

_REGEX = re.compile(r"([\\^$.*+?()\[\]{}|])")


class Value(NamedTuple):
    """The value of a variable as displayed, in PromQL or LogQL, and in SQL."""

    text: str
    query: str
    sql: str

    def for_key(self, key: str) -> str:
        """Return the value in a text of Grafana's model by the name of its key."""
        return {"expr": self.query, "rawSql": self.sql}.get(key, self.text)


def to_public(model: StrictObject, built: Built, values: Mapping[str, Sequence[str]]) -> StrictObject:
    """Return a model without variables; `values` are those of the variables, by default all."""
    known = _collect_values(model, built, values)

    def resolve(text: str, key: str) -> str:
        return replace_variables(text, lambda name: known[name].for_key(key) if name in known else None)

    result = {key: map_texts(value, resolve, key) for key, value in model.items()}
    result["uid"] = f"{as_text(result['uid'])[: MAX_UID - len('-public')]}-public"
    result["title"] = f"{result['title']} (public)"
    result["templating"] = {"list": []}
    result["links"] = []
    annotations = as_objects(as_object(result["annotations"]).get("list"))
    result["annotations"] = {"list": [annotation for annotation in annotations if _is_grafanas(annotation)]}
    for panel in walk_panels(result):
        for key in ("repeat", "repeatDirection", "maxPerRow"):
            panel.pop(key, None)  # of `raw:`
        _strip_internal_links(panel)
    return result


def _collect_values(model: StrictMapping, built: Built, values: Mapping[str, Sequence[str]]) -> dict[str, Value]:
    known = {variable.name: _format_value(values.get(variable.name, ())) for variable in built.variables}
    for name, text in _list_inputs(model, values):
        known[name] = Value(text, text, text)
    for kind, name in datasources.variable_names(built.dashboard).items():
        uid = datasources.provisioned_uid(kind)
        known[name] = Value(uid, uid, uid)
    return known


def _is_grafanas(annotation: StrictMapping) -> bool:
    return as_object(annotation.get("datasource")).get("uid") == "-- Grafana --"


def _list_inputs(model: StrictMapping, values: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Yield the text fields and choices from fixed values with the given value, else the first one."""
    for variable in list_variables(model):
        if variable["type"] in ("custom", "textbox", "constant"):
            name = as_text(variable["name"])
            given = values.get(name)
            yield name, str(given[0] if given else as_object(variable["current"])["value"])


def _format_value(values: Sequence[str]) -> Value:
    """Return values as Grafana writes them between the quotes of a regular expression, and in SQL."""
    if not values:
        return Value("All", ALL, "")
    escaped = [_REGEX.sub(r"\\\1", value).replace("\\", r"\\") for value in values]
    quoted = ["'" + value.replace("'", "''") + "'" for value in values]
    return Value(", ".join(values), escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})", ",".join(quoted))


def _strip_internal_links(panel: StrictObject) -> None:
    """Remove the links of a panel that lead into Grafana; URLs elsewhere stay."""
    config = as_object(panel.get("fieldConfig"))
    for holder in (panel, as_object(config.get("defaults"))):
        if "links" in holder:
            holder["links"] = _external_links(holder["links"])
            if not holder["links"]:
                del holder["links"]
    if "overrides" not in config:
        return
    overrides = as_objects(config["overrides"])
    for override in overrides:
        properties = as_objects(override["properties"])
        for item in properties:
            if item["id"] == "links":
                item["value"] = _external_links(item["value"])
        override["properties"] = [item for item in properties if item != {"id": "links", "value": []}]
    config["overrides"] = [override for override in overrides if override["properties"]]


def _external_links(links: JsonValue) -> list[StrictObject]:
    return [link for link in as_objects(links) if as_text(link.get("url")).startswith(("http://", "https://"))]
