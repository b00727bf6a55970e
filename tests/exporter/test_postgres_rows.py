"""Conversion of rows to samples by each PostgreSQL collector, and the statements of each view by server version."""

from __future__ import annotations

from decimal import Decimal

import pytest

from deckwatch.exporter import collector, exposition
from deckwatch.exporter.collectors import (
    postgres_activity,
    postgres_bgwriter,
    postgres_buffercache_summary,
    postgres_checkpointer,
    postgres_conflicts,
    postgres_database,
    postgres_io,
    postgres_locks,
    postgres_process_idle,
    postgres_replication,
    postgres_settings,
    postgres_wal_activity,
)
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.sources.postgres_view import Column, View
from deckwatch.exporter.world import NoData


def lines(samples):
    return {line for line in exposition.render_text(samples).splitlines() if not line.startswith("#")}


ROWS = Metric("pg_rows", "gauge", "Rows.", ("server", "datname"))
TIME = Metric("pg_time_seconds_total", "counter", "Time.", ("server", "datname"))
VIEW = View("some_view", (Column(ROWS, "rows"), Column(TIME, "time / 1000", since=14)), labels=("datname",))


def test_a_column_is_queried_only_where_the_server_has_it():
    assert VIEW.build_query(130000) == "SELECT datname, rows FROM some_view"
    assert VIEW.build_query(150018) == "SELECT datname, rows, time / 1000 FROM some_view"


def test_a_null_omits_only_its_own_field():
    rows = [("shop", 3, None), ("postgres", None, 1.5)]
    assert lines(VIEW.make_samples("a", 150000, rows)) == {
        'pg_rows{server="a",datname="shop"} 3',
        'pg_time_seconds_total{server="a",datname="postgres"} 1.5',
    }


@pytest.mark.parametrize(("value", "written"), [(True, "1"), (2**60 + 1, str(2**60 + 1)), (Decimal("2.5"), "2.5")])
def test_every_number_type_is_converted(value, written):
    assert lines(VIEW.make_samples("a", 130000, [("shop", value)])) == {
        f'pg_rows{{server="a",datname="shop"}} {written}'
    }


def test_a_label_without_a_value_is_omitted():
    assert lines(VIEW.make_samples("a", 130000, [(None, 1)])) == {'pg_rows{server="a"} 1'}


def test_database_queries_active_time_from_version_14():
    assert "active_time" not in postgres_database.VIEW.build_query(130023)
    assert "active_time / 1000" in postgres_database.VIEW.build_query(140000)


def test_bgwriter_keeps_its_metric_names_on_version_17():
    old, new = postgres_bgwriter.VIEW.columns_for(160000), postgres_bgwriter.VIEW.columns_for(170000)
    assert {column.metric.name for column in old} == {column.metric.name for column in new}
    assert "pg_stat_checkpointer" not in postgres_bgwriter.VIEW.build_query(160000)
    assert "checkpoints_timed" not in postgres_bgwriter.VIEW.build_query(170000)


def test_buffers_of_backends_are_shared_ones_in_blocks_on_every_version():
    of_clients = "FROM pg_stat_io WHERE backend_type = 'client backend' AND object = 'relation'"
    operations, fsyncs = f"(SELECT sum(writes)::int8 {of_clients})", f"(SELECT sum(fsyncs)::int8 {of_clients})"
    assert operations in postgres_bgwriter.VIEW.build_query(170000)
    assert fsyncs in postgres_bgwriter.VIEW.build_query(170000)
    newer = postgres_bgwriter.VIEW.build_query(180000)
    assert operations not in newer
    assert f"(SELECT (sum(write_bytes) / current_setting('block_size')::int8)::int8 {of_clients})" in newer
    assert fsyncs in newer


def test_writes_of_the_log_come_from_pg_stat_io_on_version_18():
    old, new = postgres_wal_activity.VIEW.columns_for(170000), postgres_wal_activity.VIEW.columns_for(180000)
    assert [column.metric.name for column in old] == [column.metric.name for column in new]
    assert "pg_stat_io" not in postgres_wal_activity.VIEW.build_query(170000)
    written = "(SELECT sum(writes) FROM pg_stat_io WHERE object = 'wal' AND context = 'normal')"
    assert written in postgres_wal_activity.VIEW.build_query(180000)
    assert "wal_write," not in postgres_wal_activity.VIEW.build_query(180000)


def test_io_includes_processes_that_only_synchronise():
    assert "coalesce(fsyncs, 0) > 0" in postgres_io.VIEW.build_query(180000)


@pytest.mark.parametrize(
    ("view", "column", "since"),
    [
        (postgres_conflicts.VIEW, "confl_active_logicalslot", 16),
        (postgres_checkpointer.VIEW, "num_done", 18),
        (postgres_checkpointer.VIEW, "slru_written", 18),
    ],
)
def test_a_newer_column_is_queried_from_its_version(view, column, since):
    assert column in view.build_query(since * 10_000)
    assert column not in view.build_query((since - 1) * 10_000)


def test_replication_of_a_primary_has_no_age():
    assert lines(postgres_replication.VIEW.make_samples("a", 150000, [(0, False, None, None)])) == {
        'pg_replication_lag_seconds{server="a"} 0',
        'pg_replication_is_replica{server="a"} 0',
    }


def test_locks_include_every_mode_of_every_database():
    page = lines(postgres_locks.lock_samples("a", [("shop", "rowexclusivelock", 2), ("empty", None, 0)]))
    assert len(page) == 2 * len(postgres_locks.MODES)
    assert 'pg_locks_count{server="a",datname="shop",mode="rowexclusivelock"} 2' in page
    assert 'pg_locks_count{server="a",datname="empty",mode="rowexclusivelock"} 0' in page


