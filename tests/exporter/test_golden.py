"""Every collector on every captured machine: the page matches tests/golden, and Prometheus' tools accept it."""

from __future__ import annotations

import math
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.exporter import collector, exposition
from deckwatch.exporter.scrape import Scraper

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.collector import Collector
    from deckwatch.exporter.world import World

TESTS = Path(__file__).parents[1]
NAMES = sorted(path.parent.name for path in TESTS.glob("worlds/*/world.json"))
GOLDEN = TESTS / "golden"
KNOWN = Path(__file__).with_name("promtool_known.txt")
PARTS = ("_bucket", "_sum", "_count")


def collectors() -> dict[str, Collector]:
    """Return all collectors except those of the exporter's own process."""
    return {
        name: declared for name, declared in collector.load_collectors().items() if not name.startswith("deckwatch_")
    }


def page(world: World) -> str:
    outcomes = Scraper(world, collectors()).scrape(seconds=60)
    faults = "".join(f"# {outcome.collector.name}: {outcome.error}\n" for outcome in outcomes if outcome.error)
    return faults + exposition.render_text(sample for outcome in outcomes for sample in outcome.samples)


@pytest.mark.parametrize("name", NAMES)
def test_page_matches_the_golden_file(name: str, captured: Callable[[str], World]) -> None:
    text = page(captured(name))
    golden = GOLDEN / f"{name}.prom"
    if os.environ.get("DECKWATCH_GOLDEN") == "refresh":
        golden.write_text(text)
    assert text == golden.read_text(), "if this is meant, run `make golden` and look at the difference"


@pytest.mark.parametrize("name", NAMES)
def test_each_family_and_series_is_on_the_page_once(name: str) -> None:
    text = (GOLDEN / f"{name}.prom").read_text()
    families = list(text_string_to_metric_families(text))
    assert len(families) > 100
    # Not the parser's names, since it removes `_total`: node_kernel_hung_tasks exists with and without.
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(set(names)) == len(names)
    series = [(sample.name, tuple(sorted(sample.labels.items()))) for family in families for sample in family.samples]
    assert len(set(series)) == len(series)
    assert not [s for family in families for s in family.samples if s.timestamp is not None or math.isnan(s.value)]


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_is_declared(name: str, captured: Callable[[str], World]) -> None:
    for outcome in Scraper(captured(name), collectors()).scrape(seconds=60):
        declared = set(outcome.collector.metrics)
        stray = {sample.metric.name for sample in outcome.samples if sample.metric.family not in declared}
        # Textfiles may contain any metrics, but none with a name of ours.
        assert outcome.collector.name == "host_textfile" or not stray


def test_promtool_complains_only_about_names_of_peers(need) -> None:
    promtool = need("promtool", get="apt-get install prometheus")
    complaints: set[str] = set()
    shown: set[str] = set()
    for name in NAMES:
        text = (GOLDEN / f"{name}.prom").read_text()
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 3), done.stderr  # 3: valid format, with complaints about names
        complaints |= set(done.stdout.splitlines() + done.stderr.splitlines())
        shown |= {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    known = {line for line in KNOWN.read_text().splitlines() if line.split()[0] in shown}
    assert complaints == known
