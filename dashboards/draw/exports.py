"""Two further forms of a dashboard: one to import into another Grafana, and one to show without a login.

Importable: Grafana asks for each data source at import, by `__inputs`, and reports by `__requires` what is missing
(DashboardExporter.ts, pkg/services/dashboardimport). Public: viewers cannot choose values, so every variable is
replaced by one, and panels that need a login are omitted (Grafana's manual: share-dashboards-panels/shared-dashboards).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.targets import PROGRAMS
from deckwatch.dashboards import datasources
from deckwatch.dashboards.draw import public_form, versions
from deckwatch.dashboards.grafana_model import find_variables, list_variables, map_texts, replace_variables, walk_panels
from deckwatch.dashboards.model import kind_of_type, panel_kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from deckwatch.core.json_types import JsonValue, StrictObject
    from deckwatch.core.problems import Place
    from deckwatch.dashboards.model import Built
    from deckwatch.dashboards.panel_types import PanelType
    from deckwatch.dashboards.read.spec import Dashboard, PanelSpec

Form = Literal["provisioned", "importable", "public"]
FORMS: tuple[Form, ...] = ("provisioned", "importable", "public")


def drop_unsupported(built: Sequence[Built], form: Form, problems: list[Problem]) -> list[Built]:
    """Return the dashboards without the panels that a form cannot have; a warning is added for each of them."""
    if form == "provisioned":
        return list(built)
    reason = "it needs a login" if form == "public" else "its content stays in Grafana"
    result = []
    for item in built:
        dropped = [panel for panel in item.dashboard.panels() if not _is_supported(panel, form, item.panel_types)]
        for panel in dropped:
            message = f"is left out of the {form} form: {reason}"
            problems.append(Problem(panel.place, message, check="export", severity="warning"))
        dashboard = _without_panels(item.dashboard, {panel.path for panel in dropped})
        result.append(replace(item, dashboard=_without_repeats(dashboard) if form == "public" else dashboard))
    return result


def to_form(model: StrictObject, built: Built, form: Form, values: Mapping[str, Sequence[str]]) -> StrictObject:
    """Return a rendered dashboard in a form. `values` are those of variables in the public one; by default all."""
    if form == "importable":
        return _to_importable(model, built)
    return public_form.to_public(model, built, values) if form == "public" else model


def find_problems(values: Mapping[str, Place], built: Sequence[Built], form: Form) -> Iterator[Problem]:
    """Yield names of `build: public:` that no dashboard has as a variable, and values that the public form lacks."""
    known = {variable.name for item in built for variable in item.variables}
    known |= {spec.name for item in built for spec in item.dashboard.all_inputs()}
    for name, place in values.items():
        if name not in known:
            hint = did_you_mean(name, sorted(known))
            yield Problem(place, f"no dashboard has a variable {name}", hint, check="export")
    if form == "public":
        yield from _find_missing_values(values, built)


def _find_missing_values(values: Collection[str], built: Sequence[Built]) -> Iterator[Problem]:
    """Yield SQL with a variable that has no value: "all values" cannot be written in SQL."""
    for item in built:
        variables = {variable.name for variable in item.variables}
        for panel in item.dashboard.panels():
            for query in panel.foreign_queries:
                names = find_variables(query.text) if query.keyword == "sql" else ()
                for name in dict.fromkeys(names):
                    if name in variables and name not in values:
                        hint = f"set it in deckwatch.yaml: build: {{public: {{{name}: …}}}}"
                        message = f"this SQL contains ${name}, which has no value in a public dashboard"
                        yield Problem(panel.place, message, hint, check="export")


def _is_supported(panel: PanelSpec, form: Form, types: Mapping[str, PanelType]) -> bool:
    panel_type = types.get(panel_kind(panel))
    if panel_type is None:
        return True
    return panel_type.grafana.public if form == "public" else panel_type.grafana.portable


def _without_panels(dashboard: Dashboard, dropped: Collection[tuple[str | int, ...]]) -> Dashboard:
    rows = [
        replace(row, panels=tuple(panel for panel in row.panels if panel.path not in dropped)) for row in dashboard.rows
    ]
    return replace(dashboard, rows=tuple(row for row in rows if row.panels))


def _without_repeats(dashboard: Dashboard) -> Dashboard:
    """Return a dashboard that repeats nothing for each value of a variable: one panel shows all values."""
    rows = [
        replace(row, panels=tuple(replace(panel, repeat="") for panel in row.panels), repeat="")
        for row in dashboard.rows
    ]
    return replace(dashboard, rows=tuple(rows))


def _to_importable(model: StrictObject, built: Built) -> StrictObject:
    kinds = datasources.variable_names(built.dashboard)
    placeholders = {variable: "${" + _input_name(kind) + "}" for kind, variable in kinds.items()}

    def name_inputs(text: str, _: str) -> str:
        return replace_variables(text, placeholders.get)

    variables: list[JsonValue] = [variable for variable in list_variables(model) if variable["type"] != "datasource"]
    result = {
        key: map_texts(value, name_inputs, key) for key, value in (model | {"templating": {"list": variables}}).items()
    }
    inputs: list[JsonValue] = [
        {
            "name": _input_name(kind),
            "label": datasources.NAMES[kind],
            "description": "",
            "type": "datasource",
            "pluginId": datasources.TYPES[kind],
            "pluginName": datasources.NAMES[kind],
        }
        for kind in kinds
    ]
    requires = sorted(_list_requirements(result, built, kinds), key=lambda requirement: str(requirement["id"]))
    return {**result, "id": None, "__inputs": inputs, "__elements": {}, "__requires": requires}


def _list_requirements(model: StrictObject, built: Built, kinds: Collection[str]) -> Iterator[StrictObject]:
    """Yield the version of Grafana, the panels and the data sources that a model needs."""
    oldest = versions.minimum_version(model, PROGRAMS["grafana"].oldest)
    yield {"type": "grafana", "id": "grafana", "name": "Grafana", "version": f"{oldest}.0"}
    for panel_type in {str(panel["type"]) for panel in walk_panels(model)} - {"row"}:
        known = built.panel_types.get(kind_of_type(panel_type))
        name = known.grafana.name if known is not None else panel_type
        yield {"type": "panel", "id": panel_type, "name": name, "version": ""}
    for kind in kinds:
        name = datasources.NAMES[kind]
        yield {"type": "datasource", "id": datasources.TYPES[kind], "name": name, "version": "1.0.0"}


def _input_name(kind: str) -> str:
    return f"DS_{datasources.NAMES[kind].upper()}"
