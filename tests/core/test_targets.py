from pathlib import Path

import pytest

from deckwatch.core import plugins, promql_versions, targets, yaml_file
from deckwatch.core.expressions import expression_problems
from deckwatch.core.problems import Place
from deckwatch.core.project import Project, project_schema
from deckwatch.core.schema import Schema
from deckwatch.core.targets import PROGRAMS, Targets
from deckwatch.provisioning import metric_catalog, stack


def read_targets(text):
    return targets.read_targets(yaml_file.parse_yaml(text, "deckwatch.yaml"))


def test_the_default_is_the_same_in_code_and_schema():
    schema = project_schema(plugins.schema_fragments())["properties"]["build"]["properties"]["targets"]["properties"]
    for name, program in PROGRAMS.items():
        assert Targets().version_of(name) == program.default == schema[name]["default"]
        assert program.oldest in schema[name]["description"]


def test_versions_that_are_not_set_keep_their_defaults():
    versions, problems = read_targets('build: {targets: {grafana: "11.2", alertmanager: "0.26.1"}}')
    assert problems == []
    assert versions == Targets(grafana="11.2", alertmanager="0.26.1")


@pytest.mark.parametrize("version", ["10.4", "10.4.19", "12.3", "13", "13.0", "13.2.3"])
def test_a_version_within_the_range_is_supported(version):
    assert read_targets(f'build: {{targets: {{grafana: "{version}"}}}}')[1] == []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ('grafana: "9.5"', "2:22: error: Grafana 9.5 is not supported (supported: 10.4 to 13.2) [target]"),
        ('prometheus: "2.41"', "2:25: error: Prometheus 2.41 is not supported (supported: 2.42 to 3.16) [target]"),
        ('alertmanager: "0.24"', "2:27: error: Alertmanager 0.24 is not supported (supported: 0.25 to 0.35) [target]"),
    ],
)
def test_an_unsupported_version_is_reported_with_the_range(setting, message):
    versions, problems = read_targets(f"build:\n  targets: {{{setting}}}\n")
    assert [str(problem) for problem in problems] == [f"deckwatch.yaml:{message}"]
    assert versions == Targets()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            'grafana: "13.3"',
            "2:22: warning: Grafana 13.3 is newer than the newest known version (treated as 13.2) [target]",
        ),
        (
            'prometheus: "3.100"',
            "2:25: warning: Prometheus 3.100 is newer than the newest known version (treated as 3.16) [target]",
        ),
    ],
)
def test_a_newer_version_is_treated_as_the_newest(setting, message):
    versions, problems = read_targets(f"build:\n  targets: {{{setting}}}\n")
    assert [str(problem) for problem in problems] == [f"deckwatch.yaml:{message}"]
    name = setting.partition(":")[0]
    assert versions == Targets(**{name: PROGRAMS[name].newest})


def test_a_version_without_its_last_number_is_the_first_one():
    assert not Targets(grafana="13").supports("grafana", "13.0.1")
    assert not Targets(grafana="13.0").supports("grafana", "13.0.1")
    assert Targets(grafana="13.0.2").supports("grafana", "13.0.1")
    assert Targets(grafana="13.1").supports("grafana", "13.0.1")


def test_the_default_grafana_is_the_one_of_compose():
    compose = (Path(__file__).parents[2] / "docker-compose.yml").read_text()
    assert f"grafana/grafana:{PROGRAMS['grafana'].default}\n" in compose


@pytest.mark.parametrize("setting", ['prometheus: "3.16"', 'alertmanager: "0.35.1"'])
def test_the_current_versions_are_known(setting):
    assert read_targets(f"build: {{targets: {{{setting}}}}}")[1] == []


def test_a_version_that_yaml_reads_as_a_number_must_be_quoted():
    # 3.10 would be 3.1
    document = yaml_file.parse_yaml("build: {targets: {prometheus: 3.10}}", "deckwatch.yaml")
    (problem,) = Schema(project_schema(plugins.schema_fragments())).find_problems(document)
    assert str(problem).startswith('deckwatch.yaml:1:31: error: expected a version in quotes such as "3.16", not 3.1')


def test_a_missing_feature_is_reported_with_both_versions():
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
    )  # compared as numbers, not as text


