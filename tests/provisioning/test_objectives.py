"""A project with objectives: the files it adds, and the values that promtool computes from series."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path, PurePosixPath

import pytest
import yaml

from deckwatch.core import yaml_file
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
    return stack.build(Project(Path(), yaml_file.parse_yaml(text, FILE)))


@pytest.fixture(scope="module")
def project() -> stack.Built:
    return build(PROJECT)


def paths(bundle: stack.Built) -> set[str]:
    return {file.path for file in bundle.plan.list_files() if "bjective" in file.path}


def test_objectives_are_included_only_if_the_project_has_some(project) -> None:
    assert project.warnings == []
    added = paths(project)
    assert {"grafana/dashboards/deckwatch/objectives.json", "runbooks/ObjectiveBurnsFast.md"} <= added
    assert {f"prometheus/rules/objectives{end}.yaml" for end in ("", "_said", "_kept")} <= added
    assert paths(build("build: {include: [host]}\n" + PROJECT)) == added
    assert paths(build("teams: {}")) == set()


def test_month_panels_show_whole_months_for_any_time_range(project) -> None:
    panels = json.loads(project.plan.file_text("grafana/dashboards/deckwatch/objectives.json"))["panels"]
    times = {one["title"]: (one["timeFrom"], one.get("timeShift")) for one in panels if "timeFrom" in one}
    assert times == {
        "This month": ("now/M", None),
        "Last month": ("now/M", "1M/M"),
        "The month before": ("now/M", "2M/M"),
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
