from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from deckwatch.alerting import read_topics
from deckwatch.core import plugins, yaml_file
from deckwatch.dashboards.read import files as dashboard_files
from deckwatch.dashboards.read import parts
from deckwatch.provisioning import schemas
from deckwatch.provisioning.insights.read import shipped_documents

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def published() -> dict[str, dict[str, Any]]:
    by_path = {file.path: orjson.loads(file.text) for file in schemas.schema_files()}
    return {kind: by_path[path] for kind, path in schemas.NAMES.items()}


def test_shipped_files_are_valid_by_the_published_schemas(published) -> None:
    dashboard = jsonschema_rs.Draft202012Validator(published["dashboard"])
    files = [source for source in dashboard_files.load_shipped() if source.is_dashboard]
    assert len(files) >= 5
    for source in files:
        dashboard.validate(source.document.data)
    alerts = jsonschema_rs.Draft202012Validator(published["alerts"])
    for document in read_topics.shipped_documents():
        alerts.validate(document.data)
    project = jsonschema_rs.Draft202012Validator(published["project"])
    examples = [*ROOT.glob("examples/*/deckwatch.yaml")]
    assert examples
    for path in examples:
        project.validate(yaml_file.read_yaml(path).data)
    part = jsonschema_rs.Draft202012Validator(published["part"])
    files = plugins.list_files(parts.SHIPPED, ".yaml")
    assert files
    for path in files:
        part.validate(yaml_file.read_yaml(path).data)
    insights = jsonschema_rs.Draft202012Validator(published["insights"])
    for document in shipped_documents():
        insights.validate(document.data)
    plan = jsonschema_rs.Draft202012Validator(published["plan"])
    for path in (*ROOT.glob("examples/*/plan.yml"), *ROOT.glob("deckwatch/templates/*/plan.yml")):
        plan.validate(yaml_file.read_yaml(path).data)
    kinds = {"dashboards": dashboard, "alerts": alerts, "signals": None, "insights": insights}
    for path in plugins.list_files(ROOT / "deckwatch" / "templates", ".yaml"):
        one = kinds.get(path.parent.name, project)
        if one is not None:
            one.validate(yaml_file.read_yaml(path).data)


def test_a_parameter_may_replace_any_value_in_a_parts_panel_and_nothing_else(published) -> None:
    part = jsonschema_rs.Draft202012Validator(published["part"])
    panel = {"lines": "host.cpu", "height": "${height}", "top": "${most}"}
    assert part.is_valid({"part": "P.", "panels": [panel]})
    assert not part.is_valid({"part": "P.", "panels": [panel | {"height": "high"}]})
    assert not part.is_valid({"part": "P.", "panels": [panel | {"hight": "${height}"}]})


def test_keys_of_panels_and_dashboards_are_in_the_projects_schema(published) -> None:
    value = published["project"]["properties"]["build"]["properties"]["set"]["patternProperties"]
    assert {"refresh", "folder"} <= set(value["^[^/.]+$"]["properties"])
    changed = published["project"]["$defs"]["changed"]["properties"]
    assert {"stat", "lines", "title", "width", "trend", "row", "collapsed"} <= set(changed)
    assert all(one["description"] for one in changed.values())


def test_a_teams_receivers_are_in_the_projects_schema(published) -> None:
    project = jsonschema_rs.Draft202012Validator(published["project"])
    project.validate({"teams": {"shop": {"webhook": {"url": "http://127.0.0.1:1/"}}}})
    assert not project.is_valid({"teams": {"shop": {"webhok": {"url": "http://127.0.0.1:1/"}}}})
    project.validate({"watchdog": {"webhook": {"url": "http://127.0.0.1:1/"}, "repeat": "1m"}})
    assert not project.is_valid({"watchdog": {"webhok": {"url": "http://127.0.0.1:1/"}}})


def test_every_key_of_a_project_is_described(published) -> None:
    for path, value in _properties(published["project"], ()):
        assert value.get("description"), ".".join(path)


def _properties(schema: Any, path: tuple[str, ...]):
    if isinstance(schema, dict):
        for name, value in schema.get("properties", {}).items():
            if isinstance(value, dict) and "$ref" not in value:
                yield (*path, name), value
        for key, value in schema.items():
            if key != "if":  # a condition repeats keys that are described elsewhere
                yield from _properties(value, (*path, key))
    elif isinstance(schema, list):
        for value in schema:
            yield from _properties(value, path)


def test_a_definition_in_several_fragments_only_adds_properties() -> None:
    """Anything else would be lost where fragments are merged, and a key would accept what its own fragment refuses."""
    known: dict[str, dict[str, Any]] = {}
    for path in plugins.schema_fragments():
        for name, value in yaml_file.read_yaml(path).data.get("$defs", {}).items():
            first = known.setdefault(name, value)
            lost = {key for key in value if key != "properties" and value[key] != first.get(key)}
            assert not lost, f"{path.name}: {name}"
