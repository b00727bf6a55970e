"""`deckwatch stats` on a real Prometheus with a week of samples: each value beside a PromQL query of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
MARKUP = '<b onclick="x()">&=cmd|1</b>'
PROJECT = """\
watch:
  probes: [{service: shop, http: 'http://shop.example/health'}]
scrape: [{service: shop, url: 'http://127.0.0.1:8000/metrics'}]
objectives:
  shop-available: {service: shop, target: 99.5%, over: 7d}
"""
OWN = """\
dashboard: Memory
about: How much memory does each container use?
rows:
  - - stat: containers.memory
      title: Memory
      by: [name]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "deckwatch.yaml").write_text(PROJECT)
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "memory.yaml").write_text(OWN)
    return tmp_path


def run(project: Path, *words: str, **environment: str) -> str:
    argv = [DECKWATCH, "stats", *words]
    settings = {"COLUMNS": "80", "LC_ALL": "C.UTF-8"} | environment
    done = subprocess.run(argv, capture_output=True, cwd=project, check=False, env=settings)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_every_value_is_that_of_an_independent_query(week, project):
    started = time.time()
    found = json.loads(run(project, "show", "--format", "json", "--prometheus", week.url, "--range", "1d"))
    values = {(each["dashboard"], each["name"]): each["value"] for each in found}
    assert {each["dashboard"] for each in found} == {
        *("Alerts", "Application", "Capacity", "Containers", "Database", "Health"),
        *("Host", "Memory", "Monitoring", "Objectives", "On call", "Overview"),
    }
    for key, query in {
        ("Host", "CPU web-1"): '1 - rate(node_cpu_seconds_total{mode="idle",instance="web-1"}[4m])',
        ("Host", "Cores db-1"): 'count(node_cpu_seconds_total{mode="idle",instance="db-1"})',
        ("Host", "Fullest disk web-1"): "max(1 - node_filesystem_avail_bytes / node_filesystem_size_bytes)",
        ("Application", "Requests shop"): "sum(rate(http_requests_total[4m]))",
        (
            "Application",
            "Errors shop",
        ): 'sum(rate(http_requests_total{code="500"}[4m])) / sum(rate(http_requests_total[4m]))',
        ("Application", "Unreachable"): "count(probe_success == 0) or vector(0)",
        ("Containers", "Total memory"): "sum(container_memory_working_set_bytes)",
        ("Database", "Reachable shop-db"): "pg_up",
        ("Database", "Size shop-db"): "sum(pg_database_size_bytes)",
        ("Objectives", "Success ratio shop-available shop"): "objective:good:ratio",
        (
            "Objectives",
            "Error budget left shop-available shop",
        ): "1 - (1 - objective:good:ratio) / objective:budget:ratio",
        ("Overview", "Firing"): 'count(ALERTS{alertstate="firing"})',
        ("Memory", f"Memory {MARKUP}"): f"container_memory_working_set_bytes{{name={json.dumps(MARKUP)}}}",
    }.items():
        [expected] = week.query(query, at=started).values()
        assert values[key] == pytest.approx(expected, rel=0.02), key
    [cpu] = [each for each in found if (each["dashboard"], each["name"]) == ("Host", "CPU web-1")]
    assert len(cpu["past"]) == 25
    assert max(cpu["past"]) > 4 * min(cpu["past"])


def test_the_summary_fits_80_columns_and_is_plain(week, project):
    printed = run(project, "summary", "--prometheus", week.url, "--range", "7d")
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in printed
    [disk] = [line for line in lines if line.startswith("  Fullest disk web-1")]
    assert float(disk.split()[3]) == pytest.approx(64, abs=0.5)
    assert any(line.startswith("  Error budget left") and "critical" in line for line in lines)
    ascii_only = run(project, "summary", "--prometheus", week.url, PYTHONIOENCODING="ascii")
    assert ascii_only.isascii()


def test_the_page_is_one_escaped_file(week, project):
    target = project / "stats.html"
    printed = run(project, "dashboard", "--prometheus", week.url)
    assert printed.startswith("stats.html: ")
    text = target.read_text()
    assert MARKUP not in text
    assert "&lt;b onclick=" in text
    assert "<script" not in text
    assert "http://" not in text
    assert "https://" not in text
    assert len(text) < 200_000
    run(project, "dashboard", "--prometheus", week.url)  # its own file is replaced
    assert [path.name for path in project.glob(".*stats*")] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_has_no_barrier_and_fits_a_phone(week, project, browser, scheme):
    run(project, "dashboard", "--prometheus", week.url)
    for size in ((375, 812), (820, 1180), (1280, 900)):
        browser.open((project / "stats.html").as_uri(), size, scheme=scheme)
        assert browser.violations() == []
        assert browser.overflow() == (0, [])


def test_watching_survives_a_prometheus_that_is_away_and_ends_with_ctrl_c(remembering, project):
    now = time.time() // 60 * 60
    prometheus = remembering([("up", [(now - 600 + 60 * step, 1.0) for step in range(40)])])
    argv = [DECKWATCH, "stats", "show", "Overview", "--watch", "--interval", "1", "--prometheus", prometheus.url]
    environment = {"LC_ALL": "C.UTF-8"}
    with subprocess.Popen(argv, cwd=project, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None

        def read_until(text: str) -> None:
            assert process.stdout is not None
            while text not in (line := process.stdout.readline()):
                assert line, "it ended"

        for _ in range(2):
            read_until("every 1 s, ")
        prometheus.program.stop()
        read_until("does not answer: connection refused")
        os.kill(process.pid, signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 0
    assert "Traceback" not in rest
    assert "\x1b" not in rest


def test_a_system_without_data_says_so(remembering, project):
    now = time.time() // 60 * 60
    url = remembering([("up", [(now - 600 + 60 * step, 1.0) for step in range(20)])]).url
    printed = run(project, "summary", "--prometheus", url)
    assert "Database: no data" in printed
    assert "no data" in run(project, "show", "host", "--prometheus", url)
