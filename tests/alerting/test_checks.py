"""Every check finds what it is for, at its place, and leaves a right file alone."""

import pytest

from deckwatch.alerting import checks
from deckwatch.core import plugins

RIGHT = """\
owner: shop
dashboard: host
recordings:
  job:up:count:
    expr: count by (job) (up)
    about: Targets.
alerts:
  TargetsFew:
    expr: job:up:count
    below: 2
    for: 5m
    severity: warning
    each: [job]
    panel: CPU
    summary: There are few targets.
    means: Some are missing.
    do: [Look for them.]
    proof:
      - {give: [{value: 1, for: 10m}], fires: 5m}
      - {give: [{value: 2, for: 10m}], silent: true}
"""
PANELS = {"host": {"CPU": 7}}

CASES = [
    ("expression", [("expr: job:up:count\n", "expr: job:up:coun\n")], "9:11", "no metric is called job:up:coun"),
    ("expression", [("count by (job) (up)", "count by (job (up)")], "5:20", "not closed"),
    ("expression", [("count by (job) (up)", 'count by (job) (up{instnce="a"})')], "5:30", "up has no label instnce"),
    (
        "expression",
        [("count by (job) (up)", "count by (job) (rate(node_cpu_seconds_total[$__rate_interval]))")],
        "5:55",
        "$__rate_interval is a variable of Grafana",
    ),
    (
        "expression",
        [("expr: job:up:count\n", "expr: rate(node_cpu_seconds_total[$__rate_interval])\n")],
        "9:39",
        "$__rate_interval is a variable of Grafana",
    ),
    ("comparison", [("    below: 2\n", "")], "9:11", "TargetsFew has no comparison"),
    ("comparison", [("expr: job:up:count\n", "expr: job:up:count > 1\n")], "9:11", "already contains a comparison"),
    ("summary", [("There are few targets.", "there are few targets")], "15:14", "is not a sentence"),
    (
        "summary",
        [("Some are missing.", "'{{ $value }} are missing.'")],
        "16:12",
        "means of TargetsFew contains a template",
    ),
    (
        "template",
        [("    for: 5m\n", "    unit: '{{ x }}'\n    for: 5m\n")],
        "11:11",
        "unit of TargetsFew contains a template",
    ),
    ("prefix", [("owner: shop\n", "owner: shop\nprefix: Shop\n")], "9:3", "TargetsFew does not begin with Shop"),
    ("owner", [("owner: shop\n", "title: Shop\n")], "8:3", "TargetsFew has no owner"),
    ("patience", [("    for: 5m\n", "")], "8:3", "a single scrape would make TargetsFew fire"),
    ("patience", [("for: 5m\n", "for: 15s\n")], "11:10", "`for` of TargetsFew is shorter than two scrapes"),
    (
        "label",
        [("each: [job]", "each: [instance]")],
        "13:12",
        "TargetsFew has no label instance",
    ),
    (
        "label",
        [("each: [job]", "each: [job]\n    labels: {severity: x}")],
        "14:14",
        "the label severity is already set by",
    ),
    (
        "label",
        [("each: [job]", "each: [job]\n    labels: {now: '{{ $value }}'}")],
        "14:14",
        "the label now contains $value",
    ),
    (
        "label",
        [("each: [job]", "each: [job]\n    labels: {team: '{{ with $labels.job }}{{ . }}{{ end }}'}")],
        "14:14",
        "the label team may expand to nothing",
    ),
    (
        "proof",
        [("      - {give: [{value: 1, for: 10m}], fires: 5m}\n", "")],
        "18:5",
        "nothing proves that TargetsFew fires",
    ),
    ("proof", [("      - {give: [{value: 2, for: 10m}], silent: true}\n", "")], "18:5", "TargetsFew is silent"),
    ("proof", [("fires: 5m}", "fires: 5m10s}")], "19:47", "there is no sample at 310 s"),
    ("proof", [("value: 1, for: 10m", "value: 1, for: 20s")], "19:33", "there is no sample at 20 s"),
    ("proof", [("expr: job:up:count\n", "expr: job:up:count + job:up:count\n")], "19:10", "name each series"),
    (
        "proof",
        [("[{value: 1, for: 10m}]", "{'job:up:coun{job=\"a\"}': 1}")],
        "19:17",
        "no metric is called job:up:coun",
    ),
    ("proof", [("[{value: 1, for: 10m}]", "{'job:up:count{job=~\"a\"}': 1}")], "19:17", "not a pattern"),
    (
        "proof",
        [("[{value: 1, for: 10m}]", "{'job:up:count{job=\"a\"}': 1, 'job:up:count{job=\"b\"}': 1}")],
        "19:9",
        "different values of job",
    ),
    ("dashboard", [("dashboard: host", "dashboard: hosst")], "2:12", "no dashboard is called hosst"),
    ("dashboard", [("panel: CPU", "panel: GPU")], "14:12", "the dashboard host has no panel GPU"),
    ("dashboard", [("dashboard: host\n", "title: Shop\n")], "14:12", "names a panel but no dashboard"),
    ("pattern", [("count by (job) (up)", 'count by (job) (up{job=~"a"})')], "5:30", "'a' is not a pattern"),
    ("pattern", [("count by (job) (up)", 'count by (job) (up{job!~"^a.*$"})')], "5:30", "already"),
    ("fragile", [("expr: job:up:count\n", "expr: topk(3, job:up:count)\n")], "9:11", "returns different series"),
    (
        "dependency",
        [("  job:up:count:\n", "  job:up:double: {expr: 2 * job:up:count, about: Twice.}\n  job:up:count:\n")],
        "4:29",
        "is recorded after this rule",
    ),
    (
        "dependency",
        [("expr: job:up:count\n", "expr: sum by (service) (service:http_errors:ratio5m)\n"), ("[job]", "[service]")],
        "9:29",
        "service:http_errors:ratio5m is recorded in the topic application",
    ),
    (
        "unit",
        [("expr: job:up:count\n", "expr: node_memory_MemFree_bytes\n    unit: seconds\n")],
        "10:11",
        "the unit is bytes, not",
    ),
    (
        "unit",
        [("count by (job) (up)\n", "sum by (job) (node_boot_time_seconds)\n    unit: bytes\n")],
        "6:11",
        "seconds",
    ),
    (
        "short_window",
        [("count by (job) (up)", "count by (job) (rate(node_cpu_seconds_total[20s]))")],
        "5:32",
        "two samples",
    ),
    (
        "size",
        [("alerts:\n", "".join(f"  job:up{i}:count: {{expr: up, about: One.}}\n" for i in range(19)) + "alerts:\n")],
        "1:1",
        "has 21 rules, more than 20",
    ),
]


