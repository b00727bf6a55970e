"""Insights: files and their mistakes, sentences, and their proofs on promtool."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deckwatch.core import plugins, yaml_file
from deckwatch.core.project import Project, load_project
from deckwatch.core.yaml_write import dump_yaml
from deckwatch.provisioning import examination, named_query
from deckwatch.provisioning.build_settings import Options, read_settings
from deckwatch.provisioning.documents import load_documents
from deckwatch.provisioning.insights import proof, queries, read, wording
from deckwatch.provisioning.insights.find import build_insights, sort_insights
from deckwatch.provisioning.insights.limits import find_threshold_problems

TEMPLATES = Path(__file__).parents[2] / "deckwatch" / "templates"
GET = "apt-get install prometheus"
SHIPPED = read.shipped_documents()
TEXT = """\
insight: Idle workers
severity: info
benefit: cost
expr: max by (instance) (max_over_time(node_load1[$range]))
below: 5
unit: count
each: [instance]
values: {cpus: {expr: 'count by (instance) (node_cpu_seconds_total{mode="idle"})', unit: count}}
sentence: "{{instance}} has {{cpus}} processors for a load of {{value}} in {{range}}."
reason: Idle.
do: [Look.]
proof:
  - give: {'node_load1{instance="a"}': 1, 'node_cpu_seconds_total{instance="a", cpu="0", mode="idle"}': 1}
    says: a has 1 processors for a load of 1 in 24 hours.
  - give: {'node_load1{instance="a"}': 9, 'node_cpu_seconds_total{instance="a", cpu="0", mode="idle"}': 1}
    silent: true
