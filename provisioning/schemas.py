"""The published JSON Schemas, one for each kind of file, for editors and for our own checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from deckwatch.alerting import read_topics
from deckwatch.alerting import render_rules as alerting_render
from deckwatch.alerting.receivers import ReceiverKinds
from deckwatch.core import plugins, signal_file, yaml_file
from deckwatch.core.artifact import Artifact
from deckwatch.core.jsonnet import Renderer
from deckwatch.core.project import project_schema
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.read import adjust, parts, schema
from deckwatch.provisioning.insights import read as insights
from deckwatch.textfile import plan_reader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAMES = {
    "project": "schema.json",
    "dashboard": "dashboard.schema.json",
    "part": "part.schema.json",
    "alerts": "alerts.schema.json",
    "insights": "insights.schema.json",
    "plan": "plan.schema.json",
}
_SCALARS = frozenset(("string", "number", "integer", "boolean"))
_NOT_VALUES = frozenset(("if", "propertyNames", "enum", "const", "required", "examples", "default"))
_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_]"}


def schema_files(own_panels: Path | None = None) -> list[Artifact]:
    """Return the schemas as files, with the keywords of the panel types in a user's folder `own_panels`.

    They are for editors, which see environment variables where the program sees their values.
    """
    contents = build_schemas(own_panels)
    contents["project"] = allow_variables(contents["project"])
    return [Artifact(NAMES[kind], _to_json(content)) for kind, content in contents.items()]


def build_schemas(own_panels: Path | None = None) -> dict[str, dict[str, Any]]:
    """Return the schemas by kind, with the keywords of the panel types in a user's folder `own_panels`."""
    folders = panel_types.list_folders(own_panels) | {"alerting": alerting_render.library_folder()}
    with Renderer(folders, on_demand=True) as renderer:
        dashboard = schema.assemble_schema(panel_types.load_types(renderer, own_panels))
        return {
            "project": build_project_schema(renderer, dashboard),
            "dashboard": dashboard,
            "part": parts.assemble_schema(dashboard),
            "alerts": build_alerts_schema(),
            "insights": insights.build_schema(),
            "plan": yaml_file.read_yaml(plan_reader.SCHEMA).data,
        }


def build_project_schema(renderer: Renderer, dashboard: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of deckwatch.yaml, with the kinds of receivers and the keywords of dashboards."""
    result = project_schema(plugins.schema_fragments())
    panel_properties, dashboard_properties = adjust.describe_settable_keys(dashboard)
    result["$defs"]["changed"]["properties"] = panel_properties
    patterns = result["properties"]["build"]["properties"]["set"]["patternProperties"]
    patterns["^[^/.]+$"]["properties"] = dashboard_properties
    team = result["$defs"]["team"]
    receivers = ReceiverKinds(renderer).options_schema()
    for definition in (team, result["$defs"]["watchdog"]):
        definition["properties"] |= receivers
        definition["additionalProperties"] = False
    return result


def allow_variables(part: Any) -> Any:
    """Return a schema that allows a text with an environment variable instead of each text, number and boolean."""
    if isinstance(part, list):
        return [allow_variables(item) for item in part]
    if not isinstance(part, dict):
        return part
    allowed = {key: value if key in _NOT_VALUES else allow_variables(value) for key, value in part.items()}
    declared = part.get("type", "string" if "enum" in part else [])
    types = {declared} if isinstance(declared, str) else set(declared if isinstance(declared, list) else ())
    if "object" in types or not types & _SCALARS:
        return allowed  # a mapping, which needs no variable, or no schema but the properties of one
    texts = {key: allowed.pop(key) for key in ("title", "description", "examples", "default") if key in allowed}
    return {**texts, "anyOf": [_VARIABLE, allowed]}


def build_alerts_schema() -> dict[str, Any]:
    """Return the schema of an alert file, which may also declare signals."""
    result: dict[str, Any] = yaml_file.read_yaml(read_topics.SCHEMA_FILE).data
    signals = yaml_file.read_yaml(signal_file.SCHEMA).data
    result["properties"] |= signals["properties"]
    result["$defs"] |= signals["$defs"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **result}


def _to_json(value: dict[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
