"""Our PostgreSQL metrics beside a page of postgres_exporter: the same names, types and labels."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.core.catalog import Catalog
from exporter import collector

# What the peer has and we have not; a name that we come to have must leave this list.
ABSENT = (
    "pg_exporter_last_scrape_duration_seconds",
    "pg_exporter_scrapes_total",
    "pg_roles_connection_limit",
    "pg_settings_pg_stat_statements_",  # an extension's settings have no fixed names
    "pg_stat_user_tables_",
    "pg_statio_user_tables_",
)
WRITTEN_BY_THE_SCRAPE = "pg_scrape_collector_"


@pytest.fixture(scope="module")
def peer():
    folder = os.environ.get("DECKWATCH_PEERS")
    if not folder:
        pytest.skip("DECKWATCH_PEERS names no folder with peers' pages")
    page = Path(folder, "postgres_exporter-0.20.prom").read_text()
    return {family.name: family for family in text_string_to_metric_families(page) if family.name.startswith("pg_")}


@pytest.fixture(scope="module")
def ours():
    collectors = collector.load()
    return Catalog(collector.catalog(one for name, one in collectors.items() if name.startswith("postgres_")))


def _get(ours, family):
    # The parser takes `_total` from the names of counters.
    return ours.get(family.name) or ours.get(family.name + "_total")


def test_we_have_all_but_what_is_listed(peer, ours):
    missing = {
        name
        for name, family in peer.items()
        if _get(ours, family) is None and not name.startswith(WRITTEN_BY_THE_SCRAPE)
    }
    assert missing == {family.name for family in peer.values() if (family.name + "_total").startswith(ABSENT)}


def test_type_and_labels_are_the_peers(peer, ours):
    for family in peer.values():
        if (metric := _get(ours, family)) is not None:
            assert metric.kind == family.type.replace("unknown", "untyped"), family.name
            labels = {label for sample in family.samples for label, value in sample.labels.items() if value}
            assert labels | {"server"} <= set(metric.labels), family.name
