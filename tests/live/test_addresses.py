"""Addresses of programs: below a path, behind a proxy, run by someone else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from deckwatch.cli import _project
from deckwatch.core.http import Client
from deckwatch.provisioning import stack
from deckwatch.provisioning.program import Program, find_program, free_port
from deckwatch.provisioning.servers import ALERTMANAGER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack
from deckwatch.provisioning.write import write_plan

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.live


def test_alerts_reach_an_alertmanager_below_a_path(need: Any, tmp_path: Path) -> None:
    need("prometheus", get="apt-get install prometheus")
    alertmanager = find_program("prometheus-alertmanager", "alertmanager")
    if alertmanager is None:
        need("alertmanager", get="apt-get install prometheus-alertmanager")
    prometheus_port, alertmanager_port = free_port(), free_port()
    url = f"http://127.0.0.1:{alertmanager_port}/am"
    (tmp_path / "deckwatch.yaml").write_text(
        f"addresses: {{internal: {{alertmanager: '{url}', prometheus: 'http://127.0.0.1:{prometheus_port}'}}}}\n"
        "build: {scrape_interval: 1s, targets: {prometheus: '2.42', alertmanager: '0.25'}}\n"
    )
    write_plan(stack.build(_project.load_project(tmp_path)).plan, tmp_path / "out")
    receiver = Program(
        "alertmanager",
        [
            str(alertmanager),
            f"--config.file={tmp_path}/out/alertmanager/alertmanager.yml",
            f"--storage.path={tmp_path}/am",
            f"--web.listen-address=127.0.0.1:{alertmanager_port}",
            f"--web.external-url={url}",
            "--cluster.listen-address=",
        ],
        tmp_path / "am.log",
        f"{url}/-/ready",
    )
    sender = Program(
        "prometheus",
        [
            "prometheus",
            f"--config.file={tmp_path}/out/prometheus/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{prometheus_port}",
            "--rules.alert.resend-delay=2s",  # the first evaluation precedes the discovery of Alertmanager
        ],
        tmp_path / "prometheus.log",
        f"http://127.0.0.1:{prometheus_port}/-/ready",
    )
    with receiver, sender, Client(f"http://127.0.0.1:{prometheus_port}") as client, Client(url) as alerts:
        deadline = time.monotonic() + 40
        received: set[str] = set()
        states: dict[str, str] = {}
        while time.monotonic() < deadline and ("Watchdog" not in received or states.get("alertmanager") != "up"):
            time.sleep(0.5)
            received = {alert["labels"]["alertname"] for alert in alerts.get("/api/v2/alerts")}
            active = client.get("/api/v1/targets")["data"]["activeTargets"]
            states = {target["labels"]["job"]: target["health"] for target in active}
        assert "Watchdog" in received
        assert (states["prometheus"], states["alertmanager"]) == ("up", "up")


def test_programs_behind_a_proxy_know_their_addresses_and_answer_here(need: Any, tmp_path: Path) -> None:
    need("prometheus", get="apt-get install prometheus")
    need("prometheus-alertmanager", "alertmanager", get="apt-get install prometheus-alertmanager")
    (tmp_path / "deckwatch.yaml").write_text(
        "addresses: {prometheus: https://watch.example/prometheus, alertmanager: https://watch.example/am}\n"
        "teams: {shop: {webhook: {url: 'http://127.0.0.1:9/'}}}\n"
    )
    with LocalStack(
        _project.load_project(tmp_path),
        tmp_path / "state",
        programs=(PROMETHEUS, ALERTMANAGER),
        links={"alertmanager": "https://alerts.example/am"},
        ports={},
    ) as local:
        with Client(local.url(PROMETHEUS)) as client:
            flags = client.get("/api/v1/status/flags")["data"]
            assert flags["web.external-url"] == "https://watch.example/prometheus"
        with Client(local.url(ALERTMANAGER)) as client:
            assert client.get("/api/v2/status")["versionInfo"]
        templates = (local.site.bundle / "alertmanager" / "templates" / "deckwatch.tmpl").read_text()
        assert '{{ define "deckwatch.alertmanager" }}https://alerts.example/am{{ end }}' in templates
