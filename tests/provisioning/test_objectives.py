"""A project with objectives: the files it adds, and the values that promtool computes from series."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path, PurePosixPath

import pytest
import yaml

from deckwatch.core import yaml_file
from deckwatch.core.problems import InvalidInput
from deckwatch.core.project import FILE, Project
from deckwatch.provisioning import stack

PROJECT = """\
objectives:
  shop-available: {service: shop, target: 99.9%}
  shop-fast: {service: shop, target: 99%, slower_than: 1s}
  shop-slow: {service: shop, target: 99%, slower_than: 3s}
  shop-up: {service: shop, target: 99.5%, bad: down, over: 7d}
  quiet: {service: stock, target: 99%}
  ghost: {service: ghost, target: 99%}
  orders:
    service: shop
    target: 0.98
    bad: rate(http_requests_total{handler="/buy", code="500"}[5m])
    of: rate(http_requests_total{handler="/buy"}[5m])
"""
SERIES = {
    'http_requests_total{service="shop", handler="/", code="200"}': "0+135x80",  # 9 a second
    'http_requests_total{service="shop", handler="/buy", code="200"}': "0+12x80",
    'http_requests_total{service="shop", handler="/buy", code="500"}': "0+3x80",  # one in fifty, one in five of /buy
    'http_requests_total{service="stock", handler="/", code="200"}': "7+0x80",  # no requests
    'http_request_duration_seconds_count{service="shop"}': "0+100x80",
    'http_request_duration_seconds_bucket{service="shop", le="1.0"}': "0+75x80",  # no bucket for 3 s
    'http_request_duration_seconds_bucket{service="shop", le="+Inf"}': "0+100x80",
    'probe_success{service="shop", instance="a"}': "1x40 0x39",
}
ERRORS = {"shop-available": 0.02, "shop-fast": 0.25, "orders": 0.2}


def build(text: str) -> stack.Built:
    return stack.build(Project(Path("absent"), yaml_file.parse_yaml(text, FILE)))  # a folder without files


@pytest.fixture(scope="module")
def project() -> stack.Built:
    return build(PROJECT)


def paths(bundle: stack.Built) -> set[str]:
    return {file.path for file in bundle.plan.list_files() if "bjective" in file.path}


def test_objectives_are_included_only_if_the_project_has_some(project) -> None:
    assert project.warnings == []
    added = paths(project)
    assert {"grafana/dashboards/executive/objectives.json", "runbooks/ObjectiveBurnsFast.md"} <= added
    assert {f"prometheus/rules/objectives{end}.yaml" for end in ("", "_said", "_kept")} <= added
    assert paths(build("build: {include: [host]}\n" + PROJECT)) == added
    assert paths(build("teams: {}")) == set()


def test_month_panels_show_whole_months_for_any_time_range(project) -> None:
    panels = json.loads(project.plan.file_text("grafana/dashboards/executive/objectives.json"))["panels"]
    times = {one["title"]: (one["timeFrom"], one.get("timeShift")) for one in panels if "timeFrom" in one}
    assert times == {
        "This month": ("now/M", None),
        "Last month": ("now/M", "1M/M"),
        "Two months ago": ("now/M", "2M/M"),
    }
    for panel in (one for one in panels if one["title"] in times):
        assert all("[$__range" in target["expr"] and target["instant"] for target in panel["targets"])


def test_error_budgets_are_exact(project) -> None:
    text = project.plan.file_text("prometheus/rules/objectives_said.yaml")
    for share in ("0.001", "0.01", "0.005", "0.02"):
        assert f"vector({share})" in text


def test_promtool_computes_the_expected_values(need, project, tmp_path) -> None:
    promtool = need("promtool", get="apt-get install prometheus")
    files = [path for path in paths(project) if PurePosixPath(path).parent == PurePosixPath("prometheus/rules")]
    for path in files:
        (tmp_path / PurePosixPath(path).name).write_text(project.plan.file_text(path))
    names = sorted(path.name for path in tmp_path.iterdir())
    expected = {
        "objective:budget:ratio": {
            **dict.fromkeys(("shop-fast", "shop-slow", "quiet", "ghost"), 0.01),
            "shop-available": 0.001,
            "shop-up": 0.005,
            "orders": 0.02,
        },
        "round(objective:errors:ratio5m, 0.0001)": {**ERRORS, "shop-up": 1.0},
        'round(1 - objective:good:ratio{objective!="shop-up"}, 0.0001)': ERRORS,
        "objective:all:rate5m == 0": {"quiet": 0.0},
        '{__name__=~"objective:(good|errors):.*", objective=~"quiet|ghost|shop-slow"}': {},
        # NaN is not greater than anything.
        '{__name__=~"objective:.*"} unless on (__name__, objective) ({__name__=~"objective:.*"} >= -Inf)': {},
    }
    tests = {
        "rule_files": names,
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": name, "values": values} for name, values in SERIES.items()],
                "promql_expr_test": [
                    {
                        "expr": f"max by (objective) ({expr})",
                        "eval_time": "20m",
                        "exp_samples": [
                            {"labels": f'{{objective="{name}"}}', "value": value} for name, value in values.items()
                        ],
                    }
                    for expr, values in expected.items()
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(tests))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


# Two hours of ten requests a second; forty minutes of two, every second one fails and is slow; then as before.
INCIDENT_PROJECT = """\
objectives:
  available: {service: shop, target: 99.9%, over: 3h}
  fast: {service: shop, target: 99%, slower_than: 1s, over: 3h}
  own:
    service: shop
    target: 99%
    over: 3h
    bad: rate(http_requests_total{code="500"}[5m])
    of: rate(http_requests_total[5m])
