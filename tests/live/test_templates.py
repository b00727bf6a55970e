"""Templates with figures: an application that counts all that a template declares fills every panel of it."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from deckwatch.core import yaml_file, yaml_write

# `deckwatch up` takes the usual ports where nobody else does.
pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("up")]

DECKWATCH = Path(sys.executable).with_name("deckwatch")
TEMPLATES = ("web-shop", "workflow", "migration")
# The words that labels have, where queries ask for them; any other label has the one value `one`.
WORDS = {
    "status": ("paid", "refused", "succeeded", "failed", "in_progress", "pending", "open"),
    "state": ("migrated", "pending", "failed", "busy", "idle"),
    "result": ("success", "failure", "passed", "failed", "match", "mismatch"),
    "severity": ("critical", "warning"),
    "system": ("old", "new"),
}
KINDS = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}


@pytest.fixture
def folder(tmp_path):
    """One project of all these templates, which share a Prometheus."""
    for name in TEMPLATES:
        subprocess.run([DECKWATCH, "new", name, tmp_path / name], check=True, capture_output=True)
    whole = tmp_path / "whole"
    declared = {}
    for name in TEMPLATES:
        declared |= yaml_file.read_yaml(tmp_path / name / "deckwatch.yaml").data["metrics"]
        for path in (tmp_path / name).glob("*/*.yaml"):
            there = whole / path.relative_to(tmp_path / name)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_text(path.read_text())
    return whole, declared


@pytest.fixture
def counting(folder):
    """An application that counts all of it, a little more every second."""
    whole, declared = folder
    registry = CollectorRegistry()
    series = []
    for name, declaration in declared.items():
        labels = declaration.get("labels", [])
        made = KINDS[declaration["kind"]](name, declaration.get("help") or name, labels, registry=registry)
        words = itertools.product(*(WORDS.get(label, ("one",)) for label in labels))
        series += [(name, made.labels(*one) if labels else made) for one in words]
    server, thread = start_http_server(0, "127.0.0.1", registry)
    (whole / "deckwatch.yaml").write_text(
        yaml_write.dump_yaml(
            {
                "scrape": [{"service": "mdm", "url": f"http://127.0.0.1:{server.server_port}/metrics"}],
                "metrics": declared,
            }
        )
    )
    enough = threading.Event()

    def count() -> None:
        for step in itertools.count(1):
            for name, one in series:
                if isinstance(one, Counter):
                    one.inc()
                elif isinstance(one, Histogram):
                    one.observe(step % 10 / 10)
                else:
                    one.set(time.time() if "timestamp" in name else 1)
            if enough.wait(1):
                return

    counter = threading.Thread(target=count)
    counter.start()
    yield whole
    enough.set()
    counter.join()
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_panel_of_the_templates_has_data(counting, deckwatch_up) -> None:
    with deckwatch_up(counting) as url:
        command = [DECKWATCH, "verify", "--timeout", "120", "--prometheus", url]
        ran = subprocess.run(command, cwd=counting, capture_output=True, text=True, check=False)
        own = [*counting.glob("dashboards/*.yaml"), *counting.glob("alerts/*.yaml")]
        printed = ran.stdout + ran.stderr
        faults = [line for line in printed.splitlines() if line.startswith(("dashboards/", "alerts/", "signals/"))]
        # What the middleware and probes of an application show is not counted here, and not watched.
        assert faults == [], printed
        for path in own:
            title = yaml_file.read_yaml(path).data.get("dashboard" if path.parent.name == "dashboards" else "", "")
            if title:
                (line,) = re.findall(rf"^ {re.escape(title)}  +\d.*$", ran.stdout, re.MULTILINE)
                assert line.rstrip().endswith("good"), line
