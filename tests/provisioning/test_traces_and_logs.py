"""`build: data_sources: loki: jaeger:`: the links between both and the metrics, and what comes only with them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core.problems import InvalidInput
from deckwatch.provisioning import alloy, prometheus_settings, stack

LOKI = 'loki: {url: "http://loki:3100"}'
JAEGER = 'jaeger: {url: "http://jaeger:16686"}'
SOURCES = "grafana/provisioning/datasources/deckwatch.yaml"
SHIPPED_SOURCES = Path(__file__).parents[2] / "provisioning" / "out" / SOURCES
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def load_project(folder):
    """Return the project in a folder; its problems are in it."""
    return _project.load_project(folder, keep_invalid=True)


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    """Bundles by the data sources that their project has."""
    results = {}
    for name, text in {"none": "", "loki": LOKI, "jaeger": JAEGER, "both": f"{LOKI}, {JAEGER}"}.items():
        folder = tmp_path_factory.mktemp(name)
        (folder / "deckwatch.yaml").write_text(f"build: {{data_sources: {{{text}}}}}")
        results[name] = stack.build(load_project(folder)).plan
    return results


def read_options(plan):
    """Return the options of each provisioned data source by its uid."""
    sources = yaml.safe_load(plan.file_text(SOURCES))["datasources"]
    return {source["uid"]: source.get("jsonData", {}) for source in sources}


def list_exemplar_panels(plan, name):
    """Return the titles of a dashboard's panels with exemplars, once for each query that has them."""
    model = json.loads(plan.file_text(f"grafana/dashboards/{name}.json"))
    return [panel["title"] for panel in model["panels"] for one in panel.get("targets", []) if one.get("exemplar")]


def test_an_exemplar_leads_to_its_trace_and_the_trace_to_its_lines(builds):
    options = read_options(builds["both"])
    (destination,) = options["deckwatch-prometheus"]["exemplarTraceIdDestinations"]
    assert destination["name"] == "trace_id"  # as deckwatch.instrument and OpenTelemetry call the label
    (field,) = options["deckwatch-loki"]["derivedFields"]
    # The dashboard: Grafana lets only editors open Explore. It expands variables of the environment in these files.
    assert destination["url"] == field["url"] == "/d/traces?var-trace=$${__value.raw}"
    assert not {"datasourceUid"} & {*destination, *field}
    lines = options["deckwatch-jaeger"]["tracesToLogsV2"]
    assert lines["datasourceUid"] == "deckwatch-loki"
    assert lines["query"] == '{service=~".+"} |= "$${__span.traceId}"'


@pytest.mark.parametrize(
    "line",
    [
        f'{{"level": "WARNING", "trace_id": "{TRACE}"}}',
        f"level=warn traceID={TRACE} msg=slow",
        f"slow trace_id={TRACE}",
        f'{{"TraceId":"{TRACE}","SpanId":"00f067aa0ba902b7"}}',
    ],
)
def test_a_line_that_names_its_trace_leads_there(builds, line):
    (field,) = read_options(builds["both"])["deckwatch-loki"]["derivedFields"]
    assert re.search(field["matcherRegex"], line)[1] == TRACE


@pytest.mark.parametrize("line", ["trace_id=", f"id={TRACE}", "trace_id=00f067aa0ba902b7"])
def test_another_line_leads_nowhere(builds, line):
    (field,) = read_options(builds["both"])["deckwatch-loki"]["derivedFields"]
    assert not re.search(field["matcherRegex"], line)


@pytest.mark.parametrize("name", ["none", "loki", "jaeger"])
def test_no_link_leads_to_a_data_source_that_is_missing(builds, name):
    text = builds[name].file_text(SOURCES)
    known = set(read_options(builds[name]))
    assert set(re.findall(r"[uU]id: (\S+)", text)) <= known
    dashboards = {file.path.split("/")[-1] for file in builds[name].list_files() if file.path.endswith(".json")}
    assert ("logs.json" in dashboards, "traces.json" in dashboards) == (name == "loki", name == "jaeger")


