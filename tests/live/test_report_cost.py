"""What a report costs: few requests and a small file, however many containers there are."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
QUERIES = re.compile(r'^prometheus_http_requests_total\{[^}]*handler="/api/v1/query[^}]*\} (\S+)$', re.MULTILINE)
END = 1_790_000_400 // 3600 * 3600


def count_queries(url: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:
        return sum(float(count) for count in QUERIES.findall(response.read().decode()))


def test_a_week_of_200_containers_takes_30_queries_and_a_megabyte(remembering, tmp_path):
    times = range(END - 14 * 86400, END + 1, 240)
    samples = [('up{job="node"}', [(at, 1.0) for at in times])]
    for number in range(200):
        labels = f'instance="web-{number % 4}",id="/docker/{number}",name="a-rather-long-name-of-a-container-{number}"'
        for metric, values in (
            ("container_cpu_usage_seconds_total", [(at, (at - times[0]) * number / 200) for at in times[::8]]),
            ("container_memory_working_set_bytes", [(at, number * 1e6) for at in times[::8]]),
            ("container_spec_memory_limit_bytes", [(at, 256e6) for at in times[-8:]]),
        ):
            samples.append((f"{metric}{{{labels}}}", values))
    for number in range(40):
        labels = (
            f'alertname="Alert{number}",alertstate="firing",severity="critical",owner="team-{number}",name="{number}"'
        )
        samples.append((f"ALERTS{{{labels}}}", [(at, 1.0) for at in times[number * 60 : number * 60 + 500]]))
    url = remembering(samples).url
    for form in ("html", "json", "md"):
        before = count_queries(url)
        argv = [DECKWATCH, "report", "--format", form, "--prometheus", url, "--end", str(END)]
        done = subprocess.run(
            [*argv, "--alertmanager", "http://127.0.0.1:1"], capture_output=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        assert count_queries(url) - before <= 30
        assert (tmp_path / f"report.{form}").stat().st_size < 1_000_000