ACTIVE = ("shop", "active", "ann", "web", "client backend", "Lock", "relation")


def test_activity_counts_groups_and_adds_missing_states():
    page = lines(postgres_activity.session_samples("a", [(*ACTIVE, 2, 7.5, 1.5, 7.5, 1)]))
    labels = (
        'server="a",datname="shop",state="active",usename="ann",application_name="web",'
        'backend_type="client backend",wait_event_type="Lock",wait_event="relation"'
    )
    assert f"pg_stat_activity_count{{{labels}}} 2" in page
    assert f"pg_stat_activity_max_tx_duration{{{labels}}} 7.5" in page
    assert 'pg_stat_activity_count{server="a",datname="shop",state="idle"} 0' in page
    assert 'pg_stat_activity_count{server="a",datname="shop",state="active"} 0' not in page
    assert 'deckwatch_postgres_longest_query_seconds{server="a",datname="shop"} 1.5' in page
    assert 'deckwatch_postgres_longest_transaction_seconds{server="a",datname="shop"} 7.5' in page
    assert 'deckwatch_postgres_slow_queries{server="a",datname="shop"} 1' in page


def test_activity_of_a_database_without_sessions_is_zero():
    page = lines(postgres_activity.session_samples("a", [("shop", *[None] * 6, 0, None, None, None, 0)]))
    assert len(page) == 2 * len(postgres_activity.STATES) + 3
    assert {line.rpartition(" ")[2] for line in page} == {"0", "0.0"}


def test_activity_of_many_applications_is_grouped_without_losing_sessions():
    rows = [
        ("shop", "idle", "ann", f"job {number}", "client backend", None, None, 1, None, None, None, 0)
        for number in range(1000)
    ]
    counts = [
        sample
        for sample in postgres_activity.session_samples("a", rows)
        if sample.metric is postgres_activity.COUNT and sample.value
    ]
    assert len(counts) == postgres_activity.MAX_GROUPS + 1
    assert sum(sample.value for sample in counts) == 1000


def test_idle_sessions_are_a_histogram_by_state_and_application():
    page = lines(postgres_process_idle.idle_samples("a", [("idle", "web", 3, 200.5, 1, 1, 1, 2, 2, 2, 2, 2, 3)]))
    labels = 'server="a",state="idle",application_name="web"'
    assert f'pg_process_idle_seconds_bucket{{{labels},le="1"}} 1.0' in page
    assert f'pg_process_idle_seconds_bucket{{{labels},le="300"}} 3.0' in page
    assert f'pg_process_idle_seconds_bucket{{{labels},le="+Inf"}} 3.0' in page
    assert f"pg_process_idle_seconds_sum{{{labels}}} 200.5" in page
    assert f"pg_process_idle_seconds_count{{{labels}}} 3.0" in page
    assert len(page) == len(postgres_process_idle.BOUNDS) + 3


def test_idle_sessions_of_many_applications_are_grouped_without_losing_any():
    rows = [("idle", f"job {number}", 2, 10.0, *[1] * 9) for number in range(1000)]
    page = lines(postgres_process_idle.idle_samples("a", rows))
    counts = [line for line in page if line.startswith("pg_process_idle_seconds_count")]
    assert len(counts) == postgres_process_idle.MAX_GROUPS + 1
    assert sum(float(line.rpartition(" ")[2]) for line in counts) == 2000


def test_the_buffer_summary_is_queried_from_version_16():
    with pytest.raises(NoData, match="PostgreSQL 16 and newer have it, this one is 15"):
        postgres_buffercache_summary.VIEW.build_query(150018)
    assert "usagecount_avg FROM pg_buffercache_summary()" in postgres_buffercache_summary.VIEW.build_query(160000)


SETTINGS = {
    ("max_connections", "integer", None, "100"): ("max_connections", 100),
    ("shared_buffers", "integer", "8kB", "16384"): ("shared_buffers_bytes", 134217728),
    ("work_mem", "integer", "kB", "4096"): ("work_mem_bytes", 4194304),
    ("autovacuum_work_mem", "integer", "kB", "-1"): ("autovacuum_work_mem_bytes", -1),
    ("checkpoint_timeout", "integer", "s", "300"): ("checkpoint_timeout_seconds", 300),
    ("log_rotation_age", "integer", "min", "1440"): ("log_rotation_age_seconds", 86400),
    ("vacuum_cost_delay", "real", "ms", "2"): ("vacuum_cost_delay_seconds", 0.002),
    ("fsync", "bool", None, "on"): ("fsync", 1),
    ("jit", "bool", None, "off"): ("jit", 0),
    ("pg_stat_statements.max", "integer", None, "5000"): ("pg_stat_statements_max", 5000),
}


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row[0])
def test_settings_are_converted_to_base_units(row):
    name, value = SETTINGS[row]
    assert lines(postgres_settings.setting_samples("a", [row])) == {f'pg_settings_{name}{{server="a"}} {value}'}


def test_a_setting_of_the_wrong_type_is_omitted():
    assert not lines(postgres_settings.setting_samples("a", [("sync_commit_cancel_wait", "integer", None, "auto")]))


def test_the_catalogue_has_the_settings_metric_names():
    [sample] = postgres_settings.setting_samples("a", [("shared_buffers", "integer", "8kB", "1")])
    assert sample.metric in postgres_settings.KNOWN


def test_every_postgres_metric_has_the_server_label():
    for name, declared in collector.load_collectors().items():
        if name.startswith("postgres_"):
            assert declared.subjects is not None
            assert {metric.labels[0] for metric in declared.metrics} == {"server"}, name
