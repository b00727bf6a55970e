"""`deckwatch export-data` that is interrupted, by a signal or because Prometheus is away, and then continues."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
START = 1_792_879_200


def run_export(*arguments, folder):
    return subprocess.run(
        [DECKWATCH, "export-data", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_export_continues(remembering, tmp_path, number):
    count = 20_000
    many = [(f'wide{{number="{i:03d}"}}', [(START + 60 * j, float(j)) for j in range(0, count, 2)]) for i in range(60)]
    prometheus = remembering(many)
    arguments = ("--prometheus", prometheus.url, "--start", str(START), "--end", str(START + 60 * count), "--step=1m")
    whole = run_export("wide", *arguments, "--out", "whole.csv", folder=tmp_path)
    partial = tmp_path / "data.csv.partial"
    with subprocess.Popen(
        [DECKWATCH, "export-data", "wide", *arguments, "--out", "data.csv"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not (partial.exists() and partial.stat().st_size > 2_000_000):
            time.sleep(0.01)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode in (130, -number)
    assert not (tmp_path / "data.csv").exists()
    if number == signal.SIGINT:
        assert "the same command continues" in errors
        assert json.loads((tmp_path / "data.csv.partial.json").read_bytes())["progress"]["next_index"] > 0
    continued = run_export("wide", *arguments, "--out", "data.csv", folder=tmp_path)
    assert "continuing data.csv.partial" in continued.stderr
    assert continued.stderr.splitlines()[-1].replace("data.csv", "whole.csv") == whole.stderr.splitlines()[-1]
    assert (tmp_path / "data.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data.csv", "whole.csv"]


def test_an_export_continues_after_prometheus_was_away(remembering, tmp_path):
    count = 20_000
    many = [(f'wide{{number="{i:03d}"}}', [(START + 60 * j, float(j)) for j in range(0, count, 4)]) for i in range(40)]
    prometheus = remembering(many)
    span = ("--start", str(START), "--end", str(START + 60 * count), "--step=1m")
    arguments = ("wide", "--prometheus", prometheus.url, *span, "--format=json", "--out")
    run_export(*arguments, "whole.json", folder=tmp_path)
    partial = tmp_path / "data.json.partial"
    with subprocess.Popen(
        [DECKWATCH, "export-data", *arguments, "data.json"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not (partial.exists() and partial.stat().st_size > 2_000_000):
            time.sleep(0.01)
        prometheus.program.stop()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the same command continues" in errors
    assert errors.splitlines()[-1].startswith(f"deckwatch: {prometheus.url} does not answer: ")
    prometheus.program.start().wait_ready()
    run_export(*arguments, "data.json", folder=tmp_path)
    assert (tmp_path / "data.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
