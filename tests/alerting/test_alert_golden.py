"""Whole files in their owners' formats, as one small project makes them; by both engines of Jsonnet the same."""

import os
import subprocess
from pathlib import Path

import pytest

from deckwatch.alerting import alertmanager_config, build, render_rules
from deckwatch.core import signal_file, yaml_file
from deckwatch.core.catalog import Catalog, MetricInfo
from deckwatch.core.jsonnet import Renderer
from deckwatch.core.project import FILE, Project

GOLDEN = Path(__file__).parents[1] / "golden" / "alerting"
TOPIC = """\
title: Web shop
owner: shop
dashboard: shop
signals:
  requests: {metric: http_requests_total, by: [service]}
  errors:
    metric: http_requests_total
    where: {code: "5.."}
    share_of: requests
    bad: up
    high: 5%
    record: service:http_errors:ratio5m
recordings:
  shop:orders:rate5m: {expr: 'sum(rate(shop_orders_total[5m]))', about: Orders a second., unit: per second}
alerts:
  ShopErrorsHigh:
    signal: errors
    above: high
    for: 5m
    severity: warning
    each: [service]
    family: shop_errors
    panel: Errors
    summary: The shop answers with errors.
    means: More than one request in twenty fails; customers see an error page.
    do:
      - Open the Web shop dashboard and look which handler fails.
      - If a deploy stands right before the rise, roll it back.
    proof:
      - {give: [{value: 6%, for: 10m}], fires: 5m}
      - {give: [{value: 4%, for: 1h}], silent: true}
      - {give: [{value: 6%, for: 4m}, {value: 0%, for: 10m}], silent: true}
  ShopErrorsCritical:
    signal: errors
    above: 20%
    for: 1m
    severity: critical
    each: [service]
    family: shop_errors
    summary: The shop does not work.
    means: Every fifth request fails.
    do: [Call somebody.]
    proof:
      - {give: [{value: 25%, for: 5m}], fires: 1m}
      - {give: [{value: 15%, for: 5m}], silent: true}
  ShopOrdersStalled:
    expr: |
      shop:orders:rate5m == 0
      and on ()
      sum(rate(http_requests_total[5m])) > 1
    for: 30m
    keep_firing_for: 5m
    severity: error
    labels: {area: sales}
    summary: Nobody buys although there are visitors.
    means: Something keeps customers from paying.
    do: [Buy something yourself.]
    proof:
      - give:
          'shop_orders_total{job="app", instance="a"}': 5
          'http_requests_total{job="app", instance="a", service="shop", code="200"}': [{rate: 5, for: 1h}]
        fires: 31m15s
      - give:
          'shop_orders_total{job="app", instance="a"}': [{rate: 0.1, for: 1h}]
          'http_requests_total{job="app", instance="a", service="shop", code="200"}': [{rate: 5, for: 1h}]
        silent: true
"""
PROJECT = """\
teams:
  shop:
    slack: {channel: "#shop", url_file: /run/secrets/slack}
    hours: {days: {from: monday, to: friday}, from: "08:00", to: "18:00", zone: Europe/Berlin}
  oncall:
    webhook: {url_file: /run/secrets/oncall}
    email: {to: oncall@example.org, from: deckwatch@example.org, server: "mail.example:587"}
quiet:
  night: {from: "23:00", to: "05:00", zone: Europe/Berlin}
deploys: {metric: shop_build_info, version: version}
routes:
  - {severity: critical, to: [oncall, shop], then: [{after: 15m, unless: acknowledged, to: oncall}]}
  - {severity: warning, to: shop, quiet: night, group: [service]}
"""


def made(engine):
    catalog = Catalog(
        [
            MetricInfo("http_requests_total", "counter", "Requests.", ("service", "code")),
            MetricInfo("shop_orders_total", "counter", "Orders."),
            MetricInfo("shop_build_info", "gauge", "What runs.", ("service", "version")),
        ]
    )
    topic = yaml_file.parse_yaml(TOPIC, "alerts/shop.yaml")
    project = Project(Path(), yaml_file.parse_yaml(PROJECT, FILE))
    signals, problems = signal_file.load_signals([topic], catalog)
    assert problems == []
    panels = {"shop": {"Errors": 7}}
    settings = build.AlertSettings(
        grafana="https://grafana.example/",
        runbooks="https://wiki.example/runbooks",
        alertmanager="https://alerts.example",
        panels=panels,
    )
    with Renderer({"alerting": render_rules.library_folder()}, engine=engine) as renderer:
        found = build.build_alerts([topic], catalog, signals, project, settings, renderer=renderer)
    assert [str(problem) for problem in found.problems] == []
    runbooks = {f"runbooks/{one.path}": one.text for one in found.runbooks}
    return {one.path: one.text for one in found.artifacts} | runbooks


@pytest.fixture(scope="module")
def files():
    return made("rjsonnet")


def test_both_engines_make_the_same_bytes(files):
    assert made("jsonnet") == files


def test_files_are_as_golden(files):
    templates = {path for path in files if path.startswith(f"{alertmanager_config.OUTPUT_FOLDER}/templates/")}
    kept = {path: text for path, text in files.items() if path not in templates}
    if os.environ.get("DECKWATCH_GOLDEN") == "refresh":
        for path, text in kept.items():
            (GOLDEN / path).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / path).write_text(text)
    golden = {str(path.relative_to(GOLDEN)): path.read_text() for path in GOLDEN.rglob("*") if path.is_file()}
    assert kept == golden, "if this is meant, run `make golden` and look at the difference"


def test_the_example_holds_what_it_promises(need, files, tmp_path):
    program = need("promtool", get="apt-get install prometheus")
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tests,) = (tmp_path / render_rules.RULES_FOLDER / "tests").iterdir()
    done = subprocess.run([program, "test", "rules", str(tests)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
