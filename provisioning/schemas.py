"""The published JSON Schemas, one for each kind of file: editors complete and check by them, and so do we."""

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

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAMES = {
    "project": "schema.json",
    "dashboard": "dashboard.schema.json",
    "part": "part.schema.json",
    "alerts": "alerts.schema.json",
}


def files(own_panels: Path | None = None) -> list[Artifact]:
    """Return the schemas as files; `own_panels` is a user's folder of panel files, whose words count too."""
    folders = panel_types.list_folders(own_panels) | {"alerting": alerting_render.library_folder()}
    with Renderer(folders) as renderer:
        dashboard = schema.assemble_schema(panel_types.load_types(renderer, own_panels))
        made = {
            "project": project(renderer, dashboard),
            "dashboard": dashboard,
            "part": parts.assemble_schema(dashboard),
            "alerts": alerts(),
        }
    return [Artifact(NAMES[kind], _text(one)) for kind, one in made.items()]


def project(renderer: Renderer, dashboard: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of deckwatch.yaml, with the receivers that a team may have and the words of dashboards."""
    result = project_schema(plugins.schema_fragments())
    panel, whole = adjust.describe_settable_keys(dashboard)
    result["$defs"]["changed"]["properties"] = panel
    result["properties"]["build"]["properties"]["set"]["patternProperties"]["^[^/.]+$"]["properties"] = whole
    team = result["$defs"]["team"]
    team["properties"] |= ReceiverKinds(renderer).options_schema()
    team["additionalProperties"] = False
    return result


def alerts() -> dict[str, Any]:
    """Return the schema of a file of alerts, in which signals may be declared too."""
    result: dict[str, Any] = yaml_file.read_yaml(read_topics.SCHEMA_FILE).data
    signals = yaml_file.read_yaml(signal_file.SCHEMA).data
    result["properties"] |= signals["properties"]
    result["$defs"] |= signals["$defs"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **result}


def _text(value: dict[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