def text_of(pairs):
    text = RIGHT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_right_file_has_no_problems(alerting_of):
    assert alerting_of({"targets.yaml": RIGHT}, panels=PANELS).problem_lines() == []


@pytest.mark.parametrize(("check", "pairs", "place", "words"), CASES)
def test_a_fault_is_found_at_its_place(alerting_of, check, pairs, place, words):
    together = check == "dependency"  # with the shipped topics, whose dashboards are not known here
    built = alerting_of({"targets.yaml": text_of(pairs)}, shipped=together, panels=None if together else PANELS)
    lines = built.problem_lines()
    wanted = [line for line in lines if line.startswith(f"targets.yaml:{place}: ") and words in line]
    assert wanted, lines
    names = {line.rpartition("[")[2].rstrip("]") for line in wanted}
    assert names <= {check, "promql_syntax", "promql_metric", "promql_label"}


def test_every_check_is_tried_here():
    names, tried = set(plugins.module_names(checks)), {check for check, *_ in CASES}
    missing = [f'  ("{name}", [(OLD, NEW)], "LINE:COLUMN", TEXT),' for name in sorted(names - tried)]
    assert not missing, "\n".join(["tests/alerting/test_checks.py: add to CASES what each check reports:", *missing])
    assert tried == names


TEAMS = "teams: {shop: {slack: {channel: '#shop', url_file: /run/secrets/slack}}}\n"


@pytest.mark.parametrize(
    ("owner", "project", "wanted"),
    [
        ("shop", TEAMS, []),
        ("shopp", "", []),
        ("shopp", TEAMS + "routes: [{owner: shopp, to: shop}]\n", []),
        ("shopp", TEAMS, ["targets.yaml:1:8: error: no team is called shopp (did you mean shop?) [owner]"]),
    ],
)
def test_an_owner_is_a_team_where_there_are_teams(alerting_of, owner, project, wanted):
    text = text_of([("owner: shop", f"owner: {owner}")])
    assert alerting_of({"targets.yaml": text}, project, panels=PANELS).problem_lines() == wanted


def test_an_alert_may_belong_to_whom_a_shipped_one_does(alerting_of):
    text = text_of([("owner: shop", "owner: operations"), ("dashboard: host\n", ""), ("    panel: CPU\n", "")])
    assert alerting_of({"targets.yaml": text}, TEAMS, shipped=True).problem_lines() == []


def test_what_is_shipped_has_no_problems(shipped_alerting):
    assert shipped_alerting.problem_lines() == []
