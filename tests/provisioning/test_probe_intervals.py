"""`interval:` and `timeout:` of a probe: the labels of its target, and what `check` says about them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core import yaml_file
from deckwatch.core.problems import InvalidInput
from deckwatch.core.project import Project
from deckwatch.provisioning import probe_intervals, stack

BUILD = "build: {include: [application, health, alerts/, dashboards/]}\n"


@pytest.mark.parametrize(
    ("build", "keys", "labels"),
    [
        ("15s", {}, None),
        ("15s", {"timeout": "9s"}, None),
        ("15s", {"timeout": "9500ms"}, ("15s", "11s")),
        ("15s", {"timeout": "12s"}, ("15s", "13s")),
        ("15s", {"interval": "1m"}, ("60s", "10s")),
        ("15s", {"interval": "1m", "timeout": "30s"}, ("60s", "31s")),
        ("15s", {"interval": "2s", "timeout": "500ms"}, ("2s", "2s")),
        ("5s", {"timeout": "4s"}, None),
        ("1m", {"timeout": "20s"}, ("60s", "21s")),
    ],
)
def test_labels(build, keys, labels):
    project = Project(Path(), yaml_file.parse_yaml(f"build: {{scrape_interval: {build}}}", "deckwatch.yaml"))
    expected = {} if labels is None else dict(zip(("__scrape_interval__", "__scrape_timeout__"), labels, strict=True))
    assert probe_intervals.scrape_labels(project, {"service": "a", "tcp": "a:1", **keys}) == expected


def check(tmp_path, *entries):
    probes = "".join(f"    - {entry}\n" for entry in entries)
    for folder in ("alerts", "dashboards"):
        (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / "deckwatch.yaml").write_text(f"{BUILD}watch:\n  probes:\n{probes}")
    try:
        built = stack.build(_project.load_project(tmp_path, keep_invalid=True))
    except InvalidInput as error:
        return [f"{each.place.line}:{each.place.column} {each.severity} {each.one_sentence}" for each in error.problems]
    assert yaml.safe_load(built.plan.file_text("prometheus/targets/blackbox.yaml"))
    return [f"{each.place.line}:{each.place.column} {each.severity} {each.one_sentence}" for each in built.warnings]


def test_an_interval_that_fits_is_no_problem(tmp_path):
    assert check(tmp_path, "{service: a, tcp: 'a:1', interval: 150s, timeout: 60s}") == []


def test_an_interval_of_which_one_lost_scrape_matters_is_a_warning(tmp_path):
    [problem] = check(tmp_path, "{service: a, tcp: 'a:1', interval: 4m}")
    assert problem.startswith("4:42 warning ")
    assert "reads the last 5m of probe_success, in which one lost scrape leaves no sample" in problem
    assert "at most 150s" in problem


def test_an_interval_that_leaves_no_sample_is_an_error(tmp_path):
    [problem] = check(tmp_path, "{service: a, tcp: 'a:1'}", "{service: b, tcp: 'b:1', interval: 10m}")
    assert problem.startswith("5:42 error ")
    assert "in which an interval of 600 s leaves no sample" in problem


def test_a_shorter_window_of_an_own_rule_counts_for_the_probes_that_it_reads(tmp_path):
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts/shop.yaml").write_text(
        "owner: ops\nalerts:\n  ShopSlow:\n"
        "    expr: max_over_time(probe_duration_seconds{service='shop'}[1m])\n    above: 2\n"
        "    for: 1m\n    severity: warning\n    summary: Slow.\n    means: x\n    do: [look]\n    proof:\n"
        "      - give: {'probe_duration_seconds{service=\"shop\"}': [{value: 5, for: 10m}]}\n        fires: 5m\n"
        "      - give: {'probe_duration_seconds{service=\"shop\"}': 1}\n        silent: true\n"
    )
    found = check(tmp_path, "{service: shop, tcp: 'a:1', interval: 2m}", "{service: till, tcp: 'b:1', interval: 2m}")
    [problem] = [each for each in found if "ShopSlow" in each]
    assert problem.startswith("4:45 error ")
    assert "the last 1m of probe_duration_seconds" in problem


@pytest.mark.parametrize(
    ("keys", "place"), [("interval: 5s, timeout: 5s", "4:42"), ("timeout: 15s", "4:41"), ("interval: 5s", "4:42")]
)
def test_a_probe_that_cannot_end_within_its_interval_is_an_error(tmp_path, keys, place):
    [problem] = check(tmp_path, f"{{service: a, tcp: 'a:1', {keys}}}")
    assert problem.startswith(f"{place} error ")
    assert "s at most does not end within an interval of" in problem


def test_panels_know_the_interval_of_probes(tmp_path):
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards/own.yaml").write_text(
        "dashboard: Own\nrows:\n  - row: Probes\n    panels:\n"
        "      - {lines: 'avg_over_time(probe_success[1m])', title: Up}\n"
        "      - {lines: 'avg_over_time(node_load1[1m])', title: Load}\n"
    )
    found = check(tmp_path, "{service: a, tcp: 'a:1', interval: 2m}")
    [problem] = [each for each in found if "avg_over_time over 1m" in each]
    assert "the scrape interval is 120 s" in problem
