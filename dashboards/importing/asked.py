"""The queries of an imported panel, in our words, and the data sources that they are asked of."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from deckwatch.core.signals import is_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Kinds of data sources by Grafana's ids of their types.
KINDS = {
    "prometheus": "prometheus",
    "loki": "loki",
    "postgres": "postgres",
    "grafana-postgresql-datasource": "postgres",
}
_VARIABLE = re.compile(r"\$\{?(\w+)\}?\Z|\[\[(\w+)\]\]\Z")
_APART = ("-- Mixed --", "-- Dashboard --", "-- Grafana --", "__expr__", "mixed", "grafana", "datasource")


class Datasources:
    """Which data sources a dashboard asks. Of each kind the one that is asked most becomes ours."""

    def __init__(self, model: Mapping[str, Any], panels: Iterable[Mapping[str, Any]]) -> None:
        inputs = {one.get("name"): one.get("pluginId") for one in model.get("__inputs") or []}
        self._variables = {
            one["name"]: (inputs.get(one["name"]) or one.get("query"))
            for one in (model.get("templating") or {}).get("list") or []
            if one.get("type") == "datasource"
        } | {name: kind for name, kind in inputs.items() if kind}
        asked: dict[str, Counter[str]] = {}
        for panel in panels:
            for target in panel.get("targets") or []:
                kind, name = self._of(panel, target)
                asked.setdefault(kind, Counter())[name] += 1
        self.ours = {kind: names.most_common(1)[0][0] for kind, names in asked.items()}
        self.others = sorted(
            {name for kind, names in asked.items() for name in names if kind and name != self.ours[kind]}
        )

    def kind(self, panel: Mapping[str, Any]) -> str:
        """Return the kind that all queries of a panel ask, '' where they ask several, or one that is not ours."""
        found = {self._of(panel, target) for target in panel.get("targets") or []}
        if len(found) != 1:
            return ""
        kind, name = found.pop()
        return kind if kind and name == self.ours[kind] else ""

    def variables(self) -> dict[str, str]:
        """Return the names of variables that hold a data source, with the kind of each."""
        return {name: KINDS.get(str(kind), "") for name, kind in self._variables.items()}

    def _of(self, panel: Mapping[str, Any], target: Mapping[str, Any]) -> tuple[str, str]:
        """Return the kind of data source that a query asks, '' for one that we have no words for, and which."""
        said = target.get("datasource") or panel.get("datasource") or "default"
        name = said if isinstance(said, str) else str(said.get("uid") or said.get("type") or "default")
        type_ = "" if isinstance(said, str) else str(said.get("type") or "")
        panels_own = panel.get("datasource")
        if isinstance(panels_own, dict) and str(panels_own.get("uid")) in _APART and "datasource" not in target:
            return "", name
        if name in _APART or type_ in _APART:
            return "", name
        if found := _VARIABLE.match(name):
            name = found[1] or found[2]
            type_ = type_ or str(self._variables.get(name) or "")
        type_ = type_ or ("postgres" if "rawSql" in target else "prometheus" if "expr" in target else "")
        return KINDS.get(type_, ""), name


def said(target: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    """Return a query in our words, with all that it says; None for what they cannot say."""
    hidden = {"hidden": True} if target.get("hide") else {}
    if kind == "postgres" and target.get("rawSql"):
        return {"sql": target["rawSql"], **hidden}
    if not str(target.get("expr") or "").strip():
        return None
    text = str(target["expr"]).strip()
    if kind == "loki":
        return {"logql": text, **_legend(target), **hidden}
    asked = _mode(target)
    if asked is None:
        return None
    return {"show": text, "query_type": asked, "legend": target.get("legendFormat") or "__auto", **hidden}


def drawn(target: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a generated query says, in the same words."""
    if "rawSql" in target:
        return {"sql": target["rawSql"], **({"hidden": True} if target.get("hide") else {})}
    hidden = {"hidden": True} if target.get("hide") else {}
    if "queryType" in target:
        return {"logql": target["expr"], **_legend(target), **hidden}
    return {
        "show": target["expr"],
        "query_type": _mode(target),
        "legend": target.get("legendFormat") or "__auto",
        **hidden,
    }


def _legend(target: Mapping[str, Any]) -> dict[str, Any]:
    return {"legend": target["legendFormat"]} if target.get("legendFormat") else {}


def _mode(target: Mapping[str, Any]) -> str | None:
    """Return for what a query of Prometheus is asked; None where it is for two things at once."""
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


def renamed(panel: Mapping[str, Any]) -> dict[str, Any]:
    """Return a panel whose queries are called A, B, C … in order, also where it speaks of them."""
    # A line at one value, which ours have, keeps its name.
    targets = [one for one in panel.get("targets") or [] if one.get("refId") != "Target"]
    names = {str(one.get("refId") or ""): chr(ord("A") + i) for i, one in enumerate(targets)}
    if len(names) != len(targets) or len(targets) > 26 or all(old == new for old, new in names.items()):
        return dict(panel)
    pattern = re.compile("Value #(" + "|".join(map(re.escape, names)) + r")\b")

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return pattern.sub(lambda found: f"Value #{names[found[1]]}", value)
        if isinstance(value, list):
            return [walk(one) for one in value]
        if isinstance(value, dict):
            named = value.get("id") == "byFrameRefID" and value.get("options") in names
            made = {walk(key): walk(one) for key, one in value.items()}
            return made | ({"options": names[value["options"]]} if named else {})
        return value

    made: dict[str, Any] = {key: value if key == "targets" else walk(value) for key, value in panel.items()}
    made["targets"] = [
        {**one, "refId": names.get(str(one.get("refId") or ""), one.get("refId"))} for one in panel.get("targets") or []
    ]
    return made


def plain(text: str) -> str:
    """Return PromQL that is not taken for a signal's name: of a metric that we do not know, with braces."""
    return text + "{}" if is_name(text) else text
