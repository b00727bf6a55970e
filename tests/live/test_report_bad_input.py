"""`deckwatch report` with a Prometheus that is slow, young, has gaps or a clock that jumped, and without a file."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deckwatch.provisioning.prometheus import Prometheus
from deckwatch.reports.queries import Grid, Query, QueryRunner, Results

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
NOBODY = "http://127.0.0.1:1"
DAY = 86400


def run(folder: Path, url: str, *words: str, code: int = 0) -> subprocess.CompletedProcess:
    argv = [DECKWATCH, "report", "--prometheus", url, "--alertmanager", NOBODY, *words]
    done = subprocess.run(argv, capture_output=True, cwd=folder, check=False, timeout=180)
    assert done.returncode == code, done.stderr.decode()
    return done


def read(folder: Path, url: str, *words: str) -> dict:
    return json.loads(run(folder, url, "--format", "json", "--out", "-", *words).stdout)


def tables(report: dict) -> dict:
    return {(section["key"], table["key"]): table for section in report["sections"] for table in section["tables"]}


def test_a_week_without_a_week_before_compares_nothing_and_names_gap_and_clock(week, tmp_path):
    report = read(tmp_path, week.url, "--range", "6d")
    notes = "\n".join(report["notes"])
    assert "There is no comparison with the previous period: Prometheus has samples for 1" in notes
    assert "It has none from" in notes
    assert "which is later than its clock: the clock has been set back" in notes  # an hour of samples is ahead
    [gap] = report["data"]["gaps"]
    [changes] = [section for section in report["sections"] if section["key"] == "changes"]
    assert not changes["tables"]
    assert "nothing is compared" in changes["texts"][0]["items"][0]
    assert not any(row["before"]["value"] for row in tables(report)["services", "services"]["rows"])
    # Within a graph, the gap is one.
    graphs = [graph for section in report["sections"] for graph in section["graphs"] if graph["key"] == "requests"]
    assert gap[0] < gap[1]
    assert len(graphs[0]["lines"]) == 1


def test_a_clock_that_was_days_ahead_is_named(remembering, tmp_path):
    now = int(time.time()) // 60 * 60
    ahead = now + 30 * 86400
    times = [*range(now - 7200, now + 1, 60), *range(ahead - 3600, ahead + 1, 60)]
    report = read(tmp_path, remembering([('up{job="node"}', [(at, 1.0) for at in times])]).url, "--range", "1h")
    [note] = [note for note in report["notes"] if "the clock has been set back" in note]
    shown = note.removeprefix("Prometheus has samples up to ").partition(",")[0]
    until = datetime.strptime(f"{datetime.fromtimestamp(ahead, UTC):%Y} {shown}", "%Y %a %d %b %H:%M").replace(
        tzinfo=UTC
    )
    assert timedelta() <= until - datetime.fromtimestamp(ahead, UTC) <= timedelta(minutes=10)


def test_a_prometheus_younger_than_the_range_says_since_when(remembering, tmp_path):
    now = int(time.time()) // 60 * 60
    points = [(at, 1.0) for at in range(now - DAY, now + 60, 60)]
    disk = [(at, 5e9 - (at - now) * 1e4) for at, _ in points]
    free = 'node_filesystem_avail_bytes{instance="web-1",device="a",mountpoint="/",fstype="ext4"}'
    url = remembering([("up{job='node'}".replace("'", '"'), points), (free, disk)]).url
    report = read(tmp_path, url, "--range", "7d")
    assert "Prometheus has samples only since" in report["notes"][0]
    assert datetime.fromisoformat(report["data"]["since"]).timestamp() == now - DAY
    assert report["data"]["covered"] == pytest.approx(1 / 7, abs=0.01)
    # A day says too little about a week: no forecast, though it would be a straight line.
    [row] = tables(report)["capacity", "resources"]["rows"]
    assert row["runs_out"]["text"] == "not foreseeable"
    assert row["per_day"]["value"] is None
    assert tables(read(tmp_path, url, "--range", "1d"))["capacity", "resources"]["rows"][0]["runs_out"]["value"] > 0


def test_a_daily_cycle_is_no_trend(week, tmp_path):
    report = read(tmp_path, week.url, "--range", "3d")
    resources = [row["resource"]["text"] for row in tables(report)["capacity", "resources"]["rows"]]
    assert "Memory" not in resources  # what is available rises and falls every day
    disk = tables(report)["capacity", "resources"]["rows"][0]
    assert disk["where"]["text"] == "/ web-1"
    assert disk["runs_out"]["value"] == pytest.approx(9 * DAY, rel=0.02)


def test_a_range_without_any_sample_is_an_error(remembering, tmp_path):
    now = int(time.time()) // 60 * 60
    url = remembering([('up{job="node"}', [(at, 1.0) for at in range(now - 3600, now, 60)])]).url
    done = run(tmp_path, url, "--end", "-10d", code=1)
    assert b"has no samples from" in done.stderr
    assert b"Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_prometheus_that_hangs_ends_the_command_without_a_file(remembering, tmp_path):
    now = int(time.time()) // 60 * 60
    prometheus = remembering([('up{job="node"}', [(at, 1.0) for at in range(now - DAY, now, 60)])])
    os.kill(prometheus.program.process.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        done = run(tmp_path, prometheus.url, "--timeout", "0.5", code=1)
    finally:
        os.kill(prometheus.program.process.pid, signal.SIGCONT)
    assert b"does not answer" in done.stderr
    assert b"Traceback" not in done.stderr
    assert time.monotonic() - started < 15
    assert list(tmp_path.iterdir()) == []


def test_an_expression_that_prometheus_refuses_costs_only_its_values(week):
    prometheus = Prometheus(week.url)
    start, end = week.end - DAY, week.end - 7200
    queries = [Query("up"), Query("up * on () up"), Query("sum(up) # a comment"), Query("up * on () up", "grid")]
    answers = QueryRunner(prometheus, Grid(start, end, 3600), start, lambda: None).run_queries(queries)
    prometheus.close()
    assert set(answers.series) == {queries[0], queries[2]}
    assert "many-to-many" in answers.faults[queries[1]]
    results = Results({"sum": queries[2]}, answers, [])
    assert [sample.value for sample in results.read_samples("sum")] == list(week.query("sum(up)", end).values())


def test_labels_with_markup_are_text_in_every_format(week, tmp_path):
    for form in ("html", "md"):
        run(tmp_path, week.url, "--for", "containers", "--format", form)
        text = (tmp_path / f"report.{form}").read_text()
        assert "<b onclick" not in text
        assert "&lt;b onclick=" in text
    assert "<script" not in (tmp_path / "report.html").read_text()
    assert "http" not in (tmp_path / "report.html").read_text().replace(week.url, "")


def test_a_file_of_another_program_is_kept(week, tmp_path):
    target = tmp_path / "report.html"
    target.write_text("mine")
    assert b"was not written by this command" in run(tmp_path, week.url, code=1).stderr
    assert target.read_text() == "mine"
    run(tmp_path, week.url, "--force", "--range", "1d")
    run(tmp_path, week.url, "--range", "1d")  # now it is ours
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_full_disk_leaves_no_part_of_a_file(week, need, tmp_path):
    need.luck(os.geteuid() == 0, "only root can mount a small disk")
    command = [str(DECKWATCH), "report", "--prometheus", week.url, "--alertmanager", NOBODY, "--range", "1d"]
    mount = f"mount -t tmpfs -o size=16k tmpfs {tmp_path} && cd {tmp_path}"
    script = f"{mount} && {shlex.join(command)}; code=$?; ls -A; exit $code"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "report.html was not written: No space left on device" in done.stderr
    assert done.stdout == ""


def test_a_service_without_a_sample_is_named(week, tmp_path):
    report = read(tmp_path, week.url, "--range", "2d")
    rows = {row["service"]["text"]: row for row in tables(report)["services", "services"]["rows"]}
    assert not any(cell["value"] for name, cell in rows["archive"].items() if name != "service")
    assert any("archive has no data at all" in finding["text"] for finding in report["findings"])
    assert "shop-db" not in rows  # a database


def test_progress_is_shown_on_a_terminal_and_nowhere_else(week, tmp_path):
    words = ["--prometheus", week.url, "--alertmanager", NOBODY, "--range", "1d", "--format", "json", "--out", "-"]
    reader, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        [DECKWATCH, "report", *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        shown = b""
        assert process.stdout is not None
        data = process.stdout.read()
        with contextlib.suppress(OSError):  # the end of a terminal
            while piece := os.read(reader, 4096):
                shown += piece
    os.close(reader)
    assert process.returncode == 0
    assert b"reading" in shown
    assert json.loads(data)["title"] == "Daily report"
    assert b"reading" not in run(tmp_path, week.url, "--range", "1d").stderr


def test_only_what_was_there_all_the_time_has_a_forecast(remembering, tmp_path):
    now = int(time.time()) // 60 * 60
    times = range(now - 7 * DAY, now + 60, 300)
    young = [at for at in times if at >= now - 2 * DAY]
    samples = [('up{job="node"}', [(at, 1.0) for at in times])]

    def write_container(name: str, identity: str, points: list[tuple[int, float]]) -> None:
        labels = f'instance="web-1",name="{name}",id="{identity}"'
        samples.append((f"container_memory_working_set_bytes{{{labels}}}", points))
        samples.append((f"container_spec_memory_limit_bytes{{{labels}}}", [(at, 1e9) for at, _ in points]))

    write_container("leaky", "a", [(at, 6e8 + (at - times[0]) / DAY * 5e7) for at in times])
    # Created again two days ago: its line is that of two days, and the old one has ended.
    write_container("again", "b", [(at, 1e8 + (at - times[0]) / DAY * 1e8) for at in times if at < young[0]])
    write_container("again", "c", [(at, 3e8 + (at - young[0]) / DAY * 1e8) for at in young])
    disk = 'node_filesystem_avail_bytes{instance="new-1",device="a",mountpoint="/",fstype="ext4"}'
    samples.append((disk, [(at, 5e9 - (at - young[0]) * 1e3) for at in young]))
    prometheus = remembering(samples)
    rows = tables(read(tmp_path, prometheus.url))["capacity", "resources"]["rows"]
    found = {row["where"]["text"]: row for row in rows}
    assert set(found) == {"leaky web-1", "/ new-1"}
    assert found["/ new-1"]["runs_out"]["text"] == "not foreseeable"
    leaky = found["leaky web-1"]
    assert leaky["resource"]["text"] == "Memory of container"
    [left] = prometheus.query('1e9 - container_memory_working_set_bytes{name="leaky"}', now).values()
    assert leaky["left"]["value"] == pytest.approx(left, rel=0.01)
    assert leaky["runs_out"]["value"] == pytest.approx(left / 5e7 * DAY, rel=0.01)


def test_an_invalid_signal_of_the_project_costs_only_its_own_figures(week, tmp_path):
    (tmp_path / "deckwatch.yaml").write_text("{}\n")
    (tmp_path / "signals").mkdir()
    (tmp_path / "signals" / "host.yaml").write_text("signals:\n  cpu: {expr: 'sum(', unit: ratio}\n")
    report = read(tmp_path, week.url, "--range", "3d")
    assert (
        "Figures of the signal host.cpu are left out: its expression is not valid ('(' is not closed)."
        in report["notes"]
    )
    figures = {row["figure"]["text"] for row in tables(report)["peaks", "peaks"]["rows"]}
    assert "Memory usage" in figures
    assert "CPU usage" not in figures
    argv = [DECKWATCH, "export-data", "host.cpu", "--start", "-1h", "--prometheus", week.url]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stderr == "deckwatch: the expression of the signal host.cpu is not valid: '(' is not closed\n"
    assert done.returncode == 1
