from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import jsonschema_rs
import pytest

from deckwatch import dashboards
from deckwatch.core import signal_file, yaml_file
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.build import Settings
from deckwatch.dashboards.read.files import Source


@pytest.fixture(scope="session")
def child():
    """One renderer for all tests; it keeps no state between programs."""
    with panel_types.start_renderer() as running:
        yield running


@pytest.fixture
def build(catalog, child):
    """Build one dashboard from its YAML and return {bundle, model, panels by title, problems}."""

    def run(text: str, *, uid: str = "shop", subjects: tuple[str, ...] = ("shop",), **settings):
        document = yaml_file.parse_yaml(text, f"{uid}.yaml")
        signals, problems = signal_file.load_signals([document], catalog)
        bundle = dashboards.build_dashboards(
            [Source(document, uid, subjects)], catalog, signals, Settings(**settings), child
        )
        model = json.loads(bundle.artifacts[0].text) if bundle.artifacts else {}
        inner = [p for panel in model.get("panels", []) for p in (panel, *panel.get("panels", []))]
        return SimpleNamespace(
            bundle=bundle,
            model=model,
            panels={panel["title"]: panel for panel in inner},
            problems=sorted(set(problems + bundle.problems), key=lambda problem: problem.place),
        )

    return run


# Grafana publishes these under other names than its panels have.
PUBLISHED = {"dashlist": "dashboardlist", "annolist": "annotationslist"}

# Options of panels and of their fields that came after the captured schemas; earlier versions ignore them.
NEWER = {
    ("table", "Options"): {"enablePagination"},
    ("table", "FieldConfig"): {"footer", "wrapHeaderText"},
    ("gauge", "Options"): {
        *("barShape", "barWidthFactor", "effects", "endpointMarker"),
        *("segmentCount", "shape", "sparkline", "textMode"),
    },
}


class GrafanasSchemas:
    """Grafana's own JSON Schemas of its dashboards and panels, from the folder of captured peers."""

    def __init__(self, folder):
        self.folder = folder
        whole = json.loads((folder / "dashboard.jsonschema.json").read_text())
        # These are open in Grafana's own model (dashboard_kind.cue); the generated schemas require an object, and for
        # the links of a field everything that those of a dashboard have.
        whole["definitions"]["MatcherConfig"]["properties"]["options"] = {}
        whole["definitions"]["DynamicConfigValue"]["properties"]["value"] = {}
        whole["definitions"]["FieldConfig"]["properties"]["links"] = {}
        self.whole = jsonschema_rs.Draft7Validator(whole)

    def _file(self, panel):
        name = panel["type"].replace("-", "").lower()
        return self.folder / f"{PUBLISHED.get(name, name)}.jsonschema.json"

    def known(self, panel):
        """Return whether a panel's type has a schema."""
        return self._file(panel).exists()

    def faults(self, model):
        """Return the schema errors as sentences."""
        result = [f"{error.instance_path}: {error.message}" for error in self.whole.iter_errors(model)]
        for panel in (panel for row in model["panels"] for panel in (row, *row.get("panels", []))):
            if panel["type"] == "row" or not self.known(panel):
                continue
            # The schemas of cells differ by type, whose value they leave open: several match the same cell.
            schemas = json.loads(self._file(panel).read_text().replace('"oneOf"', '"anyOf"'))
            for part, given in (
                ("Options", panel["options"]),
                ("FieldConfig", panel.get("fieldConfig", {}).get("defaults", {}).get("custom")),
            ):
                if part in schemas["definitions"] and given is not None:
                    value = {
                        key: each for key, each in given.items() if key not in NEWER.get((panel["type"], part), ())
                    }
                    values = jsonschema_rs.Draft7Validator({**schemas, "$ref": f"#/definitions/{part}"})
                    result += [f"{panel['title']}: {e.instance_path}: {e.message}" for e in values.iter_errors(value)]
        return result


@pytest.fixture(scope="session")
def grafanas_schemas():
    return GrafanasSchemas(Path(os.environ["DECKWATCH_PEERS"]) / "grafana-schema")
