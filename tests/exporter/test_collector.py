from __future__ import annotations

import re

import pytest

from deckwatch.core.contract import load_contract
from deckwatch.exporter import collector
from deckwatch.exporter.collector import Collector, choose_collectors, matches_name, names_and_prefixes

SHIPPED = collector.load_collectors()


@pytest.mark.parametrize(
    ("name", "word", "match"),
    [
        ("host_cpu", "host_cpu", True),
        ("host_cpu", "host", True),
        ("host_cpufreq", "host_cpu", False),
        ("host_network_device", "host_network", True),
        ("hostage", "host", False),
        ("host_cpu", "", False),
        ("host_cpu", "cpu", False),
    ],
)
def test_a_word_matches_a_name_or_a_prefix_ending_at_an_underscore(name, word, match):
    assert matches_name(name, word) is match


def test_every_matching_word_is_listed():
    assert names_and_prefixes(["host_cpu", "host_network_device", "up"]) == [
        "host",
        "host_cpu",
        "host_network",
        "host_network_device",
        "up",
    ]


def test_the_longer_word_wins():
    names = {
        name: Collector(
            name,
            (),
            lambda _: (),
            "",
            default=name != "host_b",
            peer=None,
            subjects=None,
            subject_label="server",
            budget=1,
        )
        for name in ("host_a", "host_b", "host_c", "app_x")
    }
    assert list(choose_collectors(names)) == ["host_a", "host_c", "app_x"]
    assert list(choose_collectors(names, {"host": False})) == ["app_x"]
    assert list(choose_collectors(names, {"host": False, "host_b": True})) == ["host_b", "app_x"]
    assert list(choose_collectors(names, {"host": True, "host_a": False})) == ["host_b", "host_c", "app_x"]
    budgets = choose_collectors(names, {"host": True}, {"host": 7, "host_b": 9})
    assert {name: declared.budget for name, declared in budgets.items()} == {
        "host_a": 7,
        "host_b": 9,
        "host_c": 7,
        "app_x": 1,
    }


def test_the_catalogue_contains_the_metrics_about_collectors():
    metrics = {metric.name: metric for metric in collector.list_metrics(SHIPPED.values())}
    assert metrics["node_load1"].source == "host_load"
    assert {metrics[name].source for name in load_contract()["collector_metrics"]} == {collector.EVERY_COLLECTOR}
    assert metrics["node_scrape_collector_success"].labels == ("collector", "server")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_collector_is_well_declared(name):
    declared = SHIPPED[name]
    assert declared.name == name
    assert re.fullmatch(r"(host|container|postgres|app|deckwatch)_[a-z0-9_]+", name)
    assert re.fullmatch(r"[A-Z].{8,}\.", declared.help), "the first line of its docstring is a sentence"
    prefixes = (
        load_contract()["own_prefix"],
        *load_contract()["peer_prefixes"],
        *load_contract()["application_prefixes"],
    )
    for metric in declared.metrics:
        assert metric.name.startswith(prefixes)
        assert metric.help
        assert not metric.state or metric.kind == "gauge"


def test_no_metric_has_conflicting_declarations():
    seen: dict[str, tuple] = {}
    for declared in SHIPPED.values():
        for metric in declared.metrics:
            declaration = (metric.kind, metric.help, metric.unit)
            assert seen.setdefault(metric.name, declaration) == declaration, metric.name