"""


@pytest.fixture(scope="module")
def program(need):
    return need("promtool", get=GET)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return named_query.load_vocabulary(Project(tmp_path_factory.mktemp("none"))).catalog


def rule_of(text, name="idle_workers"):
    rule, problems = read.read_rule(yaml_file.parse_yaml(text, f"insights/{name}.yaml"))
    assert problems == []
    return rule


def problems_of(text, catalog):
    rule, problems = read.read_rule(yaml_file.parse_yaml(text, "insights/idle_workers.yaml"))
    return [str(problem) for problem in (*problems, *(read.find_problems([rule], catalog) if rule else ()))]


def own_rules(folder):
    """Return the rules in a template, and its catalog."""
    project = load_project(folder, plugins.schema_fragments())
    vocabulary = examination.load_vocabulary(project, read_settings(project, Options()), load_documents(project))
    return read.load_own_rules(project), vocabulary.catalog


@pytest.mark.parametrize("document", SHIPPED, ids=lambda document: Path(document.file).stem)
def test_a_shipped_insight_is_valid(document, catalog):
    rule, problems = read.read_rule(document)
    assert [str(problem) for problem in (*problems, *read.find_problems([rule], catalog))] == []
    assert re.search(r"\$range|\[1[hd]\]|alert_history|expiry|_bytes|_ratio|_tup|objective:", rule.expr)


@pytest.mark.parametrize("folder", sorted({path.parents[1] for path in TEMPLATES.glob("*/insights/*.yaml")}), ids=str)
def test_the_insights_of_a_template_are_valid(folder):
    rule_set, catalog = own_rules(folder)
    found = [*rule_set.problems, *read.find_problems(rule_set.rules.values(), catalog)]
    assert [str(problem) for problem in found] == []
    assert rule_set.rules


def all_rules():
    rules = [read.read_rule(document)[0] for document in SHIPPED]
    folders = {path.parents[1] for path in TEMPLATES.glob("*/insights/*.yaml")}
    return rules + [rule for folder in sorted(folders) for rule in own_rules(folder)[0].rules.values()]


def test_the_proofs_of_all_insights_pass(program):
    rules = all_rules()
    assert len(rules) >= 25
    outcomes = proof.run_proofs(rules)
    assert [str(problem) for outcome in outcomes for problem in outcome.problems] == []
    assert all(outcome.proofs >= 2 for outcome in outcomes)


def test_the_insights_of_the_guide_pass_their_proofs(program):
    pages = (Path(__file__).parents[2] / "docs" / "guide").glob("*.md")
    blocks = [
        block
        for page in pages
        for block in re.findall(r"```yaml\n# insights/(\w+)\.yaml\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    assert blocks
    outcomes = proof.run_proofs([rule_of(text, name) for name, text in blocks])
    assert [str(problem) for outcome in outcomes for problem in outcome.problems] == []


def test_nothing_but_notes_is_said_about_a_normal_day(program, quiet_day, tmp_path):
    """No insight of severity warning or above; what is found of a small, idle machine costs money at most."""
    day = quiet_day()
    rules = {rule.name: rule for rule in all_rules()}
    parts = [(name, queries.build_condition(rule, day.length)) for name, rule in rules.items()]
    test = {
        "interval": f"{day.step}s",
        "input_series": [{"series": text, "values": values} for text, values in day.series().items()],
        "promql_expr_test": [
            {"expr": queries.unite_parts([part]), "eval_time": f"{day.length}s", "exp_samples": []} for part in parts
        ],
    }
    file = tmp_path / "day.yaml"
    file.write_text(dump_yaml({"evaluation_interval": "1d", "tests": [test]}))
    ran = subprocess.run([program, "test", "rules", file], capture_output=True, text=True, check=False)
    found, failures = proof.parse_output(ran.stdout + ran.stderr)
    assert failures == {}
    assert {name: rules[name].severity for name in found if rules[name].severity != "info"} == {}, found


def test_the_command_test_runs_proofs_of_insights_by_name(program, tmp_path):
    del program
    (tmp_path / "insights").mkdir()
    (tmp_path / "deckwatch.yaml").write_text("build: {include: []}\n")
    (tmp_path / "insights" / "idle_workers.yaml").write_text(TEXT.replace("of 1 in", "of 2 in"))

    def run(*names):
        argv = [sys.executable, "-m", "deckwatch", "--project", tmp_path, "test", *names, "--format", "json"]
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
        return ran.returncode, {topic["topic"]: topic for topic in json.loads(ran.stdout)}

    code, topics = run("container_restarts")
    assert (code, list(topics), topics["insights"]["tests"]) == (0, ["insights"], 3)
    code, topics = run("idle_workers", "container_restarts")
    assert (code, topics["insights"]["tests"]) == (1, 5)
    (problem,) = topics["insights"]["problems"]
    assert (problem["file"], problem["line"]) == ("insights/idle_workers.yaml", 14)


FLIPPED = {">": "<", "<": ">"}


def mutants_of(rule):
    """Yield a rule with its comparison turned round, with its limit doubled and halved, and without each condition."""
    if rule.operator:
        yield "turned", dataclasses.replace(rule, operator=FLIPPED[rule.operator])
    if rule.limit:
        yield "doubled", dataclasses.replace(rule, limit=rule.limit * 2)
        yield "halved", dataclasses.replace(rule, limit=rule.limit / 2)
    for index, match in enumerate(re.finditer(r"(?<![=!<>]) (>=|<|>|==) (\d[\d.]*)", rule.expr)):
        flipped = {">=": "<", ">": "<", "<": ">", "==": "!="}[match[1]]
        expr = f"{rule.expr[: match.start(1)]}{flipped}{rule.expr[match.end(1) :]}"
        # A guard against division by zero has no effect of its own.
        if float(match[2]):
            yield f"expr-{index}", dataclasses.replace(rule, expr=expr)
    if rule.observed:
        yield "unobserved", dataclasses.replace(rule, observed="")
    if rule.order_by and any(len(each.sentences) > 1 for each in rule.proofs):
        yield "unsorted", dataclasses.replace(rule, order_by="", operator=">")


@pytest.mark.slow
def test_a_mutated_insight_fails_its_proofs(program):
    mutants = [
        dataclasses.replace(mutant, name=f"{rule.name}__{kind}")
        for rule in all_rules()
        for kind, mutant in mutants_of(rule)
    ]
    outcomes = proof.run_proofs(mutants)
    assert len(outcomes) > 100
    assert [outcome.rule for outcome in outcomes if not outcome.problems] == []


def test_a_failing_proof_is_reported_at_its_position(program):
    text = TEXT.replace("of 1 in", "of 2 in").replace("': 9,", "': 3,")
    (outcome,) = proof.run_proofs([rule_of(text)])
    assert [str(problem) for problem in outcome.problems] == [
        f"insights/idle_workers.yaml:{place}: error: idle_workers says: a has 1 processors for a load of {load} in "
        "24 hours. [proof]"
        for place, load in (("14:11", 1), ("16:13", 3))
    ]


def test_a_query_that_prometheus_refuses_is_reported_at_the_proof_and_costs_no_other_rule(program):
    refused = rule_of(
        TEXT.replace(
            "max by (instance) (max_over_time(node_load1[$range]))", "node_load1 * on () node_cpu_seconds_total"
        ).replace(
            'cpu="0", mode="idle"}\': 1}\n    says',
            'cpu="0", mode="idle"}\': 1, \'node_load1{instance="b"}\': 1}\n    says',
        ),
        "refused",
    )
    first, second = proof.run_proofs([refused, rule_of(TEXT)])
    assert "Prometheus refuses the query" in str(first.problems[0])
    assert "insights/refused.yaml:13" in str(first.problems[0])
    assert second.problems == ()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("benefit: cost", "benefit: costs", "3:10: error: unknown value 'costs' (did you mean cost?)"),
        ("insight: Idle", "insights: Idle", "1:1: error: unknown key insights (did you mean insight?)"),
        ("{{cpus}}", "{{cpu}}", "9:31: error: the sentence has no field cpu (did you mean cpus?) [insight]"),
        ("(node_load1[", "(node_laod1[", "4:40: error: no metric is called node_laod1 (did you mean node_load1?"),
        ("each: [instance]", "each: [instanec]", "no field instance"),
        ("by (instance) (max_over_time", "by (instance) (max_over_tim", "4:26: error: "),
        ('mode="idle"})\', unit', 'mode="idle"}\', unit', "8:44: error: "),
        ("below: 5\n", "", "4:7: error: nothing is compared (add above or below, or a comparison) [insight]"),
        ("below: 5", "below: 5m", "5:8: error: a duration fits the unit seconds, not count"),
        ("unit: count\neach", "unit: count\norder_by: cpu\neach", "7:11: error: cpu is not in values (did you mean"),
        ("unit: count\neach", "unit: count\nobserved: sum(up)\neach", "7:11: error: expected one selector"),
        ("silent: true", "says: a.", "13:3: error: of the proofs, none is silent (a rule needs one of each kind)"),
        ("'node_load1{instance=\"a\"}': 1", "'sum(node_load1)': 1", "13:12: error: 'sum(node_load1)' is not the name"),
        ("in {{range}}.", "in {{range}}", "9:11: error: "),
        ("values: {cpus", "values: {value", "8:10: error: 'value' is not a name such as peak"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_at_its_place(before, after, expected, catalog):
    assert before in TEXT
    found = problems_of(TEXT.replace(before, after), catalog)
    assert any(expected in text for text in found), found
    assert len(found) <= 3


def test_a_label_that_no_metric_has_is_reported(catalog):
    text = TEXT.replace("each: [instance]", "each: [instance, nam]")
    (found,) = problems_of(text, catalog)
    assert found.startswith("insights/idle_workers.yaml:7:18: error: no metric in the expression has a label nam")


def test_insights_of_a_project_replace_shipped_ones_and_can_be_off(tmp_path):
    (tmp_path / "insights").mkdir()
    (tmp_path / "deckwatch.yaml").write_text("insights: {off: [container_restarts]}\n")
    (tmp_path / "insights" / "container_idle.yaml").write_text(TEXT)
    rule_set = read.load_rules(load_project(tmp_path, plugins.schema_fragments()))
    assert rule_set.problems == []
    assert rule_set.rules["container_idle"].title == "Idle workers"
    assert "container_restarts" not in rule_set.rules
    assert len(rule_set.rules) == len(SHIPPED) - 1


def test_limits_are_those_that_a_project_sets(tmp_path):
    (tmp_path / "deckwatch.yaml").write_text(
        "insights: {set: {postgres_unused_index: 100MiB, container_throttled: 50%}}\n"
        "build: {set: {postgres.connections_used.high: 60%, containers.throttled.high: 30%}}\n"
    )
    rule_set = read.load_rules(load_project(tmp_path, plugins.schema_fragments()))
    assert rule_set.problems == []
    limits = {name: rule.limit for name, rule in rule_set.rules.items() if rule.adjusted}
    # The name of the insight goes before that of the signal.
    assert limits == {"postgres_unused_index": 100 << 20, "postgres_connections": 0.6, "container_throttled": 0.5}
    assert not any(rule.proofs for rule in rule_set.rules.values() if rule.adjusted)
    assert "> 0.6" in queries.build_condition(rule_set.rules["postgres_connections"], 86400)


def test_the_limit_of_a_shipped_insight_is_the_shipped_threshold_that_it_names(tmp_path):
    signals = named_query.load_vocabulary(Project(tmp_path)).signals
    rules = [rule for rule in read.load_rules(Project(tmp_path)).rules.values() if rule.threshold]
    assert len(rules) >= 5
    assert list(find_threshold_problems(rules, signals)) == []
    for rule in rules:
        signal, _, word = rule.threshold.rpartition(".")
        assert rule.limit == signals[signal].thresholds[word], rule.name


def test_wrong_limits_are_reported_at_once(tmp_path):
    (tmp_path / "insights").mkdir()
    text = TEXT.replace("unit: count\neach", "threshold: host.laod.high\nunit: count\neach", 1)
    assert "threshold" in text
    (tmp_path / "insights" / "own.yaml").write_text(text)
    (tmp_path / "deckwatch.yaml").write_text(
        "insights:\n  set: {container_idel: 1, postgres_unused_index: 5m, postgres_connections: 60, target_empty: 3}\n"
    )
    project = load_project(tmp_path, plugins.schema_fragments())
    problems = [str(each).removeprefix(f"{tmp_path}/") for each in read.load_rules(project).problems]
    assert problems == [
        "deckwatch.yaml:2:9: error: no insight is called container_idel (did you mean container_idle?) [input]",
        "deckwatch.yaml:2:51: error: a duration fits the unit seconds, not bytes [insight]",
        "deckwatch.yaml:2:55: warning: 60 of a ratio is 6000% (did you mean 60%?) [input]",
        "deckwatch.yaml:2:81: error: the limit of target_empty is in its expression and cannot be set [input]",
    ]
    signals = named_query.load_vocabulary(Project(tmp_path / "none")).signals
    (found,) = find_threshold_problems([read.load_own_rules(project).rules["own"]], signals)
    assert "no threshold is called host.laod.high (did you mean host.load.high?)" in str(found)


def test_every_mistake_in_the_folder_is_reported_and_the_rest_is_kept(tmp_path):
    (tmp_path / "insights").mkdir()
    (tmp_path / "deckwatch.yaml").write_text("insights: {off: [container_idel]}\n")
    for name, text in (("good", TEXT), ("Bad Name", TEXT), ("broken", "a: ["), ("empty", ""), ("list", "[1]")):
        (tmp_path / "insights" / f"{name}.yaml").write_text(text)
    rule_set = read.load_own_rules(load_project(tmp_path, plugins.schema_fragments()))
    assert list(rule_set.rules) == ["good"]
    files = {problem.place.file.removeprefix(f"{tmp_path}/") for problem in rule_set.problems}
    assert files == {f"insights/{name}.yaml" for name in ("Bad Name", "broken", "empty", "list")} | {"deckwatch.yaml"}
    assert "no insight is called container_idel (did you mean container_idle?)" in str(rule_set.problems[-1])


def test_a_subject_without_a_field_is_not_mentioned():
    rule = rule_of(TEXT)
    found = [({"instance": "a"}, 1.0), ({"instance": "b"}, 2.0)]
    insights = build_insights(rule, found, {"cpus": [({"instance": "b"}, 4.0)]}, 86400)
    assert [insight.text for insight in insights] == ["b has 4 processors for a load of 2 in 24 hours."]


def test_the_furthest_beyond_the_limit_comes_first():
    found = [({"instance": name}, value) for name, value in (("a", 3.0), ("b", 1.0), ("c", 4.0))]
    values = {"cpus": [({"instance": name}, number) for name, number in (("a", 2.0), ("b", 4.0), ("c", 8.0))]}

    def order(rule):
        return [
            insight.labels["instance"] for insight in sort_insights(rule, build_insights(rule, found, values, 3600))
        ]

    rule = rule_of(TEXT)
    assert order(rule) == ["b", "a", "c"]
    assert order(dataclasses.replace(rule, operator=">")) == ["c", "a", "b"]
    assert order(dataclasses.replace(rule, order_by="cpus")) == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (86400, "present_over_time(up[2h24m] offset 21h36m)"),
        (600, "present_over_time(up[5m] offset 5m)"),
        (60, "present_over_time(up[30s] offset 30s)"),
        (7 * 86400, "present_over_time(up[16h48m] offset 6d7h12m)"),
    ],
)
def test_what_is_observed_exists_since_the_beginning_of_the_range(seconds, expected):
    rule = dataclasses.replace(rule_of(TEXT), observed="up")
    assert queries.build_condition(rule, seconds).endswith(f"< 5 and on (instance) {expected}")


def test_a_comment_at_the_end_of_an_expression_ends_with_its_line(program):
    text = TEXT.replace("expr: max by (instance) (max_over_time(node_load1[$range]))", "expr: |-\n  node_load1 # now")
    rule = rule_of(text)
    assert rule.expr.endswith("# now")
    assert proof.run_proofs([rule])[0].problems == ()


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (9.04 * 86400, "seconds", "9 days"),
        (86400, "seconds", "24 hours"),
        (90, "seconds", "90 seconds"),
        (1, "seconds", "1 second"),
        (0.2, "seconds", "200 ms"),
        (0.195, "ratio", "19.5 %"),
        (0.99995, "ratio", "99.995 %"),
        (0.999953, "ratio", "99.9953 %"),
        (0.9975, "ratio", "99.75 %"),
        (0.993, "ratio", "99.3 %"),
        (1.0, "ratio", "100 %"),
        (1 - 1e-15, "ratio", "100 %"),
        (2.5, "ratio", "250 %"),
        (7.004, "count", "7"),
        (1728.3, "count", "1,728"),
        (1.5, "count", "1.5"),
        (0.0, "count", "0"),
        (3 * 2**30, "bytes", "3 GiB"),
        (1e9, "timestamp", "2001-09-09"),
        (1e30, "timestamp", "1e+30"),
        (12.5, "eur", "12.5 €"),
    ],
)
def test_values_are_written_as_in_a_sentence(value, unit, expected):
    assert wording.format_quantity(value, unit) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\x1b[2J\u2028c", "a b [2J c"),
        ("", "?"),
        ("x" * 300, "x" * 119 + "…"),
        ("<b>&", "<b>&"),
        ("{{range}}", "{{range}}"),
    ],
)
def test_a_label_is_one_short_line_and_not_a_template(text, expected):
    assert wording.format_label(text) == expected
    assert wording.fill_sentence("{{ name }}.", {"name": wording.format_label(text), "range": "1"}) == f"{expected}."


def test_promtools_output_is_parsed_with_all_escapes():
    part = "idle_workers|0|"
    text = (
        f'got:{{{queries.PART}="{part}", name="a\\"b\\\\\\n\\u00a0é{{}}, 1"}} 1.5E+00, {{{queries.PART}="{part}"}} +Inf'
    )
    found, failures = proof.parse_output(text)
    assert found == {part: [({"name": 'a"b\\\n\u00a0é{}, 1'}, 1.5), ({}, float("inf"))]}
    assert failures == {}