@pytest.mark.parametrize(
    ("expr", "target", "message"),
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
        ("up > 1_000", "2.53", "1:5: error: 1_000 needs Prometheus 2.54, the target is 2.53"),
        (
            "max_over_time(up[300])",
            "2.53",
            "1:16: error: a duration without unit needs Prometheus 2.54, the target is 2.53",
        ),
        ("max_over_time(up[5m*2])", "3.3", "1:16: error: a computed duration needs Prometheus 3.4, the target is 3.3"),
        ("rate(up[5m] anchored)", "3.6", "1:12: error: anchored needs Prometheus 3.7, the target is 3.6"),
        ("integral(up[5m])", "3.15", "1:0: error: integral() needs Prometheus 3.16, the target is 3.15"),
        ("up offset 300", "2.53", "1:3: error: a duration without unit needs Prometheus 2.54, the target is 2.53"),
        ("up offset -(5m * 2)", "3.3", "1:3: error: a computed duration needs Prometheus 3.4, the target is 3.3"),
        ("up @ 5m", "2.53", "1:5: error: a duration as a number needs Prometheus 2.54, the target is 2.53"),
        (
            "predict_linear(up[5m], 1h)",
            "2.53",
            "1:23: error: a duration as a number needs Prometheus 2.54, the target is 2.53",
        ),
        ("max_over_time(up[min(5m, 1m)])", "3.12", None),
        ("up offset -5m + predict_linear(up[5m:1m] offset 5m, 60)", "2.42", None),
        ("up </ 2", "3.10", "1:3: error: the operator </ needs Prometheus 3.11, the target is 3.10"),
        ("max_over_time(up[5m*2])", "3.14", None),
        ("vector(step())", "3.11", "1:7: error: step() needs Prometheus 3.12, the target is 3.11"),
        ("mad_over_time(up[1h])", "2.49", None),
        ("holt_winters(up[5m], 1, 1)", "2.55", None),
        ('up{job="info", instance=~"fill"}', "2.42", None),
    ],
)
def test_promql_functions_by_version(expr, target, message):
    catalog = metric_catalog.load_catalog(Project(Path()), Targets(prometheus=target))
    problems = expression_problems(expr, catalog, lambda at: Place("x", 1, at))
    errors = [str(problem) for problem in problems if problem.severity == "error"]
    assert errors == ([] if message is None else [f"x:{message} (build: targets:) [target]"])


@pytest.mark.parametrize(
    ("expr", "target", "flag"),
    [
        ("mad_over_time(up[1h])", "3.14", "promql-experimental-functions"),
        ("first_over_time(up[1h])", "3.13", "promql-experimental-functions"),
        ("first_over_time(up[1h])", "3.14", ""),
        ("up + fill(0) up", "3.10", "promql-binop-fill-modifiers"),
        ("histogram_avg(up)", "2.51", ""),
        ("rate(up[5m] smoothed)", "3.14", "promql-extended-range-selectors"),
        ("rate(up[5m*2])", "3.13", "promql-duration-expr"),
        ("rate(up[5m*2])", "3.14", ""),
        ("start_timestamp(up)", "3.14", "promql-experimental-functions,use-start-timestamps"),
        ("mad_over_time(up[1h])", "2.48", ""),  # reported as an error
    ],
)
def test_functions_that_need_a_feature_flag_are_a_warning(expr, target, flag):
    catalog = metric_catalog.load_catalog(Project(Path()), Targets(prometheus=target))
    problems = expression_problems(expr, catalog, lambda at: Place("x", 1, at))
    messages = [problem.message for problem in problems if problem.severity == "warning"]
    assert [text.rpartition("--enable-feature=")[2] for text in messages] == ([flag] if flag else [])


def test_the_shipped_set_works_with_the_oldest_versions():
    """Dashboards, rules, routes and signals need no newer feature and no feature flag."""
    oldest = {name: program.oldest for name, program in PROGRAMS.items()}
    built = stack.build(Project(Path("/nonexistent")), stack.Options(installed=oldest))
    assert [str(warning) for warning in built.warnings if warning.check == "target"] == []


def test_every_listed_version_is_in_the_supported_range():
    oldest, newest = (
        targets.parse_version(PROGRAMS["prometheus"].oldest),
        targets.parse_version(PROGRAMS["prometheus"].newest),
    )
    for version in (*promql_versions.SINCE.values(), *promql_versions.UNTIL.values()):
        assert oldest < targets.parse_version(version) <= newest
