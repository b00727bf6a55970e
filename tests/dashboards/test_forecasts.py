"""Forecasts of the shipped signals, evaluated by promtool: none from a few samples, and none below zero."""

import subprocess
from pathlib import Path

import pytest
import yaml

SIGNALS = Path(__file__).parents[2] / "dashboards" / "signals"
DISK = '{instance="web-1", device="/dev/sda1", mountpoint="/", fstype="ext4"}'


@pytest.fixture(scope="module")
def promtool(need):
    return need("promtool", get="apt-get install prometheus")


def read_expression(topic, name):
    return yaml.safe_load((SIGNALS / f"{topic}.yaml").read_text())["signals"][name]["expr"]


@pytest.mark.parametrize(
    ("topic", "signal", "series", "step", "early", "late", "expected"),
    [
        # Of 100 GB, 1 GB is used in an hour.
        ("capacity", "disk_in", f"node_filesystem_avail_bytes{DISK}", "1h", "5h", "10h", 90 * 3600),
        ("capacity", "inodes_in", f"node_filesystem_files_free{DISK}", "1h", "5h", "10h", 90 * 3600),
        ("host", "filesystem_full_in", f"node_filesystem_avail_bytes{DISK}", "30m", "1h", "5h", 90 * 1800),
        ("capacity", "memory_in", 'node_memory_MemAvailable_bytes{instance="web-1"}', "15m", "1h", "150m", 90 * 900),
        ("capacity", "memory_forecast", 'node_memory_MemAvailable_bytes{instance="web-1"}', "1m", "14m", "20m", 0),
    ],
)
def test_a_forecast_needs_a_quarter_of_its_window(
    *, promtool, tmp_path, topic, signal, series, step, early, late, expected
):
    expr = read_expression(topic, signal)
    labels = "{" + ", ".join(f'{name}="{value}"' for name, value in kept_labels(expr, series)) + "}"
    test = {
        "interval": step,
        "input_series": [{"series": series, "values": "100e9-1e9x60"}],
        "promql_expr_test": [
            {"expr": expr, "eval_time": early, "exp_samples": []},
            {"expr": f"round({expr})", "eval_time": late, "exp_samples": [{"labels": labels, "value": expected}]},
        ],
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump({"evaluation_interval": step, "tests": [test]}))
    done = subprocess.run([promtool, "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def kept_labels(expr, series):
    """Yield the labels of the result, those in the first `by (…)`."""
    names = [name.strip() for name in expr.partition("by (")[2].partition(")")[0].split(",")]
    for pair in series.partition("{")[2].rstrip("}").split(", "):
        name, _, value = pair.partition("=")
        if name in names:
            yield name, value.strip('"')