"""
FAILED, WELL = "0+0x480 15+15x159 2400+0x160", "0+150x480 72015+15x159 74550+150x160"
ALL = "0+150x480 72030+30x159 76950+150x160"
INCIDENT = {
    'http_requests_total{service="shop", code="500"}': FAILED,
    'http_requests_total{service="shop", code="200"}': WELL,
    'http_request_duration_seconds_bucket{service="shop", le="1.0"}': WELL,
    'http_request_duration_seconds_bucket{service="shop", le="+Inf"}': ALL,
    'http_request_duration_seconds_count{service="shop"}': ALL,
    "failed": FAILED,
    "all": ALL,
}
# Three minutes after its start, in it, at its end, two minutes later, and half an hour later.
MOMENTS = ("123m", "140m", "160m", "162m", "190m")


def test_ratios_after_an_incident_are_those_of_the_events(need, tmp_path) -> None:
    """promtool counts the events itself: the rules agree within 1 % in and after an incident, over every window."""
    promtool = need("promtool", get="apt-get install prometheus")
    built = build(INCIDENT_PROJECT)
    names = [path for path in paths(built) if PurePosixPath(path).parent == PurePosixPath("prometheus/rules")]
    for path in names:
        (tmp_path / PurePosixPath(path).name).write_text(built.plan.file_text(path))

    def share(window: str) -> str:
        # The rules of another group are one evaluation old.
        failed, everything = (f"({name} offset 15s - {name} offset {window}15s)" for name in ("failed", "all"))
        return f"({failed} / {everything})"

    def agrees(expr: str, window: str) -> str:
        return f"count(abs({expr} / on () group_left () {share(window)} - 1) < 0.01)"

    checks = [
        (moment, agrees(f"objective:errors:ratio{window}", window))
        for moment in MOMENTS
        for window in ("30m", "1h", "2h")
        if (moment, window) != ("190m", "30m")  # nothing has failed then
    ]
    # The whole period is averaged: half of the last five minutes is missing, and nothing once the incident is over.
    checks += [("190m", agrees("(1 - objective:good:ratio)", "3h"))]
    # An average of ratios gives the quiet minutes of the incident the weight of busy ones.
    checks += [("190m", f"count(avg_over_time(objective:errors:ratio5m[3h]) > on () group_left () 3 * {share('3h')})")]
    tests = {
        "rule_files": sorted(PurePosixPath(path).name for path in names),
        "evaluation_interval": "15s",
        "group_eval_order": ["objectives", "objectives_said", "objectives_kept"],  # undefined by default
        "tests": [
            {
                "interval": "15s",
                "input_series": [{"series": name, "values": values} for name, values in INCIDENT.items()],
                "promql_expr_test": [
                    {"expr": expr, "eval_time": moment, "exp_samples": [{"labels": "{}", "value": 3}]}
                    for moment, expr in checks
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(tests))
    done = subprocess.run(
        [promtool, "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_fault_in_a_projects_own_promql_is_reported_once_at_its_place() -> None:
    text = (
        "objectives:\n  orders:\n    target: 99%\n"
        "    bad: rate(http_requests_total[5m]) - rate(http_request_total[5m])\n"
        "    of: rate(http_requests_total[5m]) + rate(http_requests_totl[5m])\n"
    )
    with pytest.raises(InvalidInput) as caught:
        build(text)
    places = [(problem.place.line, problem.place.column) for problem in caught.value.problems]
    assert places == [(4, 47), (5, 46)]
