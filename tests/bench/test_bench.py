"""Foundations of the measurements: shared series of pages, simulated machines, the files that a scrape reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import _options
from bench._process import cpu_seconds
from bench._series import Series
from bench._simulated_machine import WORLDS, simulated_machine
from deckwatch.exporter import collector
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.world import World

OURS = b"""\
# TYPE node_load1 gauge
node_load1 0.5
node_cpu_seconds_total{cpu="0",mode="idle"} 1
container_cpu_usage_seconds_total{id="/docker/a",name="web",image="i",cpu="total"} 2
deckwatch_build_info{version="1"} 1
pg_up{server="db"} 1
"""
THEIRS = b"""\
node_load1 0.7
node_cpu_seconds_total{mode="idle",cpu="1"} 1
container_cpu_usage_seconds_total{cpu="cpu00",id="/docker/a",image="i",name="web"} 2 1795275187753
container_cpu_usage_seconds_total{cpu="cpu01",id="/docker/a",image="i",name="web"} 2 1795275187753
container_cpu_usage_seconds_total{cpu="cpu00",id="/docker/b",image="i",name="db \\"}"} 2 1795275187753
deckwatch_build_info{version="1"} 1
pg_up 1
"""

FILE_SIZES = "import json, sys; from bench import _floor; print(json.dumps(_floor.bytes_per_file(sys.argv[1:])))"


def test_series_are_shared_by_container_or_by_every_label():
    ours, theirs = Series.from_page(OURS), Series.from_page(THEIRS)
    assert (ours.count, theirs.count) == (5, 7)
    assert ours.count_shared([theirs]) == 3  # the load, the container, the database
    assert theirs.count_shared([ours]) == 4  # here the container has two


# Those of Docker: a captured CRI runtime has no key `containers`.
@pytest.mark.parametrize(
    "name", [path.parent.name for path in WORLDS.glob("*/engine.json") if "containers" in json.loads(path.read_text())]
)
def test_a_simulated_machine_has_the_requested_containers_with_all_series(name):
    with simulated_machine(name, 3) as machine:
        options = dict(option.removeprefix("--path.").split("=", 1) for option in machine.options)
        roots = {root: Path(options[root]) for root in ("procfs", "sysfs", "rootfs")}
        collectors = {
            name: item
            for name, item in collector.load_collectors().items()
            if item.default and name.startswith("container_")
        }
        with World(**roots, docker_host=options["--docker-host"]) as world:
            outcomes = Scraper(world, collectors).scrape(seconds=60)
        assert not [outcome.collector.name for outcome in outcomes if outcome.error]
        output = subprocess.run(
            [sys.executable, "-c", FILE_SIZES, *machine.options], check=True, capture_output=True, text=True
        ).stdout
        files = json.loads(output)
        assert all(Path(file).is_relative_to(machine.folder) for file in files)
        assert sum(file.endswith("/memory.stat") for file in files) == 3
        assert sum(file.endswith("/net/dev") and "/1/" not in file for file in files) == 3
        assert files[str(roots["procfs"] / "meminfo")] == (roots["procfs"] / "meminfo").stat().st_size
    assert not machine.folder.exists()


def test_cpu_seconds_agree_with_the_clock_of_the_process():
    before = time.process_time()
    measured = cpu_seconds(os.getpid())
    assert before <= measured <= time.process_time()


def test_unknown_measurements_are_reported(capsys):
    with pytest.raises(SystemExit):
        _options.parse_options(["skrape"], ["scrape", "startup"])
    assert "unknown measurement skrape; expected scrape, startup" in capsys.readouterr().err
    assert _options.parse_options(["--sizes=5,7", "scrape"], ["scrape"]).container_counts(1, 2) == (5, 7)
    assert _options.parse_options(["--quick"], ["scrape"]).container_counts(0, 30, 200) == (30,)