def test_the_default_bundle_is_unchanged(builds):
    assert builds["none"].file_text(SOURCES) == SHIPPED_SOURCES.read_text()


def test_exemplars_are_shown_only_where_they_lead_to_a_trace(builds):
    assert list_exemplar_panels(builds["loki"], "development/application") == []
    found = list_exemplar_panels(builds["jaeger"], "development/application")
    assert found
    # Three percentiles of one histogram have the same exemplars: one query asks for them.
    assert len(set(found)) == len(found)
    assert set(list_exemplar_panels(builds["jaeger"], "development/traces")) == {"Response time", "Distribution"}


def test_prometheus_keeps_exemplars_where_there_are_traces(tmp_path):
    (tmp_path / "deckwatch.yaml").write_text(f"build: {{data_sources: {{{JAEGER}}}}}")
    assert prometheus_settings.exemplar_flags(load_project(tmp_path)) == ["--enable-feature=exemplar-storage"]
    (tmp_path / "deckwatch.yaml").write_text(f"build: {{data_sources: {{{LOKI}}}}}")
    assert prometheus_settings.exemplar_flags(load_project(tmp_path)) == []


def read_project(folder, options, logs=""):
    """Return a project with options of `alloy:` and entries of `watch: logs:`."""
    text = f"build:\n  data_sources:\n    loki: {{url: http://loki:3100, alloy: {options}}}\n"
    (folder / "deckwatch.yaml").write_text(text + (f"watch:\n  logs:\n{logs}" if logs else ""))
    return load_project(folder)


FILES = '    - {service: shop, file: ["/var/log/shop/*.log", /srv/a.log], format: json}\n'
CONTAINER = "    - {service: work$er, container: shop-worker-*, format: json}\n"


def test_alloy_reads_the_files_and_containers_of_the_project(tmp_path):
    project = read_project(tmp_path, '{push: "http://gate:3100/", docker: "tcp://docker-logs:2375"}', FILES + CONTAINER)
    assert not project.problems
    (file,) = alloy.render_file(project)
    assert file.text == (Path(__file__).parents[1] / "golden" / "config.alloy").read_text()


def test_alloy_without_an_engine_reads_files_only(tmp_path):
    (file,) = alloy.render_file(read_project(tmp_path, "{}", FILES))
    assert "docker" not in file.text
    assert 'url = "http://loki:3100/loki/api/v1/push"' in file.text


def test_a_project_without_alloy_has_no_file_for_it(builds):
    assert not [file for file in builds["both"].list_files() if file.path.startswith("alloy")]


@pytest.mark.parametrize(
    ("options", "logs", "expected"),
    [
        ("{}", "", "deckwatch.yaml:3:35: error: there is nothing to send to Loki: `watch: logs:` names no file"),
        ("{dokcer: 'tcp://d:1'}", "", "deckwatch.yaml:3:43: error: unknown key dokcer (did you mean docker?)"),
        ("{docker: d}", "", "deckwatch.yaml:3:51: error: 'd' is not an address such as unix:///var/run/docker.sock"),
    ],
)
def test_mistakes_are_reported_with_their_position(tmp_path, options, logs, expected):
    with pytest.raises(InvalidInput) as caught:
        stack.build(read_project(tmp_path, options, logs))
    assert [str(problem).replace(f"{tmp_path}/", "")[: len(expected)] for problem in caught.value.problems] == [
        expected
    ]


def test_a_container_that_is_counted_but_not_sent_is_a_warning(tmp_path):
    (problem,) = alloy.find_problems(read_project(tmp_path, "{}", FILES + CONTAINER))
    assert problem.severity == "warning"
    assert (problem.place.line, problem.place.column) == (7, 37)


def test_a_set_that_needs_a_data_source_says_so(tmp_path):
    (tmp_path / "deckwatch.yaml").write_text("build: {include: [host, traces]}")
    with pytest.raises(InvalidInput) as caught:
        stack.build(load_project(tmp_path))
    (problem,) = caught.value.problems
    assert (problem.place.line, problem.place.column) == (1, 25)
    assert "queries Jaeger" in str(problem)
