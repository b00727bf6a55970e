"""Courses, changes, sales and sentences of `deckwatch report` on two weeks of samples, beside queries of their own."""

from __future__ import annotations

import json
import sys
import urllib.request
from datetime import datetime
from pathlib import Path

import pytest

from deckwatch.core import plugins, project
from deckwatch.provisioning.insights import read
from deckwatch.provisioning.insights.find import find_insights
from deckwatch.provisioning.program import Program, free_port
from deckwatch.provisioning.prometheus import Prometheus

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")


def increase(selector: str, by: str) -> str:
    """Return the increase of counters that are never reset, without `increase`."""
    return f"sum by ({by}) ({selector} - {selector} offset 7d)"


def test_peaks_and_lows_are_those_of_subqueries(report):
    labels = ("datname", "instance", "server", "service")
    rows = report.find_table("peaks", "peaks")["rows"]
    assert {row["figure"]["text"] for row in rows} == set(report.range_queries)
    for title, course in report.range_queries.items():
        for column, function in {"average": "avg", "peak": "max", "low": "min", "deviation": "stddev"}.items():
            expected = report.run_query(f"{function}_over_time(({course}){report.points})", labels)
            found = {row["where"]["text"]: row[column]["value"] for row in rows if row["figure"]["text"] == title}
            assert len(found) == len(expected)
            for key, value in expected.items():
                assert found[" ".join(part for part in key if part)] == pytest.approx(value, rel=1e-6), (title, column)


def test_changes_are_those_of_two_queries(fortnight, report):
    rows = {
        (row["figure"]["text"], row["where"]["text"]): row for row in report.find_table("changes", "changes")["rows"]
    }
    values = {}
    busy = f'max by (instance) (rate(node_cpu_seconds_total{{mode="user",instance="db-1"}}{report.rate}))'
    for key, expr in {
        ("Error ratio", "search"): "sum(increase(http_requests_total{service='search',code='500'}[7d])) / "
        "sum(increase(http_requests_total{service='search'}[7d]))",
        ("Latency p95", "shop"): "histogram_quantile(0.95, sum by (le) "
        "(increase(http_request_duration_seconds_bucket{service='shop'}[7d])))",
        ("CPU usage", "db-1"): f"avg_over_time(({busy}){report.points})",
        ("Availability", "checkout"): "avg_over_time(probe_success{service='checkout'}[7d])",
        ("Database size", "stats-db"): "sum(pg_database_size_bytes{server='stats-db'})",
        ("File system usage", "web-1"): "1 - node_filesystem_avail_bytes{instance='web-1'} / "
        "node_filesystem_size_bytes",
    }.items():
        [now] = fortnight.query(expr).values()
        [before] = fortnight.query(expr, fortnight.middle).values()
        assert rows[key]["now"]["value"] == pytest.approx(now, rel=1e-3), key
        assert rows[key]["before"]["value"] == pytest.approx(before, rel=1e-3), key
        values[key] = now / before - 1
    verdicts = {key: row["verdict"]["text"] for key, row in rows.items()}
    assert verdicts["Error ratio", "search"] == verdicts["Availability", "checkout"] == "worse"
    assert verdicts["Latency p95", "shop"] == "better"
    change = rows["Error ratio", "search"]["change"]["text"]
    assert change == f"+{change[1:-2]} %"
    assert int(change[1:-2]) == pytest.approx(100 * values["Error ratio", "search"], abs=1)
    assert values["Error ratio", "search"] > 4
    assert ("Requests", "api") not in verdicts  # about the same


def test_sales_are_those_of_two_queries(fortnight, report):
    rows = {row["figure"]["text"]: row for row in report.find_table("shop", "figures")["rows"]}

    def sold(selector: str) -> str:
        return increase(f"shop_{selector}", "job")

    for title, expr in {
        "Revenue EUR": sold('revenue_total{currency="EUR"}'),
        "Revenue CHF": sold('revenue_total{currency="CHF"}'),
        "Checkouts started": sold("checkouts_started_total"),
        "Conversion": f"{sold('checkouts_completed_total')} / {sold('checkouts_started_total')}",
        "Orders paid": sold('orders_total{status="paid"}'),
        "Orders not paid": f"{sold('orders_total{status!=`paid`}')} / {sold('orders_total')}",
        "Abandoned carts": f"{sold('carts_abandoned_total')} / {sold('carts_created_total')}",
    }.items():
        for column, at in (("now", fortnight.end), ("before", fortnight.middle)):
            [value] = fortnight.query(expr, at).values() or [None]
            assert rows[title][column]["value"] == pytest.approx(value, rel=0.005), (title, column)


