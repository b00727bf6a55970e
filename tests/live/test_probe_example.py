"""The example of probes over other protocols runs as its README says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

from deckwatch.exporter.sources.icmp_echo import EchoNotPermitted
from deckwatch.provisioning.program import Program, free_port

pytestmark = pytest.mark.live

EXAMPLE = Path(__file__).parents[2] / "examples" / "protocols"


def test_the_example(probe, tmp_path):
    ports = {port: str(free_port()) for port in ("5300", "2500", "5005", "5006")}

    def use_own_ports(name):
        return re.sub("|".join(ports), lambda found: ports[found[0]], (EXAMPLE / name).read_text())

    servers = tmp_path / "servers.py"
    servers.write_text(use_own_ports("servers.py"))
    log = tmp_path / "log"
    argv = [sys.executable, str(servers)]
    with Program("servers", argv, log=log, ready=lambda: "ready" in log.read_text()):
        reasons = {}
        for entry in yaml.safe_load(use_own_ports("deckwatch.yaml"))["watch"]["probes"]:
            try:
                reasons[len(reasons)] = probe.reason(**entry)
            except EchoNotPermitted:
                reasons[len(reasons)] = ""
    assert reasons == dict.fromkeys(range(8), "")
