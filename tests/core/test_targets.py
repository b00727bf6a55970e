from pathlib import Path

import pytest

from deckwatch.core import plugins, promql_versions, targets, yaml_file
from deckwatch.core.expressions import expression_problems
from deckwatch.core.problems import Place
from deckwatch.core.project import Project, project_schema
from deckwatch.core.schema import Schema
from deckwatch.core.targets import PROGRAMS, Targets
from deckwatch.provisioning import metric_catalog, stack


def read(text):
    return targets.read_targets(yaml_file.parse_yaml(text, "deckwatch.yaml"))


def test_the_default_is_the_newest_that_is_known_and_the_schema_says_so():
    schema = project_schema(plugins.schema_fragments())["properties"]["build"]["properties"]["targets"]["properties"]
    for name, program in PROGRAMS.items():
        assert Targets().version_of(name) == program.newest == schema[name]["default"]
        assert program.oldest in schema[name]["description"]


def test_each_version_is_read_and_the_others_stay():
    found, problems = read('build: {targets: {grafana: "11.2", alertmanager: "0.26.1"}}')
    assert problems == []
    assert found == Targets(grafana="11.2", alertmanager="0.26.1")


@pytest.mark.parametrize("said", ["10.4", "10.4.19", "13.0", "12.3"])
def test_a_version_within_is_known(said):
    assert read(f'build: {{targets: {{grafana: "{said}"}}}}')[1] == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('grafana: "9.5"', "2:22: error: Grafana 9.5 is not supported (supported: 10.4 to 13.0) [target]"),
        ('grafana: "13.1"', "2:22: error: Grafana 13.1 is not supported (supported: 10.4 to 13.0) [target]"),
        ('prometheus: "2.41"', "2:25: error: Prometheus 2.41 is not supported (supported: 2.42 to 3.14) [target]"),
        ('prometheus: "3.100"', "2:25: error: Prometheus 3.100 is not supported (supported: 2.42 to 3.14) [target]"),
        ('alertmanager: "0.24"', "2:27: error: Alertmanager 0.24 is not supported (supported: 0.25 to 0.34) [target]"),
    ],
)
def test_a_version_outside_is_told_at_its_place_with_the_range(said, told):
    found, problems = read(f"build:\n  targets: {{{said}}}\n")
    assert [str(one) for one in problems] == [f"deckwatch.yaml:{told}"]
    assert found == Targets()


def test_a_version_that_yaml_reads_as_a_number_must_be_quoted():
    # 3.10 would be 3.1
    document = yaml_file.parse_yaml("build: {targets: {prometheus: 3.10}}", "deckwatch.yaml")
    (problem,) = Schema(project_schema(plugins.schema_fragments())).find_problems(document)
    assert str(problem).startswith('deckwatch.yaml:1:31: error: expected a version in quotes such as "3.14", not 3.1')


def test_what_a_program_lacks_is_told_with_both_versions():
    place = Place("deckwatch.yaml", 3, 7)
    (problem,) = Targets(alertmanager="0.25").problems_if_older(
        "alertmanager", "0.28", "message_thread_id of telegram", place
    )
    assert str(problem) == (
        "deckwatch.yaml:3:7: error: message_thread_id of telegram needs Alertmanager 0.28, the target is 0.25 "
        "(build: targets:) [target]"
    )
    assert list(Targets(alertmanager="0.28").problems_if_older("alertmanager", "0.28", "it", place)) == []
    assert (
        list(Targets(prometheus="3.14").problems_if_older("prometheus", "3.9", "it", place)) == []
    )  # as numbers, not as text


@pytest.mark.parametrize(
    ("expr", "target", "told"),
    [
        (
            "mad_over_time(up[1h])",
            "2.48",
            "1:0: error: mad_over_time() needs Prometheus 2.49, the target is 2.48",
        ),
        ("sum(limitk by (job) (2, up))", "2.42", "1:4: error: limitk() needs Prometheus 2.54, the target is 2.42"),
        (
            "holt_winters(up[5m], 1, 1)",
            "3.0",
            "1:0: error: holt_winters() was removed in Prometheus 3.0, the target is 3.0",
        ),
        ('{"up"}', "2.55", "1:1: error: a name in quotes needs Prometheus 3.0, the target is 2.55"),
        ("up @ start()", "2.42", None),
        ("vector(step())", "3.11", "1:7: error: step() needs Prometheus 3.12, the target is 3.11"),
        ("mad_over_time(up[1h])", "2.49", None),
        ("holt_winters(up[5m], 1, 1)", "2.55", None),
        ('up{job="info", instance=~"fill"}', "2.42", None),
    ],
)
def test_words_of_promql_by_version(expr, target, told):
    catalog = metric_catalog.load_catalog(Project(Path()), Targets(prometheus=target))
    problems = expression_problems(expr, catalog, lambda at: Place("x", 1, at))
    found = [str(one) for one in problems if one.severity == "error"]
    assert found == ([] if told is None else [f"x:{told} (build: targets:) [target]"])


@pytest.mark.parametrize(
    ("expr", "target", "flag"),
    [
        ("mad_over_time(up[1h])", "3.14", "promql-experimental-functions"),
        ("first_over_time(up[1h])", "3.13", "promql-experimental-functions"),
        ("first_over_time(up[1h])", "3.14", ""),
        ("up + fill(0) up", "3.10", "promql-binop-fill-modifiers"),
        ("histogram_avg(up)", "2.51", ""),
        ("mad_over_time(up[1h])", "2.48", ""),  # it is an error already
    ],
)
def test_words_that_prometheus_must_be_told_to_evaluate_are_a_warning(expr, target, flag):
    catalog = metric_catalog.load_catalog(Project(Path()), Targets(prometheus=target))
    problems = expression_problems(expr, catalog, lambda at: Place("x", 1, at))
    found = [one.message for one in problems if one.severity == "warning"]
    assert [one.rpartition("--enable-feature=")[2] for one in found] == ([flag] if flag else [])


def test_all_that_is_shipped_is_for_the_oldest_versions_too():
    """Dashboards, rules, routes and signals need nothing that an old server lacks, nor any flag of it."""
    oldest = {name: program.oldest for name, program in PROGRAMS.items()}
    built = stack.build(Project(Path("/nonexistent")), stack.Options(installed=oldest))
    assert [str(one) for one in built.warnings if one.check == "target"] == []


def test_every_word_with_a_version_lies_between_the_oldest_and_the_newest():
    oldest, newest = (
        targets.parse_version(PROGRAMS["prometheus"].oldest),
        targets.parse_version(PROGRAMS["prometheus"].newest),
    )
    for version in (*promql_versions.SINCE.values(), *promql_versions.UNTIL.values()):
        assert oldest < targets.parse_version(version) <= newest
