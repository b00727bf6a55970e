"""Names of bonds that come from a malformed file; tests/exporter/test_readings.py has those of members."""

from __future__ import annotations

from deckwatch.exporter.collector import load_collectors
from deckwatch.exporter.scrape import Scraper


def test_a_name_too_long_for_a_file_is_a_parse_error(machine, tmp_path) -> None:
    folder = tmp_path / "sys/class/net"
    (folder / "bonding_masters").write_text("9" * 400)
    (outcome,) = Scraper(machine(), {"host_bonding": load_collectors()["host_bonding"]}).scrape(seconds=30)
    assert outcome.error == "ParseError"
