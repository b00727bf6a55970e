"""Names of bonds and members that come from a malformed file."""

from __future__ import annotations

import pytest

from deckwatch.exporter.collector import load_collectors
from deckwatch.exporter.scrape import Scraper


@pytest.mark.parametrize("file", ["bonding_masters", "bond0/bonding/slaves"])
def test_a_name_too_long_for_a_file_is_a_parse_error(machine, tmp_path, file) -> None:
    folder = tmp_path / "sys/class/net"
    (folder / "bond0/bonding").mkdir(parents=True, exist_ok=True)
    (folder / "bonding_masters").write_text("bond0\n")
    (folder / file).write_text("9" * 400)
    (outcome,) = Scraper(machine(), {"host_bonding": load_collectors()["host_bonding"]}).scrape(seconds=30)
    assert outcome.error == "ParseError"
