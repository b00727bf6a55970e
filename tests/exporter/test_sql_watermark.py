"""Rows that are counted exactly once: across readings, restarts and kills of the process, late rows and ties."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.exporter.sources.source_failures import StateFault, WatermarkFault
from deckwatch.exporter.sources.watermark import Columns, Counted, pack_counted, select_new_rows, unpack_counted
from deckwatch.provisioning.program import free_port

RUNS = """
    CREATE TABLE runs (id INTEGER PRIMARY KEY, workflow TEXT, seconds REAL, finished_at INTEGER);
    INSERT INTO runs (workflow, seconds, finished_at)
        VALUES ('import', 0.5, 100), ('import', 20, 100), ('bill', 3, 101);
"""
METRICS = """{
    workflow_executions_total: {kind: counter, key_labels: [workflow]},
    workflow_seconds_total: {kind: counter, key_labels: [workflow], values: seconds},
    workflow_rows_total: {kind: counter},
    workflow_last_seconds: {key_labels: [workflow], values: seconds},
    workflow_execution_duration_seconds:
      {kind: histogram, key_labels: [workflow], values: seconds, buckets: [1, 10]}}"""


@pytest.fixture
def runs(tmp_path):
    with sqlite3.connect(tmp_path / "runs.db", isolation_level=None, check_same_thread=False) as connection:
        connection.executescript(RUNS)
        yield connection
    connection.close()


def block(folder, where: str = "id > :watermark", more: str = "watermark: id", metrics: str = METRICS) -> str:
    return (
        f"  sql:\n    - sqlite_file: runs.db\n      state: {folder}/state\n      queries:\n"
        f"        - {{name: runs, query: 'SELECT * FROM runs WHERE {where} ORDER BY id', {more}, interval: 1s,\n"
        f"           metrics: {metrics}}}\n"
    )


def test_each_row_is_counted_once_and_a_restart_goes_on(runs, tmp_path, watch_sources, eventually):
    watched = watch_sources(block(tmp_path))
    page = watched.settled()
    assert page['workflow_executions_total{workflow="import"}'] == 2
    assert page['workflow_seconds_total{workflow="import"}'] == 20.5
    assert page['workflow_last_seconds{workflow="import"}'] == 20
    assert page['workflow_execution_duration_seconds_bucket{workflow="import",le="1.0"}'] == 1
    assert page['workflow_execution_duration_seconds_bucket{workflow="import",le="10.0"}'] == 1
    assert page['workflow_execution_duration_seconds_bucket{workflow="import",le="+Inf"}'] == 2
    assert page['workflow_execution_duration_seconds_sum{workflow="import"}'] == 20.5
    assert page['workflow_execution_duration_seconds_count{workflow="import"}'] == 2
    (family,) = [
        each
        for each in text_string_to_metric_families(watched.text)
        if each.name == "workflow_execution_duration_seconds"
    ]
    assert family.type == "histogram"
    runs.execute("INSERT INTO runs (workflow, seconds) VALUES ('import', 1)")
    eventually(lambda: watched.page()['workflow_executions_total{workflow="import"}'] == 3)
    assert watched.page()['workflow_execution_duration_seconds_bucket{workflow="import",le="1.0"}'] == 2
    watched.world.close()
    runs.execute("INSERT INTO runs (workflow, seconds) VALUES ('import', 1)")
    again = watch_sources(block(tmp_path))
    page = again.settled()
    assert page['workflow_executions_total{workflow="import"}'] == 4
    assert page["workflow_rows_total"] == 5
    assert page['deckwatch_sql_rows{query="runs"}'] == 1


def test_series_with_known_labels_begin_at_zero(runs, tmp_path, watch_sources, eventually):
    runs.execute("DELETE FROM runs")
    watched = watch_sources(block(tmp_path))
    page = watched.settled()
    assert page["workflow_rows_total"] == 0
    assert not watched.errors()
    assert not watched.absent()


def test_more_rows_than_one_reading_may_have_are_all_counted(runs, tmp_path, watch_sources):
    runs.execute("BEGIN")
    runs.executemany("INSERT INTO runs (workflow, seconds) VALUES ('x', ?)", [(1,)] * 2500)
    runs.execute("COMMIT")
    watched = watch_sources(block(tmp_path, more="watermark: id, max_rows: 7"))
    assert watched.settled()["workflow_rows_total"] == 2503


def test_rows_that_share_a_watermark_are_counted_by_their_key(runs, tmp_path, watch_sources, eventually):
    more = "watermark: {column: finished_at, key: id}"
    watched = watch_sources(block(tmp_path, "finished_at >= :watermark", more))
    assert watched.settled()["workflow_rows_total"] == 3
    runs.execute("INSERT INTO runs (workflow, seconds, finished_at) VALUES ('bill', 1, 101)")
    eventually(lambda: watched.page()["workflow_rows_total"] == 4)
    watched.world.close()
    runs.execute("INSERT INTO runs (workflow, seconds, finished_at) VALUES ('bill', 1, 101)")
    assert watch_sources(block(tmp_path, "finished_at >= :watermark", more)).settled()["workflow_rows_total"] == 5


def test_a_query_that_selects_counted_rows_again_counts_none_twice(runs, tmp_path, watch_sources, eventually):
    watched = watch_sources(block(tmp_path, "id > :watermark - 2"))
    assert watched.settled()["workflow_rows_total"] == 3
    runs.execute("INSERT INTO runs (workflow, seconds) VALUES ('bill', 1)")
    eventually(lambda: watched.page()["workflow_rows_total"] == 4)


@pytest.mark.parametrize(
    "case",
    [
        ("INSERT INTO runs (workflow, seconds) VALUES ('x', 'slow')", "NotANumber"),
        ("INSERT INTO runs (workflow, seconds) VALUES ('x', -1)", "NotANumber"),
    ],
)
def test_a_row_that_cannot_be_counted_stops_the_counting(runs, tmp_path, watch_sources, eventually, case):
    insert, error = case
    watched = watch_sources(block(tmp_path))
    watched.settled()
    runs.execute(insert)
    runs.execute("INSERT INTO runs (workflow, seconds) VALUES ('x', 1)")
    eventually(lambda: watched.page() is not None and watched.errors() == {"runs": error})
    runs.execute("UPDATE runs SET seconds = 2 WHERE id = 4")
    eventually(lambda: watched.page().get("workflow_rows_total") == 5)
    assert watched.page()['workflow_seconds_total{workflow="x"}'] == 3


def test_too_many_series_are_not_counted_in_part(runs, tmp_path, watch_sources):
    runs.executemany("INSERT INTO runs (workflow, seconds) VALUES (?, 1)", [(str(i),) for i in range(50)])
    watched = watch_sources(block(tmp_path, more="watermark: id, max_series: 20"))
    watched.settled()
    assert watched.errors() == {"runs": "TooManySeries"}
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"columns": ["id", ""]}', "\xff" * 10, '{"columns": 1}', "[" * 100000]
)
def test_a_damaged_state_is_never_counted_from_the_start(runs, tmp_path, watch_sources, caplog, damage):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/runs.json").write_text(damage)
    watched = watch_sources(block(tmp_path))
    watched.settled()
    assert watched.errors() == {"runs": "StateFault"}
    assert f"{tmp_path}/state/runs.json" in caplog.text
    assert (tmp_path / "state/runs.json").read_text() == damage


def test_a_state_that_cannot_be_written_shows_nothing_that_a_restart_would_lose(runs, tmp_path, watch_sources, caplog):
    (tmp_path / "state").write_text("a file")
    watched = watch_sources(block(tmp_path))
    watched.settled()
    assert watched.errors() == {"runs": "StateFault"}
    assert "workflow_rows_total" not in watched.text


def test_a_changed_metric_begins_anew_and_the_others_go_on(runs, tmp_path, watch_sources):
    watch_sources(block(tmp_path)).settled()
    runs.execute("INSERT INTO runs (workflow, seconds) VALUES ('bill', 5)")
    changed = METRICS.replace("buckets: [1, 10]", "buckets: [2]").replace("workflow_rows_total", "workflow_new_total")
    page = watch_sources(block(tmp_path, metrics=changed)).settled()
    assert page['workflow_executions_total{workflow="bill"}'] == 2
    assert page['workflow_execution_duration_seconds_count{workflow="bill"}'] == 1
    assert page["workflow_new_total"] == 1
    watched = watch_sources(block(tmp_path, "finished_at > :watermark", "watermark: finished_at", metrics=changed))
    watched.settled()
    assert watched.errors() == {"runs": "StateFault"}


ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1000)), unique_by=lambda row: row[1], max_size=30)


@given(batches=st.lists(ROWS, max_size=5), limit=st.integers(1, 40))
def test_every_row_above_the_watermark_is_selected_once_whatever_the_limit(batches, limit):
    counted, columns = Counted(-1), Columns("at", "id")
    table: dict[int, int] = {}
    seen: list[int] = []
    for batch in batches:
        newest = counted.watermark if isinstance(counted.watermark, int) else -1
        for at, key in batch:
            table.setdefault(key, max(at, newest))  # no row is older than what was counted
        while True:
            rows = sorted(({"at": at, "id": key} for key, at in table.items() if at >= counted.watermark), key=str)
            rows.sort(key=lambda row: row["at"])
            try:
                new = select_new_rows(counted, rows[:limit], columns, is_cut=len(rows) > limit)
            except WatermarkFault:
                return  # too many ties for the limit, which is reported
            seen += [row["id"] for row in new]
            if len(rows) <= limit:
                break
    assert sorted(seen) == sorted(table)


@pytest.mark.parametrize(
    ("rows", "is_cut", "reason"),
    [
        ([1, None], False, "NULL"),
        ([1, "x"], False, "several types"),
        ([2, 1], True, "ORDER BY at"),
        ([1, 1], True, "have the same at"),
    ],
)
def test_rows_that_have_no_order_are_a_fault(rows, is_cut, reason):
    with pytest.raises(WatermarkFault, match=reason):
        select_new_rows(Counted(0), [{"at": at} for at in rows], Columns("at"), is_cut=is_cut)


@pytest.mark.parametrize(
    "watermark",
    [0, 1.5, "2026-01-01", dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC), dt.datetime(2026, 1, 31), dt.date(2026, 1, 31)],  # noqa: DTZ001
)
def test_a_watermark_survives_its_file(watermark):
    counted = Counted(watermark, frozenset({"1"}), {("a", ("b",)): 2})
    stored = json.loads(json.dumps(pack_counted(counted, Columns("at", "id"), {"a": "x"})))
    found = unpack_counted(stored, Columns("at", "id"), {"a": "x"}, "file")
    assert found == counted
    assert type(found.watermark) is type(watermark)
    assert not unpack_counted(stored, Columns("at", "id"), {"a": "y"}, "file").totals
    with pytest.raises(StateFault, match="counts by at and id, the query by id"):
        unpack_counted(stored, Columns("id"), {}, "file")


def read_total(port: int) -> float | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics?collect[]=app_sql", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return None
    return next((float(line.split()[1]) for line in lines if line.startswith("workflow_rows_total ")), None)


@pytest.mark.slow
def test_kills_of_the_exporter_under_load_neither_lose_nor_repeat_a_row(runs, tmp_path, eventually):
    runs.execute("PRAGMA journal_mode = WAL")
    runs.execute("DELETE FROM runs")
    metrics = "{workflow_rows_total: {kind: counter}, workflow_seconds: {kind: histogram, values: seconds}}"
    (tmp_path / "deckwatch.yaml").write_text(
        "watch:\n" + block(tmp_path, more="watermark: id, max_rows: 50", metrics=metrics)
    )
    written, stop = 0, threading.Event()

    def write_rows() -> None:
        nonlocal written
        while not stop.is_set():
            runs.execute("INSERT INTO runs (workflow, seconds) VALUES ('x', 1)")
            written += 1
            time.sleep(0.001)

    writer = threading.Thread(target=write_rows)
    writer.start()
    totals = []
    try:
        for number in range(6):
            port = free_port()
            command = [sys.executable, "-m", "deckwatch", "serve", "--project", str(tmp_path), "--docker-host", ""]
            process = subprocess.Popen([*command, "--listen", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
            eventually(lambda port=port: read_total(port), seconds=30)
            ends = time.monotonic() + 0.3 + 0.23 * number
            while time.monotonic() < ends:
                totals.append(read_total(port))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    finally:
        stop.set()
        writer.join()
    seen = [total for total in totals if total is not None]
    assert seen == sorted(seen), "a counter fell"
    state = json.loads((tmp_path / "state/runs.json").read_text())
    totals_by_name = {name: value for name, _, value in state["totals"]}
    assert totals_by_name["workflow_rows_total"] == state["watermark"][1]
    assert sum(totals_by_name["workflow_seconds"][1]) == totals_by_name["workflow_rows_total"]
    assert 0 < totals_by_name["workflow_rows_total"] <= written
