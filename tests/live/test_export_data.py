"""`deckwatch export-data` on a real Prometheus: what it writes is compared with what Prometheus answers directly."""

import contextlib
import csv
import io
import json
import math
import os
import pty
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from deckwatch.core.http import Client
from deckwatch.core.time_points import load_zone
from deckwatch.provisioning.data_export import export, formats, range_reader
from deckwatch.provisioning.data_export.partial_file import PartialFile
from deckwatch.provisioning.data_export.range_reader import Grid

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
START = int(datetime.fromisoformat("2026-10-24T22:00:00+00:00").timestamp())  # the day on which Berlin sets clocks back
STEP = 60
COUNT = 6 * 60
FORMULA, MARKUP = "=cmd|' /C calc'!A0", 'a "quoted", <b>two\nlines</b> ü'


def at(index):
    return START + index * STEP


@pytest.fixture
def samples():
    """Series that last, end, begin late with a label of their own, return, and have values that are not finite."""
    every = range(COUNT)
    return [
        ('deck{name="steady"}', [(at(i), float(i)) for i in every]),
        (f'deck{{name="{FORMULA}"}}', [(at(i), 0.1 * i) for i in every if i < 100]),
        ('deck{name="late",zone="b"}', [(at(i), -1e-9 * i) for i in every if i >= 200]),
        (
            'deck{name="returns",text="' + MARKUP.replace('"', '\\"').replace("\n", "\\n") + '"}',
            [(at(i), 1e21) for i in every if i < 50 or i >= 300],
        ),
        ('deck{name="odd"}', [(at(i), (math.nan, math.inf, -math.inf, 1.0)[i % 4]) for i in every]),
        ('node_cpu_seconds_total{instance="web-1",job="node",cpu="0",mode="idle"}', [(at(i), 30.0 * i) for i in every]),
    ]


@pytest.fixture
def prometheus(remembering, samples):
    return remembering(samples)


def run_export(*arguments, folder, code=0, **options):
    result = subprocess.run(
        [DECKWATCH, "export-data", *arguments], cwd=folder, capture_output=True, text=True, check=False, **options
    )
    assert result.returncode == code, result.stderr
    return result


def span(prometheus):
    return "--prometheus", prometheus.url, "--start", str(START), "--end", str(at(COUNT - 1)), "--step", "1m"


def expected_rows(prometheus, expr):
    """Return {(time, labels): value}, with None at the first time without a sample of a series that had one."""
    rows = {}
    for series in prometheus.get("query_range", query=expr, start=START, end=at(COUNT - 1), step=STEP)["result"]:
        labels = tuple(sorted(series["metric"].items()))
        known = {int(when): value for when, value in series["values"]}
        for i in range(COUNT):
            if at(i) in known:
                rows[at(i), labels] = float(known[at(i)])
            elif at(i - 1) in known:
                rows[at(i), labels] = None
    return rows


def same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert str(found[key]) == str(value), key
    return True


def read_csv(text):
    rows = {}
    for row in csv.DictReader(io.StringIO(text, newline=""), strict=True):
        when = int(datetime.fromisoformat(row.pop("time")).timestamp())
        value = row.pop("value")
        labels = tuple(sorted((label, text.removeprefix("'")) for label, text in row.items() if text))
        assert (when, labels) not in rows
        rows[when, labels] = float(value) if value else None
    return rows


def read_json(text):
    return {
        (int(datetime.fromisoformat(row["time"]).timestamp()), tuple(sorted(row["labels"].items()))): (
            None if row["value"] is None else float(row["value"])
        )
        for row in json.loads(text)
    }


def read_parquet(path):
    io_of_arrow = pytest.importorskip("arro3.io")
    table = io_of_arrow.read_parquet(path).read_all()
    columns = {name: table[name].to_pylist() for name in table.column_names}
    times, values = columns.pop("time"), columns.pop("value")
    rows = {}
    for i, (when, value) in enumerate(zip(times, values, strict=True)):
        labels = tuple(sorted((name, column[i]) for name, column in columns.items() if column[i] is not None))
        rows[int(when.timestamp()), labels] = value
    return rows