def test_points_of_graphs_are_those_of_a_range_query(fortnight, report):
    graphs = {
        (section["key"], graph["key"]): graph for section in report.data["sections"] for graph in section["graphs"]
    }
    for key, expr, label in (
        (("services", "requests"), report.range_queries["Requests"], "service"),
        (("services", "p95"), report.range_queries["Latency p95"], "service"),
        (("services", "errors"), report.range_queries["Error ratio"], "service"),
        (
            ("containers", "cpu"),
            f"sum by (instance) (rate(container_cpu_usage_seconds_total{report.rate}))",
            "instance",
        ),
        (("containers", "memory"), "sum by (instance) (container_memory_working_set_bytes)", "instance"),
        (("shop", "revenue"), f"sum by (currency) (rate(shop_revenue_total{report.rate})) * 3600", "currency"),
        (
            ("capacity", "disks"),
            "1 - node_filesystem_avail_bytes{device='/dev/vda1'} / node_filesystem_size_bytes",
            "instance",
        ),
        (("migration", "progress"), "1 - sum(migration_datasets{state='pending'}) / sum(migration_datasets)", ""),
    ):
        graph = graphs[key]
        assert len(graph["times"]) == 168
        for position in (0, 50, 119, 167):
            at = datetime.fromisoformat(graph["times"][position]).timestamp()
            expected = {dict(series).get(label, ""): value for series, value in fortnight.query(expr, at).items()}
            for line in graph["lines"]:
                name = line["name"].removeprefix("/ ") if label else ""
                assert line["values"][position] == pytest.approx(expected[name], rel=1e-6), (key, at)


def test_the_longest_firings_have_their_times(fortnight, report):
    rows = report.find_table("alerts", "firings")["rows"]
    [down] = [row for row in rows if row["alert"]["text"] == "ApplicationDown"]
    assert datetime.fromisoformat(down["start"]["value"]).timestamp() == fortnight.outage[0] + 120
    assert [row["seconds"]["value"] for row in rows[:2]] == [5 * 3600, 3 * 3600]
    assert not any(row["alert"]["text"] == "Watchdog" for row in rows)


def test_facts_and_findings_name_what_happened(report):
    facts = {fact["key"]: fact for fact in report.data["facts"]}
    assert facts["objectives_met"]["text"] == "3 of 6"
    assert facts["runs_out"]["value"] == pytest.approx(9 * 86400, rel=1e-3)
    findings = " ".join(finding["text"] for finding in report.data["findings"])
    for text in (
        "search-available missed its target of 99 %: 97.90 %",
        "archive-available has no data",
        "archive has no data at all",
        "A critical alert fired for 24 min: ApplicationDown.",
        "File system / web-1 is full in 9 d",
        "Phase Features is blocked.",
        "In the slowest quarter of the time",
        "The success rate is below the target for <initech>.",
        "1 tenant with overdue workflows at the end: <initech>",
    ):
        assert text in findings, text
    assert report.data["left_out"] == []
    assert report.data["notes"] == ["Alertmanager did not answer: it is unknown who acknowledged alerts, and when."]


def test_recommendations_are_the_insights_of_the_range(fortnight, report, tmp_path):
    prometheus = Prometheus(fortnight.url)
    rules = read.load_rules(project.load_project(tmp_path, plugins.schema_fragments())).rules.values()
    found = find_insights(prometheus.query_at, rules, fortnight.end, 7 * 86400)
    prometheus.close()
    [section] = [each for each in report.data["sections"] if each["key"] == "recommendations"]
    sentences = [(advice["key"], text) for advice in section["advice"] for text in advice["sentences"]]
    assert sentences == [(insight.rule, insight.text) for insight in found.insights]
    assert {"container_memory_unused", "host_filesystem_full"} <= {key for key, _ in sentences}
    [full] = [text for key, text in sentences if key == "host_filesystem_full"]
    [free] = fortnight.query('node_filesystem_avail_bytes{instance="web-1"}').values()
    assert full == f"/ on web-1 will be full in 9 days at the rate of the last 7 days; {free / 2**30:.3g} GiB are free."


def test_a_report_over_http_is_that_of_the_command(report, tmp_path):
    end = report.fortnight.end
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [DECKWATCH, "views", "serve", f"--listen=127.0.0.1:{port}", f"--prometheus={report.fortnight.url}"]
    argv += ["--alertmanager=http://127.0.0.1:1"]
    clicked = f"{url}/api/v1/reports/all?from={(end - 7 * 86400) * 1000 + 250}&to={end * 1000 + 750}&zone=utc"
    with Program("views", [str(word) for word in argv], tmp_path / "views.log", f"{url}/healthz", folder=tmp_path):
        with urllib.request.urlopen(f"{clicked}&format=json", timeout=60) as response:
            assert response.headers["Content-Type"] == "application/json"
            served = json.load(response)
        with urllib.request.urlopen(clicked, timeout=60) as response:
            assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
            page = response.read().decode()
    assert {**served, "created": ""} == {**report.data, "created": ""}
    keys = [section["key"] for section in served["sections"]]
    assert [part.partition('"')[0] for part in page.split('<section id="')[1:]] == ["summary", *keys]
