"""Thresholds from what a real Prometheus remembers."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from deckwatch.provisioning.program import Program, free_port

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
ALERTS = """\
title: Shop
owner: shop
alerts:
  ShopQueueLong:
    expr: shop_queue_length
    above: 10
    for: 5m
    severity: warning
    each: [service]
    summary: Orders wait.
    means: Customers get their goods too late.
    do: [Look at the queue.]
    proof:
      - {give: [{value: 11, for: 9m}], fires: 5m}
      - {give: [{value: 10, for: 9m}], silent: true}
"""
MINUTES = 120
LONG, SHORT = range(30, 50), range(70, 73)  # minutes of two crowds, of which only the first lasts


def test_a_limit_that_fired_is_moved_behind_the_worst_that_lasted(need, tmp_path):
    get = "apt-get install prometheus"
    prometheus, promtool = need("prometheus", get=get), need("promtool", get=get)
    end = int(time.time()) - 60
    lines = []
    for minute in range(MINUTES):
        value = 30 if minute in LONG else 90 if minute in SHORT else 4
        begun = end - (MINUTES - minute) * 60
        lines += [f'shop_queue_length{{service="shop"}} {value} {begun + second}\n' for second in range(0, 60, 15)]
    (tmp_path / "past").write_text("".join(lines) + "# EOF\n")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "past", "tsdb"]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    (tmp_path / "prometheus.yml").write_text("{}\n")
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts" / "shop.yaml").write_text(ALERTS)
    (tmp_path / "deckwatch.yaml").write_text("metrics:\n  shop_queue_length: {kind: gauge, labels: [service]}\n")
    base = f"http://127.0.0.1:{free_port()}"
    argv = [
        prometheus,
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/tsdb",
        f"--web.listen-address={base.removeprefix('http://')}",
    ]
    with Program("prometheus", argv, tmp_path / "log", f"{base}/-/ready"):
        asked = [DECKWATCH, "--project", tmp_path, "alerts", "suggest", "--prometheus", base, "--range", "3h"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False, env={"COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    (row,) = [line.split() for line in done.stdout.splitlines() if line.lstrip().startswith("ShopQueueLong ")]
    assert row[:5] == ["ShopQueueLong", "10", "4", "30", "1"]
    assert done.stdout.endswith("build:\n  set:\n    ShopQueueLong.above: 33\n")
