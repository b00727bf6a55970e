"""Forms of a dashboard beside the one that is provisioned: one to import elsewhere, and one to show without login.

Importable: Grafana asks for each data source at the import, by `__inputs`, and tells by `__requires` what it lacks
(DashboardExporter.ts, pkg/services/dashboardimport). Public: nobody can choose there, so every choice holds a value,
and what only users may see or open is left out (Grafana's manual: share-dashboards-panels/shared-dashboards).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.targets import PROGRAMS
from deckwatch.dashboards.draw import versions
from deckwatch.dashboards.read import files
from deckwatch.dashboards.resolve.variables import ALL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from deckwatch.core.problems import Place
    from deckwatch.dashboards.build import Built
    from deckwatch.dashboards.read.spec import Dashboard, Panel

Form = Literal["provisioned", "importable", "public"]
FORMS: tuple[Form, ...] = ("provisioned", "importable", "public")
_ADDRESS = 40  # characters that Grafana takes

# How Grafana calls its panels and data sources (plugin.json of each).
_PANELS = {
    "alertGroups": "Alert groups",
    "alertlist": "Alert list",
    "annolist": "Annotations list",
    "barchart": "Bar chart",
    "bargauge": "Bar gauge",
    "dashlist": "Dashboard list",
    "gauge": "Gauge",
    "heatmap": "Heatmap",
    "histogram": "Histogram",
    "logs": "Logs",
    "nodeGraph": "Node Graph",
    "piechart": "Pie chart",
    "stat": "Stat",
    "state-timeline": "State timeline",
    "status-history": "Status history",
    "table": "Table",
    "text": "Text",
    "timeseries": "Time series",
    "traces": "Traces",
}
_SOURCES = {"prometheus": "Prometheus", "loki": "Loki", "jaeger": "Jaeger", "postgres": "PostgreSQL"}

# Panels, by their files, that ask Grafana itself, or the browser a data source, which it does only for users.
_FOR_USERS = frozenset(("alertlist", "alertgroups", "annolist", "dashlist", "library", "traces"))
# Panels whose content stays in the Grafana that they are taken from.
_AT_HOME = frozenset(("library",))
_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)|\[\[(\w+)(?::\w+)?\]\]")
_REGEX = re.compile(r"([\\^$.*+?()\[\]{}|])")


class Value(NamedTuple):
    """What a choice is in a public dashboard: as people read it, and as it stands in PromQL or LogQL and in SQL."""

    text: str
    query: str
    sql: str

    def for_key(self, key: str) -> str:
        """Return it for a text by the name of its key in Grafana's model."""
        return {"expr": self.query, "rawSql": self.sql}.get(key, self.text)


def prepared(built: Sequence[Built], form: Form, problems: list[Problem]) -> list[Built]:
    """Return the dashboards without the panels that a form cannot have, each of which is told as a warning."""
    if form == "provisioned":
        return list(built)
    gone = _FOR_USERS if form == "public" else _AT_HOME
    why = "only users may see what it asks for" if form == "public" else "its content stays in Grafana"
    for one in built:
        for panel in one.dashboard.panels():
            if versions.kind(panel) in gone:
                message = f"is left out of the {form} form: {why}"
                problems.append(Problem(panel.place, message, check="export", severity="warning"))
    found = [replace(one, dashboard=_without(one.dashboard, gone)) for one in built]
    return [replace(one, dashboard=_once(one.dashboard)) for one in found] if form == "public" else found