def test_every_format_has_the_values_of_prometheus(prometheus, tmp_path):
    expected = expected_rows(prometheus, "deck")
    assert sum(value is None for value in expected.values()) == 2
    for name in ("csv", "json", "parquet"):
        done = run_export("deck", *span(prometheus), "--format", name, "--out", f"deck.{name}", folder=tmp_path)
        assert f"{sum(value is not None for value in expected.values()):,} samples" in done.stderr
    assert same(read_csv((tmp_path / "deck.csv").read_text()), expected)
    assert same(read_json((tmp_path / "deck.json").read_text()), expected)
    assert same(read_parquet(tmp_path / "deck.parquet"), expected)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["deck.csv", "deck.json", "deck.parquet"]
    text = (tmp_path / "deck.csv").read_text()
    assert f"'{FORMULA}" in text
    assert not re.search(r"(?:^|,)\"?[=@]", text, re.MULTILINE)


def test_a_stream_is_the_same_file(prometheus, tmp_path):
    for name in ("csv", "json"):
        streamed = run_export("deck", *span(prometheus), "--format", name, folder=tmp_path).stdout
        read = {"csv": read_csv, "json": read_json}[name]
        assert same(read(streamed), expected_rows(prometheus, "deck"))
    refused = run_export("deck", *span(prometheus), "--format", "parquet", folder=tmp_path, code=1)
    assert "name a file with --out" in refused.stderr


def test_times_are_those_of_the_zone_on_the_day_when_clocks_change(prometheus, tmp_path):
    local = ("--start", "2026-10-25T00:00", "--end", "2026-10-25T04:00", "--step", "30m", "--zone", "Europe/Berlin")
    text = run_export('deck{name="steady"}', "--prometheus", prometheus.url, *local, folder=tmp_path).stdout
    times = [line.partition(",")[0][11:] for line in text.splitlines()[1:]]
    assert times == [
        *("00:00:00+02:00", "00:30:00+02:00", "01:00:00+02:00", "01:30:00+02:00", "02:00:00+02:00", "02:30:00+02:00"),
        *("02:00:00+01:00", "02:30:00+01:00", "03:00:00+01:00", "03:30:00+01:00", "04:00:00+01:00"),
    ]
    assert [float(line.split(",")[1]) for line in text.splitlines()[1:]] == [30.0 * i for i in range(11)]


@pytest.mark.parametrize("name", ["csv", "json", "parquet"])
def test_the_size_of_chunks_leaves_no_trace(prometheus, tmp_path, monkeypatch, name):
    zone = load_zone("UTC")
    texts = {}
    for size, first in ((7, 1), (500, 60), (10**6, COUNT)):
        monkeypatch.setattr(range_reader, "_SAMPLES", size)
        monkeypatch.setattr(range_reader, "_FIRST_STEPS", first)
        grid = Grid(START * 1000, STEP * 1000, COUNT)
        wanted = export.Export("deck", grid, formats.create_format(name, zone), zone)
        path = tmp_path / f"{size}.{name}"
        steps = []
        with Client(prometheus.url) as client, PartialFile(path, {}, [0]) as partial:
            export.export_to_file(wanted, client, partial, steps.append)
        assert sum(steps) == COUNT
        texts[size] = read_parquet(path) if name == "parquet" else path.read_bytes()
    if name == "csv":  # columns are in the order of their appearance
        texts = {size: read_csv(text.decode()) for size, text in texts.items()}
    assert str(texts[7]) == str(texts[500]) == str(texts[10**6])


