"""Mutual TLS by `deckwatch pki`: a real Prometheus reads two exporters, refuses a third, and warns in time."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deckwatch.core.http import Client
from deckwatch.provisioning.program import Program, free_port
from deckwatch.provisioning.servers import PROMETHEUS

pytestmark = [pytest.mark.live, pytest.mark.slow]

DECKWATCH = Path(sys.executable).with_name("deckwatch")
DAYS = 5  # less than the alert's threshold
FAULTS = {"ExporterCertificateExpires": {"instance": "web-1"}}
PROJECT = """\
pki: {{folder: "{folder}"}}
hosts:
  - {{name: web-1, address: "127.0.0.1:{ports[0]}"}}
  - {{name: web-2, address: "localhost:{ports[1]}"}}
  - {{name: web-3, address: "127.0.0.1:{ports[2]}"}}
"""


def run(folder: Path, *words: str) -> None:
    subprocess.run([DECKWATCH, "--project", folder, "pki", *words], check=True, capture_output=True, text=True)


def listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def exporters(tmp_path):
    """The folder of an authority and the ports of three exporters; the third has a certificate of another authority."""
    ports = [free_port() for _ in range(3)]
    (tmp_path / "deckwatch.yaml").write_text(PROJECT.format(folder="pki", ports=ports))
    run(tmp_path, "init")
    run(tmp_path, "issue", "web-1", f"--days={DAYS}")
    run(tmp_path, "issue", "web-2")
    run(tmp_path, "init", "--folder", str(tmp_path / "strange"))
    run(tmp_path, "issue", "web-3", "--folder", str(tmp_path / "strange"))
    (tmp_path / "empty").mkdir()
    started = []
    for number, port in enumerate(ports, 1):
        folder = tmp_path / ("pki" if number < 3 else "strange") / f"hosts/web-{number}"
        argv = [DECKWATCH, "--project", tmp_path / "empty", "serve", "--listen", f"127.0.0.1:{port}"]
        argv += ["--docker-host", "", "--web.config.file", folder / "web-config.yml"]
        log = tmp_path / f"web-{number}.log"
        started.append(Program("deckwatch", list(map(str, argv)), log, lambda port=port: listens(port)).start())
    for program in started:
        program.wait_ready()
    yield tmp_path, ports
    for program in started:
        program.stop()


def test_only_exporters_of_our_authority_are_read_and_one_that_expires_is_reported(exporters, alarm, eventually):
    folder, ports = exporters
    project = PROJECT.format(folder=folder / "pki", ports=ports)
    chain = alarm("", project=project, hurried=True, alerts=FAULTS)
    chain.wait_for_series('count(up{job="node", instance=~"web-[12]"} == 1) == 2')
    chain.fire(FAULTS)
    assert not chain.query('ALERTS{alertname="ExporterCertificateExpires", instance="web-2"}')

    def errors() -> dict[str, str]:
        found = Client(chain.stack.url(PROMETHEUS)).get("/api/v1/targets", state="active")["data"]["activeTargets"]
        return {one["labels"]["instance"]: one["lastError"] for one in found if one["labels"]["job"] == "node"}

    eventually(lambda: "certificate signed by unknown authority" in errors().get("web-3", ""), 60)
    for key in (None, folder / "strange/prometheus"):  # no certificate, and one of the other authority
        options = ["--cert", key / "tls.crt", "--key", key / "tls.key"] if key else []
        url = f"https://127.0.0.1:{ports[0]}/metrics"
        command = ["curl", "--silent", "--show-error", "--cacert", folder / "pki/ca.crt", *options, url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode != 0, done.stdout
        assert "# HELP" not in done.stdout

    run(folder, "renew", "web-1")
    chain.end(FAULTS)
    chain.wait_for_series('up{job="node", instance="web-1"} == 1')
