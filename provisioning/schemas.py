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


def schema_files(own_panels: Path | None = None) -> list[Artifact]:
    """Return the schemas as files, with the keywords of the panel types in a user's folder `own_panels`."""
    return [Artifact(NAMES[kind], _to_json(content)) for kind, content in build_schemas(own_panels).items()]


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


def build_alerts_schema() -> dict[str, Any]:
    """Return the schema of an alert file, which may also declare signals."""
    result: dict[str, Any] = yaml_file.read_yaml(read_topics.SCHEMA_FILE).data
    signals = yaml_file.read_yaml(signal_file.SCHEMA).data
    result["properties"] |= signals["properties"]
    result["$defs"] |= signals["$defs"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **result}


def _to_json(value: dict[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
