"""Fields that a version of Grafana does not support: an error in a user's file, omitted from generated ones."""

import json
from pathlib import Path

import pytest

from deckwatch import dashboards
from deckwatch.core import signal_file, targets, yaml_file
from deckwatch.core.project import Project
from deckwatch.core.targets import PROGRAMS, Targets
from deckwatch.dashboards import grafana_versions, panel_types
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


def build_dashboard(child, text, grafana):
    catalog = metric_catalog.load_catalog(Project(Path()), Targets(grafana=grafana))
    document = yaml_file.parse_yaml(text, "shop.yaml")
    signals, _ = signal_file.load_signals([document], catalog)
    return dashboards.build_dashboards([Source(document, "shop", ())], catalog, signals, None, child)


@pytest.mark.parametrize(
    ("grafana", "messages"),
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
def test_an_unsupported_option_is_reported_at_its_position(child, grafana, messages):
    result = build_dashboard(child, PANELS, grafana)
    wanted = [f"{item}, the target is {grafana}" for item in messages]
    problems = [
        (problem.place.line, problem.place.column, f"{problem.place.line}:{problem.place.column} {problem.message}")
        for problem in result.problems
    ]
    assert [text for _, _, text in sorted(problems)] == wanted
    assert {problem.check for problem in result.problems} <= {"target"}
    assert bool(result.artifacts) is (not messages)


def test_generated_fields_are_omitted_and_the_schema_version_matches(child):
    text = PANELS.replace("      raw: {options: {percentChangeColorMode: inverted}, timeCompare: 1d}\n", "")
    text = text.replace("      transform: [{transpose: true}, {raw: {id: transpose, options: {}}}]\n", "")
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("raw:"))
    for grafana, number, ours in (("10.4", 39, False), ("11.5", 40, True), ("12.0", 41, True), ("13.0", 42, True)):
        model = json.loads(build_dashboard(child, text, grafana).artifacts[0].text)
        _, stat, bars = model["panels"]
        assert model["schemaVersion"] == number
        assert ("percentChangeColorMode" in stat["options"], "legend" in bars["options"]) == (ours, ours)
        assert versions.minimum_version(model, "10.4") == "10.4"  # without them an older one draws the same


def test_the_shipped_dashboards_support_the_oldest_versions(child):
    """The shipped set needs only the oldest supported Grafana and Prometheus."""
    oldest = Targets(**{name: program.oldest for name, program in PROGRAMS.items()})
    catalog = metric_catalog.load_catalog(Project(Path()), oldest)
    sources = files.load_shipped()
    signals, problems = signal_file.load_signals([item.document for item in sources], catalog)
    bundle = dashboards.build_dashboards(sources, catalog, signals, None, child)
    assert [str(problem) for problem in problems + bundle.problems if problem.check == "target"] == []


def test_every_version_is_between_the_oldest_and_the_newest():
    known = grafana_versions.load_features()
    options = {feature.name for feature in known["options"]}
    assert options >= {"options.percentChangeColorMode", "options.legend", "options.perPage", "timeCompare"}
    for feature in (*known["options"], *known["transformations"], *known["variables"], *known["panels"]):
        for version in filter(None, (feature.since, feature.until)):
            assert (10, 4) < targets.parse_version(version) <= targets.parse_version(PROGRAMS["grafana"].newest)


@pytest.mark.parametrize("kind", grafana_versions.KINDS)
def test_every_line_has_a_source_and_a_name_of_its_own(kind):
    features = grafana_versions.load_features()[kind]
    assert features
    assert all(feature.source and feature.name for feature in features)
    names = [(feature.panel, feature.name) for feature in features]
    assert len(set(names)) == len(names)


def test_every_panel_with_options_is_a_panel_type(child):
    known = {item.grafana.type for item in panel_types.load_types(child).values()}
    assert {feature.panel for feature in grafana_versions.load_features()["options"]} - {""} <= known


def test_a_panel_type_that_was_removed_is_reported(child):
    text = "dashboard: Shop\nrows:\n  - - panel: datagrid\n      title: A\n      description: A\n"
    (problem,) = [item for item in build_dashboard(child, text, "13.0").problems if item.check == "target"]
    assert str(problem).startswith(
        "shop.yaml:3:14: error: the panel type datagrid was removed in Grafana 13.0, the target is 13.0"
    )
    assert [item for item in build_dashboard(child, text, "12.4").problems if item.check == "target"] == []
