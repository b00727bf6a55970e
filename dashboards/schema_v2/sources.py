"""Data sources: `datasource: {type, uid}` in the classic model, `group` and `datasource.name` in v2."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object, as_objects, as_text
from deckwatch.dashboards.grafana_model import list_variables, parse_variable
from deckwatch.dashboards.schema_v2.values import read_string

if TYPE_CHECKING:
    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.dashboards.schema_v2.loss import LossLog, Path

EXPORT_LABEL = "grafana.app/export-label"
QUERY_VERSION = "v0"
MIXED = "-- Mixed --"
DASHBOARD = "-- Dashboard --"
EXPRESSION = "__expr__"
_BUILT_IN = {"-- Grafana --": "grafana", "grafana": "grafana", DASHBOARD: "datasource", EXPRESSION: EXPRESSION}


class ClassicSources:
    """The data sources of a classic model: kinds by variable, and the inputs that Grafana asks for at import."""

    def __init__(self, model: JsonMapping) -> None:
        inputs = [entry for entry in as_objects(model.get("__inputs")) if entry.get("type") == "datasource"]
        self._inputs = {as_text(entry.get("name")): as_text(entry.get("pluginId")) for entry in inputs}
        self._kinds = {
            as_text(variable.get("name")): as_text(variable.get("query"))
            for variable in list_variables(model)
            if variable.get("type") == "datasource"
        }
        self._count = Counter(self._inputs.values())
        self._logged: set[str] = set()

    def convert_source(self, source: object, query: JsonMapping, path: Path, log: LossLog) -> JsonObject:
        """Return `group`, `datasource` and `labels` of a v2 query; `query` is the classic one, for the group."""
        group, name = self._identify(source)
        if name in self._inputs:
            return {"group": self._inputs[name], **self._make_label(name)}
        if not group:
            group = _guess_group(query)
            if name not in ("", MIXED, *self._logged):
                self._logged.add(name)
                guess = f"{group} assumed because of its query" if group else "which v2 requires"
                log.add(path, f"data source {name} without a type, {guess}; v2 identifies it by its uid")
        return {"group": group, **({"datasource": {"name": name}} if name else {})}

    def _identify(self, source: object) -> tuple[str, str]:
        """Return the type and uid of a classic data source; an input is identified by its name."""
        if isinstance(source, str):
            source = {"uid": source}
        reference = as_object(source)
        name, group = read_string(reference.get("uid")), as_text(reference.get("type"))
        if name == "default":
            name = ""
        variable = parse_variable(name) if name else None
        if variable in self._inputs:
            return group, variable or ""
        if variable is not None:
            group = group or self._kinds.get(variable, "")
        return group or _BUILT_IN.get(name, ""), name

    def _make_label(self, name: str) -> JsonObject:
        """Return the label that distinguishes several inputs of one kind, as Grafana numbers them when exporting."""
        kind = self._inputs[name]
        if self._count[kind] < 2:
            return {}
        number = [each for each in self._inputs if self._inputs[each] == kind].index(name) + 1
        return {"labels": {EXPORT_LABEL: f"{kind}-{number}"}}


def _guess_group(query: JsonMapping) -> str:
    """Return the type of data source of a query without one, from the key of its text; '' if unknown."""
    if "rawSql" in query:
        return "grafana-postgresql-datasource"
    return "prometheus" if "expr" in query else ""


def restore_source(query: JsonMapping) -> JsonObject | None:
    """Return the classic data source of a v2 query or variable; None for the default one."""
    group = as_text(query.get("group"))
    name = read_string(as_object(query.get("datasource")).get("name")) or (EXPRESSION if group == EXPRESSION else "")
    source = {"type": group, "uid": name}
    return {key: value for key, value in source.items() if value} or None


def log_labels(queries: list[tuple[Path, JsonMapping]], log: LossLog) -> None:
    """Log the data sources that only an export label distinguished: in the classic form they are one."""
    labels: dict[str, set[str]] = {}
    for _, query in queries:
        label = as_object(query.get("labels")).get(EXPORT_LABEL)
        if label is not None and not query.get("datasource"):
            labels.setdefault(as_text(query.get("group")), set()).add(read_string(label))
    for path, query in queries:
        several = len(labels.get(as_text(query.get("group")), ())) > 1
        for key, value in as_object(query.get("labels")).items():
            if key != EXPORT_LABEL:
                log.add((*path, "labels", key), "label of a query has no equivalent")
            elif several and not query.get("datasource"):
                log.add((*path, "labels", key), f"data source {read_string(value)} becomes the default of its type")