def to_form(model: dict[str, Any], built: Built, form: Form, values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return a rendered dashboard in a form. `values` are what choices are in a public one; by default all."""
    if form == "importable":
        return _importable(model, built)
    return _public(model, built, values) if form == "public" else model


def unknown(values: Mapping[str, Place], built: Sequence[Built], form: Form) -> Iterator[Problem]:
    """Yield names of choices that no dashboard has, each at its place, and what a public form needs to be said."""
    known = {name for one in built for name in (*_choices(one), *_fields(one))}
    for name, place in values.items():
        if name not in known:
            hint = did_you_mean(name, sorted(known))
            yield Problem(place, f"no dashboard lets choose {name}", hint, check="export")
    if form == "public":
        yield from _unsaid(values, built)


def _unsaid(values: Collection[str], built: Sequence[Built]) -> Iterator[Problem]:
    """Yield queries in SQL that hold a choice without a value: there all values cannot be put into the text."""
    for one in built:
        for panel in one.dashboard.panels():
            for word, said in panel.foreign():
                held = (_name(found) for found in _VARIABLE.finditer(said[word])) if word == "sql" else ()
                for name in dict.fromkeys(held):
                    if name in _choices(one) and name not in values:
                        hint = f"say it in deckwatch.yaml: build: {{public: {{{name}: …}}}}"
                        message = f"this SQL holds ${name}, which has no value in a public dashboard"
                        yield Problem(panel.place, message, hint, check="export")


def _without(dashboard: Dashboard, gone: Collection[str]) -> Dashboard:
    def stays(panel: Panel) -> bool:
        return versions.kind(panel) not in gone

    rows = [replace(row, panels=tuple(filter(stays, row.panels))) for row in dashboard.rows]
    return replace(dashboard, rows=tuple(row for row in rows if row.panels))


def _once(dashboard: Dashboard) -> Dashboard:
    """Return a dashboard in which nothing is repeated for each value of a choice: one panel shows them all."""

    def alone(panel: Panel) -> Panel:
        return replace(panel, said={key: value for key, value in panel.said.items() if key != "for each"})

    rows = [replace(row, panels=tuple(map(alone, row.panels)), repeat="") for row in dashboard.rows]
    return replace(dashboard, rows=tuple(rows))


def _importable(model: dict[str, Any], built: Built) -> dict[str, Any]:
    kinds = files.variables(built.dashboard)
    names = {variable: "${DS_" + _SOURCES[kind].upper() + "}" for kind, variable in kinds.items()}

    def renamed(text: str, _: str) -> str:
        return _VARIABLE.sub(lambda found: names.get(_name(found), found[0]), text)

    listed = [one for one in model["templating"]["list"] if one["type"] != "datasource"]
    made: dict[str, Any] = _mapped({**model, "templating": {**model["templating"], "list": listed}}, renamed)
    used = {panel["type"] for panel in _panels(made)} - {"row"}
    grafana = versions.minimum_version(made, PROGRAMS["grafana"].oldest) + ".0"
    requires = [
        {"type": "grafana", "id": "grafana", "name": "Grafana", "version": grafana},
        *({"type": "panel", "id": one, "name": _PANELS.get(one, one), "version": ""} for one in used),
        *({"type": "datasource", "id": files.TYPES[k], "name": _SOURCES[k], "version": "1.0.0"} for k in kinds),
    ]
    inputs = [
        {
            "name": "DS_" + _SOURCES[kind].upper(),
            "label": _SOURCES[kind],
            "description": "",
            "type": "datasource",
            "pluginId": files.TYPES[kind],
            "pluginName": _SOURCES[kind],
        }
        for kind in kinds
    ]
    requires.sort(key=lambda one: one["id"])
    return {**made, "id": None, "__inputs": inputs, "__elements": {}, "__requires": requires}


def _public(model: dict[str, Any], built: Built, values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    known = {name: _value(values.get(name, ())) for name in _choices(built)}
    known |= {name: Value(text, text, text) for name, text in _written(model, values).items()}
    kinds = files.variables(built.dashboard)
    known |= {name: Value(uid, uid, uid) for kind, name in kinds.items() for uid in (files.provisioned(kind),)}

    def resolved(text: str, key: str) -> str:
        def value(found: re.Match[str]) -> str:
            one = known.get(_name(found))
            return found[0] if one is None else one.for_key(key)

        return _VARIABLE.sub(value, text)

    made: dict[str, Any] = _mapped(model, resolved)
    made["uid"] = f"{made['uid'][: _ADDRESS - len('-public')]}-public"
    made["title"] = f"{made['title']} (public)"
    made["templating"] = {"list": []}
    made["links"] = []
    marked = made["annotations"]["list"]
    made["annotations"] = {"list": [one for one in marked if _of_grafana(one)]}
    for panel in _panels(made):
        for key in ("repeat", "repeatDirection", "maxPerRow"):
            panel.pop(key, None)  # of `raw:`
        _close(panel)
    return made


def _of_grafana(annotation: Mapping[str, Any]) -> bool:
    return bool((annotation.get("datasource") or {}).get("uid") == "-- Grafana --")


def _choices(built: Built) -> list[str]:
    return [one.name for one in built.variables]


def _fields(built: Built) -> list[str]:
    return [str(one.get("text") or one.get("pick")) for one in built.inputs]


def _written(model: Mapping[str, Any], values: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return what stands in the fields to write into and the choices of fixed words: as given, else as at first."""
    found = {}
    for one in model["templating"]["list"]:
        if one["type"] in ("custom", "textbox", "constant"):
            given = values.get(one["name"])
            found[one["name"]] = str(given[0] if given else one["current"]["value"])
    return found


def _value(said: Sequence[str]) -> Value:
    """Return the value of a choice as Grafana puts it between the quotes of a regular expression, and into SQL."""
    if not said:
        return Value("All", ALL, "")
    escaped = [_REGEX.sub(r"\\\1", one).replace("\\", r"\\") for one in said]
    quoted = ["'" + one.replace("'", "''") + "'" for one in said]
    return Value(", ".join(said), escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})", ",".join(quoted))


def _close(panel: dict[str, Any]) -> None:
    """Take away what a click opens inside Grafana; addresses elsewhere stay."""

    def outside(links: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [one for one in links if str(one.get("url", "")).startswith(("http://", "https://"))]

    config = panel.get("fieldConfig", {})
    for holder in (panel, config.get("defaults", {})):
        if "links" in holder:
            holder["links"] = outside(holder["links"])
            if not holder["links"]:
                del holder["links"]
    for override in config.get("overrides", []):
        for one in override["properties"]:
            if one["id"] == "links":
                one["value"] = outside(one["value"])
        override["properties"] = [one for one in override["properties"] if one != {"id": "links", "value": []}]
    if "overrides" in config:
        config["overrides"] = [one for one in config["overrides"] if one["properties"]]


def _panels(model: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for row in model["panels"]:
        yield row
        yield from row.get("panels", [])


def _name(found: re.Match[str]) -> str:
    return found[1] or found[2] or found[3]


def _mapped(value: Any, change: Any, key: str = "") -> Any:
    """Return a value with every text in it changed by `change(text, key)`; `key` is that of the nearest mapping."""
    if isinstance(value, str):
        return change(value, key)
    if isinstance(value, dict):
        return {name: _mapped(one, change, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_mapped(one, change, key) for one in value]
    return value
