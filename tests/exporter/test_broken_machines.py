"""A captured machine with one file truncated, garbled or huge: only the collectors of that file may fail.

Every file may be chosen; `test_parsers.py` tests the parsers themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.exporter import collector
from deckwatch.exporter.pending_scrape import CollectorSelection
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.server import App

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deckwatch.exporter.world import World

COLLECTORS = {name: declared for name, declared in collector.load_collectors().items() if name.startswith("host_")}
OWN_ERRORS = {"ParseError", "ValueError", "FormatError", "UnicodeDecodeError"}
HUGE = 1 << 18
BASELINES: dict[Path, tuple[list[Path], dict[str, str]]] = {}  # files, and errors of the intact machine
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda data: data[: len(data) * 2 // 3],
    "cut at the front": lambda data: data[len(data) // 3 :],
    "garbled": lambda data: data.replace(b"1", b"\xff").replace(b" ", b":"),
    "words": lambda _: b"nonsense: x y z\n\xff\n",
    "huge": lambda data: (data or b"1 ") * (HUGE // max(1, len(data)) + 1),
    "one long line": lambda _: b"9" * HUGE,
    "lines": lambda _: b"\n" * HUGE,
}


def scrape_page(world: World) -> tuple[str, dict[str, str]]:
    """Return the page of one scrape, and the errors by collector."""
    scraper = Scraper(world, COLLECTORS)
    with world:
        page = b"".join(App(scraper, COLLECTORS).scrape_page(CollectorSelection(), 60)).decode()
    scraper.close()
    outcomes = [record.outcome for record in scraper.records.values()]
    return page, {
        outcome.collector.name: outcome.error for outcome in outcomes if outcome is not None and outcome.error
    }


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_broken_file_affects_only_its_own_collectors(machine, tmp_path, data: st.DataObject):
    if not (before := BASELINES.get(tmp_path)):
        paths = [path for part in ("proc", "sys", "root") for path in (tmp_path / part).rglob("*")]
        files = sorted(path for path in paths if path.is_file() and not path.is_symlink())
        before = BASELINES[tmp_path] = files, scrape_page(machine())[1]
    files, faults_before = before
    file, damage = data.draw(st.sampled_from(files)), data.draw(st.sampled_from(sorted(DAMAGES)))
    content = file.read_bytes()
    file.write_bytes(DAMAGES[damage](content))
    try:
        page, faults = scrape_page(machine())
    finally:
        file.write_bytes(content)
    new = faults.items() - faults_before.items()
    assert {error for _, error in new} <= OWN_ERRORS
    assert len(new) <= 6, "no file is read by that many collectors"
    assert len(list(text_string_to_metric_families(page))) > 50


def test_a_number_too_large_for_a_float_costs_only_its_value(machine, tmp_path):
    _, errors_before = scrape_page(machine())
    (tmp_path / "sys/class/net/eth0/dev_id").write_text(f"0x{'f' * 300}\n")
    page, errors = scrape_page(machine())
    assert errors == errors_before
    assert 'deckwatch_collector_success{collector="host_network_device"} 1' in page
    assert 'deckwatch_collector_failed_readings{collector="host_network_device"} 1' in page
