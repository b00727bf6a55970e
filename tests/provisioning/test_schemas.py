from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from alerting import read
from dashboards import sources
from deckwatch.core import yamlfile
from provisioning import schemas

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, Any]]:
    by_path = {file.path: orjson.loads(file.text) for file in schemas.files()}
    return {kind: by_path[path] for kind, path in schemas.NAMES.items()}


def test_what_is_shipped_is_valid_by_what_is_published(made) -> None:
    dashboard = jsonschema_rs.Draft202012Validator(made["dashboard"])
    files = [source for source in sources.shipped() if source.is_dashboard]
    assert len(files) >= 5
    for source in files:
        dashboard.validate(source.document.data)
    alerts = jsonschema_rs.Draft202012Validator(made["alerts"])
    for document in read.shipped():
        alerts.validate(document.data)
    project = jsonschema_rs.Draft202012Validator(made["project"])
    examples = [*ROOT.glob("examples/*/deckwatch.yaml")]
    assert examples
    for path in examples:
        project.validate(yamlfile.load_file(path).data)


def test_a_teams_receivers_are_in_the_projects_schema(made) -> None:
    project = jsonschema_rs.Draft202012Validator(made["project"])
    project.validate({"teams": {"shop": {"webhook": {"url": "http://127.0.0.1:1/"}}}})
    assert not project.is_valid({"teams": {"shop": {"webhok": {"url": "http://127.0.0.1:1/"}}}})


def test_every_key_of_a_project_is_described(made) -> None:
    for path, said in _properties(made["project"], ()):
        assert said.get("description"), ".".join(path)


def _properties(schema: Any, path: tuple[str, ...]):
    if isinstance(schema, dict):
        for name, said in schema.get("properties", {}).items():
            if isinstance(said, dict) and "$ref" not in said:
                yield (*path, name), said
        for key, value in schema.items():
            yield from _properties(value, (*path, key))
    elif isinstance(schema, list):
        for value in schema:
            yield from _properties(value, path)
