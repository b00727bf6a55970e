"""A captured machine with one of its files truncated, garbled or huge: that costs its collectors, and no other one.

Every file is tried that there is; `test_parsers.py` tries the parsers by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.exporter import collector
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.server import App, CollectorSelection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deckwatch.exporter.world import World

COLLECTORS = {name: one for name, one in collector.load_collectors().items() if name.startswith("host_")}
OWN_ERRORS = {"ParseError", "ValueError", "FormatError", "UnicodeDecodeError"}
HUGE = 1 << 18
KNOWN: dict[Path, tuple[list[Path], dict[str, str]]] = {}  # its files, and the faults of the whole machine
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


def shown(world: World) -> tuple[str, dict[str, str]]:
    """Return the page of one scrape, and the faults of collectors by their names."""
    scraper = Scraper(world, COLLECTORS)
    with world:
        page = b"".join(App(scraper, COLLECTORS).scrape_page(CollectorSelection(), 60)).decode()
    scraper.close()
    outcomes = [record.outcome for record in scraper.records.values()]
    return page, {one.collector.name: one.error for one in outcomes if one is not None and one.error}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_broken_file_affects_only_its_own_collectors(machine, tmp_path, data: st.DataObject):
    if not (before := KNOWN.get(tmp_path)):
        found = [path for part in ("proc", "sys", "root") for path in (tmp_path / part).rglob("*")]
        files = sorted(path for path in found if path.is_file() and not path.is_symlink())
        before = KNOWN[tmp_path] = files, shown(machine())[1]
    files, faults_before = before
    file, damage = data.draw(st.sampled_from(files)), data.draw(st.sampled_from(sorted(DAMAGES)))
    whole = file.read_bytes()
    file.write_bytes(DAMAGES[damage](whole))
    try:
        page, faults = shown(machine())
    finally:
        file.write_bytes(whole)
    new = faults.items() - faults_before.items()
    assert {error for _, error in new} <= OWN_ERRORS
    assert len(new) <= 6, "so many collectors read no file together"
    assert len(list(text_string_to_metric_families(page))) > 50
