"""Insights from a real Prometheus: every value in a sentence is computed once more, from the samples themselves."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from deckwatch.core import yaml_file
from deckwatch.core.project import Project
from deckwatch.provisioning.insights import find, read
from deckwatch.provisioning.insights.model import Quantity
from deckwatch.provisioning.prometheus import Prometheus

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
WEEK = 7 * 86400
MARKUP = '<b onclick="x()">&=cmd|1</b>'
FOUND = ["host_filesystem_full", "objective_missed", "container_dominant", "container_memory_unused"]
OWN = """\
insight: Mine
severity: critical
benefit: cost
expr: {expr}
above: 0
unit: count
each: [{each}]
sentence: "{{{{{each}}}}} has {{{{value}}}}."
reason: Mine.
do: [Look.]
proof: [{{give: {{}}, silent: true}}, {{give: {{up: 1}}, says: "x."}}]
"""


def samples_of(week, selector, at):
    """Return the samples of the one series of a selector in the week before a time."""
    (series,) = week.get("query", query=f"{selector}[7d]", time=at)["result"]
    return [(float(when), float(value)) for when, value in series["values"]]


def slope_of(points):
    """Return the slope of the line through points by least squares."""
    first = points[0][0]
    count = len(points)
    mean_x = sum(when - first for when, _ in points) / count
    mean_y = sum(value for _, value in points) / count
    above = sum((when - first - mean_x) * (value - mean_y) for when, value in points)
    return above / sum((when - first - mean_x) ** 2 for when, _ in points)


def increase_of(points):
    """Return by how much a counter grew, across resets."""
    values = [value for _, value in points]
    return sum(after - before if after >= before else after for before, after in itertools.pairwise(values))


@pytest.fixture
def findings(week):
    server = Prometheus(week.url)
    rules = read.load_rules(Project(Path("/nowhere"))).rules.values()
    at = time.time()
    try:
        return at, find.find_insights(server.query_at, rules, at, WEEK)
    finally:
        server.close()


def test_the_values_in_sentences_are_those_of_the_samples(week, findings):
    at, found = findings
    assert found.faults == {}
    by_rule = {insight.rule: insight for insight in found.insights}
    assert list(by_rule) == FOUND
    assert [insight.severity for insight in found.insights] == ["error", "error", "info", "info"]

    memory = by_rule["container_memory_unused"]
    peak = max(value for _, value in samples_of(week, 'container_memory_working_set_bytes{name="oversized"}', at))
    limit = samples_of(week, 'container_spec_memory_limit_bytes{name="oversized"}', at)[-1][1]
    assert memory.labels == {"instance": "web-1", "name": "oversized"}
    assert memory.value == pytest.approx(peak / limit)
    assert memory.values == {"memory_limit": limit, "unused": limit - peak}
    assert memory.text == (
        f"oversized on web-1 never used more than {100 * peak / limit:.3g} % of its memory limit of 2 GiB in the last "
        f"7 days; {(limit - peak) / 2**30:.3g} GiB were never needed."
    )

    disk = by_rule["host_filesystem_full"]
    points = samples_of(week, 'node_filesystem_avail_bytes{instance="web-1"}', at)
    left = points[-1][1] / -slope_of(points)
    assert disk.value == pytest.approx(left, rel=1e-6)
    assert disk.text.startswith(f"/ on web-1 will be full in {left / 86400:.0f} days at the rate of the last 7 days; ")
    assert f"; {points[-1][1] / 2**30:.3g} GiB are free." in disk.text
    assert round(left / 86400) == 9

    dominant = by_rule["container_dominant"]
    containers = ("oversized", "shop", "shop-db", MARKUP)
    used = {
        name: increase_of(samples_of(week, f"container_cpu_usage_seconds_total{{name={json.dumps(name)}}}", at))
        for name in containers
    }
    assert dominant.labels["name"] == "oversized"
    assert dominant.value == pytest.approx(used["oversized"] / sum(used.values()), rel=1e-3)
    assert f"oversized used {100 * dominant.value:.3g} % of the CPU time of all containers on web-1" in dominant.text

    missed = by_rule["objective_missed"]
    good = samples_of(week, "objective:good:ratio", at)[-1][1]
    budget = samples_of(week, "objective:budget:ratio", at)[-1][1]
    assert missed.value == pytest.approx((1 - good) / budget)
    assert missed.text == (
        f"shop-available is missed: {100 * good:.1f} % over 7 days, with a target of {100 * (1 - budget):.1f} %. "
        f"It has used {100 * (1 - good) / budget:.0f} % of its error budget."
    )


def test_all_insights_take_few_queries_and_each_can_be_pasted(week, findings):
    at, found = findings
    assert found.queries <= 12
    for insight in found.insights:
        values = week.query(insight.query, at)
        assert values[tuple(sorted(insight.labels.items()))] == insight.value


def rule_of(name, expr, each):
    document = yaml_file.parse_yaml(OWN.format(expr=json.dumps(expr), each=each), f"insights/{name}.yaml")
    rule, problems = read.read_rule(document)
    assert problems == []
    return rule


def test_a_rule_that_prometheus_refuses_costs_no_other_its_result(week):
    refused = rule_of("refused", "node_load1 * on () up", "instance")
    rules = [rule_of(f"good_{number}", f"count by (instance) (up) + {number}", "instance") for number in range(9)]
    server = Prometheus(week.url)
    found = find.find_insights(server.query_at, [*rules, refused], time.time(), WEEK)
    assert list(found.faults) == ["refused"]
    assert "many-to-many" in found.faults["refused"] or "duplicate series" in found.faults["refused"]
    assert {insight.rule for insight in found.insights} == {rule.name for rule in rules}


def test_a_field_that_prometheus_refuses_is_a_fault_of_its_rule(week):
    rule = rule_of("refused", "count by (instance) (up)", "instance")
    rule = replace(rule, values={"more": Quantity("node_load1 * on () up", "count")})
    found = find.find_insights(Prometheus(week.url).query_at, [rule], time.time(), WEEK)
    assert list(found.faults) == ["refused"]
    assert found.insights == []


def test_markup_and_values_that_are_no_numbers(week):
    markup = rule_of("markup", 'max by (name) (container_memory_working_set_bytes{name=~"<.*"}) > 0', "name")
    infinite = rule_of("infinite", "sum by (instance) (up) / 0", "instance")
    constant = rule_of("constant", "label_replace(vector(-1), 'instance', 'a', '', '')", "instance")
    server = Prometheus(week.url)
    found = find.find_insights(server.query_at, [markup, infinite, constant], time.time(), WEEK)
    assert [(insight.rule, insight.labels["name"]) for insight in found.insights] == [("markup", MARKUP)]
    assert found.insights[0].text.startswith(f"{MARKUP} has ")
    assert (found.faults, found.unmeasured) == ({}, [])


def test_subjects_beyond_the_limit_are_counted(week):
    rule = rule_of("many", "count by (name) (container_memory_usage_bytes)", "name")
    found = find.find_insights(Prometheus(week.url).query_at, [replace(rule, shown=3)], time.time(), WEEK)
    assert len(found.insights) == 3
    assert found.omitted == {"many": 1}


def run(*words, folder):
    return subprocess.run(
        [DECKWATCH, "insights", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_command(week, tmp_path):
    (tmp_path / "deckwatch.yaml").write_text(f"addresses: {{prometheus: {week.url!r}}}\n")
    text = run(folder=tmp_path)
    assert text.returncode == 0
    count = len(read.load_rules(Project(Path("/nowhere"))).rules)
    (line,) = text.stderr.splitlines()
    assert re.match(rf"not measured here, \d+ of {count} insights: alert_unacknowledged, container_\w+, \w+, …$", line)
    assert max(map(len, text.stdout.splitlines())) <= 80
    assert "error File systems that will be full\n  - / on web-1 will be full in 9 days" in text.stdout
    assert "\x1b" not in text.stdout
    listed = json.loads(run("--format", "json", folder=tmp_path).stdout)
    assert listed["covered"] > 0.99
    assert {"postgres_table_bloat", "probe_certificate"} <= set(listed["unmeasured"])
    assert not {"container_memory_near_limit", "alert_noisy", "target_unreliable"} & set(listed["unmeasured"])
    assert [each["name"] for each in listed["insights"]] == FOUND
    managed = json.loads(run("--for", "management", "--format", "json", folder=tmp_path).stdout)
    assert [each["name"] for each in managed["insights"]] == FOUND[:3]
    one = run("objective_missed", "--queries", folder=tmp_path)
    assert "File systems" not in one.stdout
    query = one.stdout.partition("  Query:\n")[2]
    assert list(week.query(query)) == [(("objective", "shop-available"), ("service", "shop"))]


def test_a_prometheus_younger_than_the_range(remembering, tmp_path):
    end = int(time.time())
    labels = '{job="cadvisor",instance="web-1",name="shop"}'
    times = range(end - 3 * 3600, end + 600, 60)
    server = remembering(
        [
            (f"container_memory_working_set_bytes{labels}", [(at, 1e8) for at in times]),
            (f"container_spec_memory_limit_bytes{labels}", [(at, 1e9) for at in times]),
            ('up{job="cadvisor",instance="web-1"}', [(at, 1.0) for at in times]),
        ]
    )
    week = run("--prometheus", server.url, folder=tmp_path)
    assert week.stdout == "nothing found that should be changed\n"
    assert "Prometheus has samples for 2 % of the last 7d; what needs all of it is not found" in week.stderr
    hours = run("--prometheus", server.url, "--range", "2h", folder=tmp_path)
    assert "shop on web-1 never used more than 10 % of its memory limit" in " ".join(hours.stdout.split())
    assert hours.stderr.startswith("not measured here, ")
    pid = server.program.process.pid
    while child := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(child[0])
    os.kill(pid, signal.SIGSTOP)  # it accepts connections and never answers
    try:
        stopped = run("--prometheus", server.url, "--timeout", "0.3", folder=tmp_path)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert "does not answer" in stopped.stderr


def test_nobody_answers(tmp_path):
    ran = run("--prometheus", "http://127.0.0.1:9", folder=tmp_path)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "deckwatch: http://127.0.0.1:9 does not answer: connection refused\n"
