"""Features that a Grafana version lacks are reported where a user requests them, and omitted where we do."""

import json
from pathlib import Path

import pytest

from deckwatch import dashboards
from deckwatch.core import signal_file, targets, yaml_file
from deckwatch.core.project import Project
from deckwatch.core.targets import PROGRAMS, Targets
from deckwatch.dashboards import panel_types
from deckwatch.dashboards.draw import versions
from deckwatch.dashboards.read import files
from deckwatch.dashboards.read.files import Source
from deckwatch.provisioning import metric_catalog

PANELS = """\
dashboard: Shop
raw: {templating: {list: [{type: switch, name: dark, query: ""}]}}
rows:
  - - table: up
      title: A
      description: A
      by: [job]
      transform: [{transpose: true}, {raw: {id: transpose, options: {}}}]
    - stat: up
      title: B
      description: B
      raw: {options: {percentChangeColorMode: inverted}, timeCompare: 1d}
    - bargauge: up
      title: C
      description: C
"""


def made(child, text, grafana):
    catalog = metric_catalog.load_catalog(Project(Path()), Targets(grafana=grafana))
    document = yaml_file.parse_yaml(text, "shop.yaml")
    signals, _ = signal_file.load_signals([document], catalog)
    return dashboards.build_dashboards([Source(document, "shop", ())], catalog, signals, None, child)


@pytest.mark.parametrize(
    ("grafana", "texts"),
    [
        ("13.0", []),
        (
            "12.2",
            ["2:34 a variable of type switch needs Grafana 12.3", "12:58 timeCompare of stat needs Grafana 12.3"],
        ),
        (
            "11.0",
            [
                "2:34 a variable of type switch needs Grafana 12.3",
                "8:20 the transformation transpose needs Grafana 11.2",
                "8:39 the transformation transpose needs Grafana 11.2",
                "12:23 options.percentChangeColorMode of stat needs Grafana 11.1",
                "12:58 timeCompare of stat needs Grafana 12.3",
            ],
        ),
    ],
)
def test_requested_features_are_reported_at_their_position(child, grafana, texts):
    found = made(child, PANELS, grafana)
    wanted = [f"{one}, the target is {grafana}" for one in texts]
    messages = [
        (one.place.line, one.place.column, f"{one.place.line}:{one.place.column} {one.message}")
        for one in found.problems
    ]
    assert [text for _, _, text in sorted(messages)] == wanted
    assert {one.check for one in found.problems} <= {"target"}
    assert bool(found.artifacts) is (not texts)


def test_what_is_ours_is_left_out_and_the_model_has_the_versions_number(child):
    text = PANELS.replace("      raw: {options: {percentChangeColorMode: inverted}, timeCompare: 1d}\n", "")
    text = text.replace("      transform: [{transpose: true}, {raw: {id: transpose, options: {}}}]\n", "")
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("raw:"))
    for grafana, number, ours in (("10.4", 39, False), ("11.5", 40, True), ("12.0", 41, True), ("13.0", 42, True)):
        model = json.loads(made(child, text, grafana).artifacts[0].text)
        _, stat, bars = model["panels"]
        assert model["schemaVersion"] == number
        assert ("percentChangeColorMode" in stat["options"], "legend" in bars["options"]) == (ours, ours)
        assert (
            versions.minimum_version(model, "10.4", panel_types.load_types(child)) == "10.4"
        )  # without them an older one draws the same


def test_the_shipped_dashboards_are_for_the_oldest_version_too(child):
    """Nothing that is shipped needs more than the oldest Grafana and the oldest Prometheus."""
    oldest = Targets(**{name: program.oldest for name, program in PROGRAMS.items()})
    catalog = metric_catalog.load_catalog(Project(Path()), oldest)
    found = files.load_shipped()
    signals, problems = signal_file.load_signals([one.document for one in found], catalog)
    bundle = dashboards.build_dashboards(found, catalog, signals, None, child)
    assert [str(one) for one in problems + bundle.problems if one.check == "target"] == []


def test_every_version_of_a_field_is_between_the_oldest_and_the_newest(child):
    declared = [new for panel_type in panel_types.load_types(child).values() for new in panel_type.grafana.since]
    assert {new.path for new in declared} >= {"options.percentChangeColorMode", "options.legend", "options.perPage"}
    fields = [*declared, *versions._FIELDS_OF_ALL]
    for since in (*(new.version for new in fields), *versions._TRANSFORMATIONS.values()):
        assert targets.parse_version("10.4") < targets.parse_version(since) <= targets.parse_version("13.0")
