"""Values of `watch: static:`."""

from __future__ import annotations

import pytest

from deckwatch.core import plugins, project
from deckwatch.exporter import config
from deckwatch.provisioning import metric_catalog

VALUES = """  static:
    team_size: 7
    checkout_budget_seconds: 250ms
    app_memory_budget_bytes: {help: Memory of the app., value: 2GiB, labels: {service: shop}}
    sla_objective_ratio:
      values:
        - {labels: {tenant: a, service: shop, sla: gold}, value: 99.9%}
        - {labels: {tenant: b, service: shop}, value: 0.99}
    component_dependency_info: {values: [{labels: {component: shop, depends_on: db}}]}
    migration_start_timestamp_seconds: '2026-01-31'
    migration_planned_end_timestamp_seconds: '2026-01-31T12:00:00+01:00'
"""


def test_values_are_gauges_in_the_unit_of_their_names(watch_sources):
    watched = watch_sources(VALUES)
    assert watched.page() == {
        "deckwatch_static_values": 8,
        "team_size": 7,
        "checkout_budget_seconds": 0.25,
        'app_memory_budget_bytes{service="shop"}': 2 << 30,
        'sla_objective_ratio{tenant="a",service="shop",sla="gold"}': 0.999,
        'sla_objective_ratio{tenant="b",service="shop"}': 0.99,
        'component_dependency_info{component="shop",depends_on="db"}': 1,
        "migration_start_timestamp_seconds": 1769817600,
        "migration_planned_end_timestamp_seconds": 1769857200,
    }
    assert "# HELP app_memory_budget_bytes Memory of the app.\n" in watched.text
    assert not watched.errors()


def test_the_settings_are_checked_with_their_place(project_problems):
    problems = project_problems(
        "  static:\n"
        "    team_size: many\n"
        "    a_ratio: 5m\n"
        "    b_timestamp_seconds: '2026-13-01'\n"
        "    node_load1: 3\n"
        "    c: {values: [{labels: {x: y}, value: 1}, {labels: {x: y}, value: 2}]}\n"
        "    d: {value: 1, values: [{labels: {x: y}}]}\n"
        "    e: {valeu: 1}\n"
    )
    assert [line.partition(": error: ")[2].removesuffix(" [input]") for line in problems] == [
        "value is not allowed here",
        "unknown key valeu (did you mean value?)",
        "node_load1 is a name that Deckwatch itself uses (begin it with the application's)",
        "'many' is not a number, a percentage, a duration or a size",
        "a duration fits the unit seconds, not ratio",
        "'2026-13-01' is not a date such as 2026-01-31 or 2026-01-31T12:00:00+01:00",
        "another value above has the same labels",
    ]
    assert problems[-1].startswith("deckwatch.yaml:7:")


def test_the_first_host_shows_them(tmp_path):
    (tmp_path / "deckwatch.yaml").write_text(
        "hosts: [{name: web-1, address: 'web-1:9877'}, {name: db-1, address: 'db-1:9877'}]\nwatch:\n" + VALUES
    )
    loaded = project.load_project(tmp_path, plugins.schema_fragments())
    assert config.watch_config(loaded, {}, own_host="web-1")["static"]["team_size"] == 7
    assert config.watch_config(loaded, {}, own_host="db-1")["static"] == {}
    metric = metric_catalog.load_catalog(loaded).get("sla_objective_ratio")
    assert metric is not None
    assert (metric.labels, metric.unit) == (("tenant", "service", "sla"), "ratio")


@pytest.mark.parametrize("key", ["sql", "json", "promql", "static"])
def test_what_is_not_configured_costs_no_run(watch_sources, key):
    watched = watch_sources("  host: {veth: false}\n")
    assert watched.page() == {}
    assert {each.collector.name: each.absent for each in watched.outcomes}[f"app_{key}"] == "none is configured"
    assert not watched.world._sources
