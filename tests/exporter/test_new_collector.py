"""A collector is one file: whatever the file or its test data lacks is listed in one message, with its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deckwatch.core.contract import load_contract
from deckwatch.exporter import collector
from deckwatch.exporter.metric import Metric
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.exporter.collector import Collector

ROOT = Path(__file__).parents[2]
WORLDS = ROOT / "tests/worlds"
HARDWARE = "kernel4.4-no-psi"
SHIPPED = collector.load_collectors()
SENTENCE = re.compile(r"[A-Z].{8,}\.")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_collector_is_complete(name: str, tmp_path: Path) -> None:
    missing = list(missing_parts(SHIPPED[name], tmp_path))
    assert not missing, "to complete the collector:\n" + "\n".join(missing)


def test_everything_missing_from_a_new_file_is_in_one_message(tmp_path: Path) -> None:
    def collect(_: World) -> Iterator[None]:
        yield from ()

    collect.__module__ = "deckwatch.exporter.collectors.host_load"
    declared = collector.collector(Metric("zram_bytes", "gauge", ""))(collect)
    messages = list(missing_parts(declared, tmp_path))
    line = collect.__code__.co_firstlineno
    assert [message.partition(": ")[0] for message in messages] == [
        *[f"exporter/collectors/host_load.py:{line}"] * 4,
        "docs/reference/metrics.md",
    ]
    parts = ("docstring", "begin the name", "help text", "needs=", "make docs")
    for message, part in zip(messages, parts, strict=True):
        assert part in message
    declared = collector.collector(Metric("node_zebra_bytes", "gauge", "Zebras."), needs="sys/block/zebra*")(collect)
    assert "tests/worlds/kernel4.4-no-psi/sys/block/zebra*" in "\n".join(missing_parts(declared, tmp_path))


def missing_parts(declared: Collector, empty: Path) -> Iterator[str]:
    """Yield `file:line: what to write` for everything that a collector lacks."""
    file = f"exporter/collectors/{declared.name}.py"
    line = declared.collect.__code__.co_firstlineno
    if not declared.reads_from:
        yield f'{file}:1: end the first line of the docstring with the source: """Title, from /proc/name."""'
    if not SENTENCE.fullmatch(declared.help):
        yield f'{file}:{line}: write a docstring of one sentence for collect: """What the metrics show."""'
    prefixes = (
        load_contract()["own_prefix"],
        *load_contract()["peer_prefixes"],
        *load_contract()["application_prefixes"],
    )
    for metric in declared.metrics:
        if not metric.name.startswith(prefixes):
            yield f"{file}:{line}: begin the name of {metric.name} with one of {', '.join(prefixes)}"
        if not metric.help:
            yield f'{file}:{line}: give {metric.name} a help text: Metric("{metric.name}", …, "Size of …")'
    if declared.name.startswith("host_"):
        yield from missing_files(declared, f"{file}:{line}", empty)
    reference = (ROOT / "docs/reference/metrics.md").read_text()
    if not all(metric.name in reference for metric in declared.metrics):
        yield "docs/reference/metrics.md: run `make docs`"


def missing_files(declared: Collector, place: str, empty: Path) -> Iterator[str]:
    """Yield the files that are missing in a host collector's declaration or in the captured machines."""
    if declared.needs is None or (not declared.needs and absent_without_files(declared, empty)):
        yield (
            f'{place}: add to @collector(…): needs="sys/class/name", the path below proc, sys or root without which '
            'there is nothing to watch, or needs="" if it reads no file'
        )
        return
    if not declared.needs:
        return
    machines = [path.parent for path in WORLDS.glob("*/world.json") if list(path.parent.glob(declared.needs))]
    if not machines:
        yield (
            f"tests/worlds/{HARDWARE}/{declared.needs}: write the files as a kernel has them, or capture a machine: "
            "python tests/worlds/capture.py NAME"
        )
    else:
        pages = [(ROOT / f"tests/golden/{machine.name}.prom").read_text() for machine in machines]
        if not any(f"# TYPE {metric.name} " in page for page in pages for metric in declared.metrics):
            yield "tests/golden: run `make golden`"


def absent_without_files(declared: Collector, empty: Path) -> bool:
    """Return whether the collector has data on this machine, but none without files."""
    outcomes = []
    for roots in ({}, {"procfs": empty, "sysfs": empty, "rootfs": empty}):
        with World(docker_host="", **roots) as world:
            outcomes += Scraper(world, {declared.name: declared}).scrape(seconds=30)
    here, without = outcomes
    return here.absent is None and without.absent is not None
