"""A real Prometheus scrapes probes at intervals of their own, for as long as they may take."""

from __future__ import annotations

import json
import time
import urllib.request

import pytest

from deckwatch.cli import _project
from deckwatch.provisioning.servers import EXPORTER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

pytestmark = pytest.mark.live


def test_prometheus_scrapes_each_probe_at_its_interval(need, tmp_path, probed_app):
    need("prometheus", get="apt-get install prometheus")
    (tmp_path / "deckwatch.yaml").write_text(
        "build: {scrape_interval: 5s}\nwatch:\n  probes:\n"
        f"    - {{service: usual, http: '{probed_app}/0?usual'}}\n"
        f"    - {{service: often, http: '{probed_app}/0?often', interval: 1s, timeout: 300ms}}\n"
        f"    - {{service: slow, http: '{probed_app}/11', interval: 1m, timeout: 20s}}\n"
    )
    project = _project.load_project(tmp_path, keep_invalid=True)

    def ask(path):
        with urllib.request.urlopen(f"{stack.url(PROMETHEUS)}/api/v1/{path}", timeout=5) as answer:
            return json.load(answer)["data"]

    def count_samples(service):
        found = ask(f"query?query=count_over_time(probe_success{{service='{service}'}}[1m])")["result"]
        return int(found[0]["value"][1]) if found else 0

    with LocalStack(project, tmp_path / "state", (EXPORTER, PROMETHEUS), ports={}) as stack:
        deadline = time.monotonic() + 40
        while count_samples("often") < 6 or count_samples("usual") < 1:
            assert time.monotonic() < deadline, ask("targets")
            time.sleep(0.2)
        assert count_samples("often") > 2 * count_samples("usual")
        targets = [each for each in ask("targets")["activeTargets"] if each["labels"]["job"] == "blackbox"]
        scraped = {
            each["discoveredLabels"]["__param_probe"]: (each["scrapeInterval"], each["scrapeTimeout"])
            for each in targets
        }
    assert scraped == {"usual": ("5s", "5s"), "often": ("1s", "1s"), "slow": ("60s", "21s")}
