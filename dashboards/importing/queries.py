"""The queries of an imported panel as query options, and the data sources that they use."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from deckwatch.core.signals import is_name
from deckwatch.dashboards.grafana_model import parse_variable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.core.json_types import Json, JsonMapping, JsonObject

# Kinds of data sources by Grafana's ids of their types.
KINDS = {
    "prometheus": "prometheus",
    "loki": "loki",
    "postgres": "postgres",
    "grafana-postgresql-datasource": "postgres",
}
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_UNSUPPORTED = ("-- Mixed --", "-- Dashboard --", "-- Grafana --", "__expr__", "mixed", "grafana", "datasource")


class Datasources:
    """The data sources of a dashboard. Of each kind, the most used one becomes the project's."""

    def __init__(self, model: JsonMapping, panels: Iterable[JsonMapping]) -> None:
        inputs = {entry.get("name"): entry.get("pluginId") for entry in model.get("__inputs") or []}
        self._variables = {
            variable["name"]: (inputs.get(variable["name"]) or variable.get("query"))
            for variable in (model.get("templating") or {}).get("list") or []
            if variable.get("type") == "datasource"
        } | {name: kind for name, kind in inputs.items() if kind}
        used: dict[str, Counter[str]] = {}
        for panel in panels:
            for target in panel.get("targets") or []:
                kind, name = self._identify_source(panel, target)
                used.setdefault(kind, Counter())[name] += 1
        self.main_sources = {kind: names.most_common(1)[0][0] for kind, names in used.items()}

    def common_kind(self, panel: JsonMapping) -> str:
        """Return the kind of data source that all queries of a panel use; '' for several or an unsupported one."""
        sources = {self._identify_source(panel, target) for target in panel.get("targets") or []}
        if len(sources) != 1:
            return ""
        kind, name = sources.pop()
        return kind if kind and name == self.main_sources[kind] else ""

    def variable_kinds(self) -> dict[str, str]:
        """Return the kind of data source of each variable that holds one, '' where it is not the main one."""
        kinds = {name: KINDS.get(str(kind), "") for name, kind in self._variables.items()}
        return {name: kind if self.main_sources.get(kind, name) == name else "" for name, kind in kinds.items()}

    def _identify_source(self, panel: JsonMapping, target: JsonMapping) -> tuple[str, str]:
        """Return the kind of a query's data source, '' for an unsupported one, and its name."""
        source = target.get("datasource") or panel.get("datasource") or "default"
        name = source if isinstance(source, str) else str(source.get("uid") or source.get("type") or "default")
        type_ = "" if isinstance(source, str) else str(source.get("type") or "")
        panel_source = panel.get("datasource")
        uid = str(panel_source.get("uid")) if isinstance(panel_source, dict) else ""
        if uid in _UNSUPPORTED and "datasource" not in target:
            return "", name
        if name in _UNSUPPORTED or type_ in _UNSUPPORTED:
            return "", name
        if variable := parse_variable(name):
            name = variable
            type_ = type_ or str(self._variables.get(name) or "")
        type_ = type_ or ("postgres" if "rawSql" in target else "prometheus" if "expr" in target else "")
        return KINDS.get(type_, ""), name


def to_query_options(target: JsonMapping, kind: str) -> JsonObject | None:
    """Return the options of a query in a dashboard file; None where none express it."""
    hidden = {"hidden": True} if target.get("hide") else {}
    if kind == "postgres" and target.get("rawSql"):
        return {"sql": target["rawSql"], **hidden}
    expression = str(target.get("expr") or "").strip()
    if not expression:
        return None
    if kind == "loki":
        return {"logql": expression, **_legend_option(target), **hidden}
    query_type = _query_type(target)
    if query_type is None:
        return None
    legend = target.get("legendFormat") or "__auto"
    return {"show": expression, "query_type": query_type, "legend": legend, **hidden}


def read_generated_query(target: JsonMapping) -> JsonObject:
    """Return the same options for a query that was generated."""
    hidden = {"hidden": True} if target.get("hide") else {}
    if "rawSql" in target:
        return {"sql": target["rawSql"], **hidden}
    if "queryType" in target:
        return {"logql": target["expr"], **_legend_option(target), **hidden}
    legend = target.get("legendFormat") or "__auto"
    return {"show": target["expr"], "query_type": _query_type(target), "legend": legend, **hidden}


def _legend_option(target: JsonMapping) -> JsonObject:
    return {"legend": target["legendFormat"]} if target.get("legendFormat") else {}


def _query_type(target: JsonMapping) -> str | None:
    """Return the `query_type` of a Prometheus query; None for a combination that the keyword does not cover."""
    instant = bool(target.get("instant"))
    ranged = bool(target.get("range", not instant))
    form = target.get("format") or "time_series"
    if instant and ranged:
        return None
    if form == "table":
        return "table" if instant else None
    if form == "heatmap":
        return None if instant else "heatmap"
    return "instant" if instant else "range"


def rename_queries(panel: JsonMapping) -> JsonObject:
    """Return a panel whose queries are called A, B, C … in order, with every reference to them renamed."""
    # The query of a target line, which generated panels have too, keeps its name.
    targets = [target for target in panel.get("targets") or [] if target.get("refId") != "Target"]
    names = {str(target.get("refId") or ""): chr(ord("A") + i) for i, target in enumerate(targets)}
    if len(names) != len(targets) or len(targets) > 26 or all(old == new for old, new in names.items()):
        return dict(panel)
    pattern = re.compile("Value #(" + "|".join(map(re.escape, names)) + r")\b")

    def rename_text(text: str) -> str:
        return pattern.sub(lambda match: f"Value #{names[match[1]]}", text)

    def rename_in(value: Json) -> Json:
        if isinstance(value, str):
            return rename_text(value)
        if isinstance(value, list):
            return [rename_in(item) for item in value]
        if isinstance(value, dict):
            is_reference = value.get("id") == "byFrameRefID" and value.get("options") in names
            renamed: JsonObject = {}
            for key, item in value.items():
                name = rename_text(key)
                if name != key or name not in renamed:  # the name of a query that was removed gives way
                    renamed[name] = rename_in(item)
            return renamed | ({"options": names[value["options"]]} if is_reference else {})
        return value

    result: JsonObject = {key: value if key == "targets" else rename_in(value) for key, value in panel.items()}
    result["targets"] = [
        {**target, "refId": names.get(str(target.get("refId") or ""), target.get("refId"))}
        for target in panel.get("targets") or []
    ]
    return result


def escape_name(text: str) -> str:
    """Return PromQL that is not mistaken for a signal: a name, recording rules' included, gets braces."""
    return text + "{}" if is_name(text) or _METRIC.match(text) else text