def test_a_terminal_shows_the_progress(prometheus, tmp_path):
    reader, terminal = pty.openpty()
    arguments = ["deck", *span(prometheus), "--out", "deck.csv"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        [DECKWATCH, "export-data", *arguments], cwd=tmp_path, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while piece := os.read(reader, 4096):
                shown += piece
    os.close(reader)
    assert process.returncode == 0
    assert f"{COUNT}/{COUNT}".encode() in shown
    assert b"exporting" in shown


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_a_full_disk_leaves_nothing(prometheus, tmp_path, need, name):
    need.luck(os.geteuid() == 0, "only root can mount a small disk")
    rows = run_export("deck", *span(prometheus), "--out", "rows.csv", folder=tmp_path)
    assert rows
    blocks = (tmp_path / "rows.csv").stat().st_size // 4096 + (-2 if name == "csv" else 5)  # or not all of Parquet fits
    script = (
        f"mount -t tmpfs -o size={4 * blocks}k tmpfs {tmp_path} && cd {tmp_path} && "
        f'"$@"; code=$?; ls -A {tmp_path} >&2; exit $code'
    )
    command = [DECKWATCH, "export-data", "deck", *span(prometheus), "--format", name, "--out", f"{tmp_path}/full"]
    result = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *command], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr == f"deckwatch: {tmp_path}/full: the disk is full; what had been written was removed\n"


def test_a_file_that_exists_is_replaced_only_on_request(prometheus, tmp_path):
    (tmp_path / "mine.csv").write_text("mine")
    refused = run_export("deck", *span(prometheus), "--out", "mine.csv", folder=tmp_path, code=1)
    assert refused.stderr == ("deckwatch: mine.csv exists: choose another name, or replace it with --overwrite\n")
    assert (tmp_path / "mine.csv").read_text() == "mine"
    run_export("deck", *span(prometheus), "--out", "mine.csv", "--overwrite", folder=tmp_path)
    assert (tmp_path / "mine.csv").read_text().startswith("time,value,__name__,name")


def test_a_signal_is_that_of_the_panels(prometheus, tmp_path):
    text = run_export("host.cpu", *span(prometheus), folder=tmp_path).stdout
    expr = '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[4m]))'
    assert same(read_csv(text), expected_rows(prometheus, expr)), "the running Prometheus scrapes once a minute"
    for stated, window in (("2m", "8m"), ("5s", "4m")):
        (tmp_path / "deckwatch.yaml").write_text(f"build: {{scrape_interval: {stated}}}\n")
        text = run_export("host.cpu", *span(prometheus), folder=tmp_path).stdout
        assert same(read_csv(text), expected_rows(prometheus, expr.replace("4m", window)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("host.cpus",), "no signal is called host.cpus (did you mean host.cpu?)"),
        (("application.latency",), "application.latency is a histogram: a suffix is required (one of"),
        (("sum(",), "unclosed left parenthesis"),
        (("deck", "--step", "0s"), "expected at least 1ms"),
        (("deck", "--step", "often"), "'often' is not a duration such as"),
        (("deck", "--start", "2026-12-02", "--end", "2026-12-01"), "before it starts"),
        (("deck", "--zone", "Europe/Berlim"), "did you mean Europe/Berlin?"),
        (("deck", "--format", "xlsx"), "'xlsx' is not one of 'csv', 'json', 'parquet'"),
        (("deck", "--prometheus", "http://127.0.0.1:9"), "does not answer: connection refused"),
    ],
)
def test_mistakes_are_explained(prometheus, tmp_path, arguments, message):
    result = run_export(*span(prometheus), *arguments, folder=tmp_path, code=1)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_label_too_late_for_a_stream_is_reported(prometheus, tmp_path, monkeypatch):
    """Between two of the times at which labels are looked up, a label appears and vanishes."""
    zone = load_zone("UTC")
    monkeypatch.setattr(export, "_COARSE_TIMES", 1)
    monkeypatch.setattr(range_reader, "_FIRST_STEPS", 10)
    grid = Grid(START * 1000, STEP * 1000, COUNT)
    wanted = export.Export("deck", grid, formats.create_format("csv", zone), zone)
    with Client(prometheus.url) as client, pytest.raises(export.DeckwatchError, match="have the label zone"):
        export.export_to_stream(wanted, client, io.BytesIO(), lambda _: None)
