"""One file of /sys is one reading: a device that fails costs its own value only, and is counted."""

from __future__ import annotations

import errno
import logging
import os
from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter import collector
from deckwatch.exporter.scrape import Scraper

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "host_power_supply": "class/power_supply/*/*",
    "host_hwmon": "class/hwmon/hwmon*/*_*",
    "host_thermal": "class/thermal/*/*",
    "host_cpufreq": "devices/system/cpu/cpufreq/*/scaling_*_freq",
    "host_edac": "devices/system/edac/mc/**/*_count",
    "host_md": "block/md*/**/*",
    "host_network_device": "class/net/*/*",
    "host_zram": "block/zram*/*",
    "host_bonding": "class/net/*/bonding*/*",
}
DEVICE_ERRORS = (errno.ENODEV, errno.EBUSY, errno.ETIMEDOUT, errno.EREMOTEIO)
MAX_FILES = 8
# Files of several numbers or of words, which have tests of their own.
OF_NUMBERS = [name for name in FILES if name not in ("host_zram", "host_bonding")]
NOT_NUMBERS = ("", "unknown", "9" * 400, "0x", "1 2")


def sample_files(root: Path, name: str) -> list[Path]:
    """Return files that the collector reads, from all parts of the order in which it reads them."""
    files = [path for path in sorted((root / "sys").glob(FILES[name])) if path.is_file() and path.read_bytes().strip()]
    return files[:: len(files) // MAX_FILES + 1]


def number_files(root: Path, name: str) -> list[Path]:
    files = [path for path in sorted((root / "sys").glob(FILES[name])) if path.is_file()]
    numbers = [path for path in files if path.read_bytes().strip().isdigit()]
    return numbers[:: len(numbers) // MAX_FILES + 1]


def scrape(world, name: str) -> tuple[dict[tuple[str, ...], float], str | None]:
    (outcome,) = Scraper(world, {name: collector.load_collectors()[name]}).scrape(seconds=30)
    return {(sample.metric.name, *sample.labels): sample.value for sample in outcome.samples}, outcome.error


@pytest.mark.parametrize("number", DEVICE_ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", FILES)
def test_a_device_error_costs_one_reading(machine, tmp_path, monkeypatch, name: str, number: int) -> None:
    key = ("deckwatch_collector_failed_readings", name)
    before, error = scrape(machine(), name)
    assert (error, before[key]) == (None, 0)
    failing: set[int] = set()

    def fail_in(real):
        def read(descriptor: int, *arguments: int) -> bytes:
            if os.fstat(descriptor).st_ino in failing:
                raise OSError(number, os.strerror(number))
            return real(descriptor, *arguments)

        return read

    monkeypatch.setattr(os, "pread", fail_in(os.pread))
    monkeypatch.setattr(os, "read", fail_in(os.read))
    counted = 0
    for path in sample_files(tmp_path, name):
        failing.clear()
        failing.add(path.stat().st_ino)
        after, error = scrape(machine(), name)
        assert error is None, path
        lost = before.keys() - after.keys()
        assert len(lost) <= 9, path  # the states of one RAID, the columns of one mm_stat
        counted += after[key] == 1
    assert counted


@pytest.mark.parametrize("content", NOT_NUMBERS, ids=["empty", "word", "huge", "prefix", "two"])
@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_file_that_is_no_number_costs_one_reading(machine, tmp_path, name: str, content: str) -> None:
    counted = 0
    for path in number_files(tmp_path, name):
        intact = path.read_text()
        path.write_text(content)
        after, error = scrape(machine(), name)
        path.write_text(intact)
        assert error is None, path
        counted += after["deckwatch_collector_failed_readings", name] == 1
    assert counted


def test_a_lasting_failure_is_logged_once_with_its_file(machine, tmp_path, caplog) -> None:
    (tmp_path / "sys/class/power_supply").mkdir(exist_ok=True)
    for name in ("BAT0", "BAT1"):
        (tmp_path / "sys/class/power_supply" / name).mkdir(exist_ok=True)
        (tmp_path / "sys/class/power_supply" / name / "current_now").write_text("1000000\n")
    broken = tmp_path / "sys/class/power_supply/BAT0/current_now"
    broken.write_text("hunter2\n")
    world = machine()
    with caplog.at_level(logging.INFO, "deckwatch"):
        for _ in range(3):
            values, _ = scrape(world, "host_power_supply")
    assert values["node_power_supply_current_ampere", "BAT1"] == 1
    assert [record.getMessage() for record in caplog.records] == [
        "collector host_power_supply left out /sys/class/power_supply/BAT0/current_now: malformed"
    ]
    broken.write_text("1000000\n")
    scrape(world, "host_power_supply")
    broken.write_text("\n")
    caplog.clear()
    scrape(world, "host_power_supply")
    assert len(caplog.records) == 1  # a new failure


@pytest.mark.parametrize(
    ("name", "content", "lost"),
    [
        ("block/zram0/mm_stat", "1 2 x", 9),
        ("block/zram0/io_stat", "1 2", 4),
        ("block/zram0/stat", f"{'9' * 400} 0 0 0 0 0 0 0 0 0 0", 2),
        ("class/net/bond0/bonding/slaves", "x" * 400, 2),
    ],
)
def test_a_malformed_file_of_several_values_costs_its_own(machine, tmp_path, name, content, lost) -> None:
    declared = "host_zram" if "zram" in name else "host_bonding"
    world = machine()
    members = tmp_path / "sys/class/net/bond1/bonding/slaves"
    members.parent.mkdir(parents=True, exist_ok=True)
    members.write_text("\n")
    (tmp_path / "sys/class/net/bonding_masters").write_text("bond0 bond1\n")
    before, _ = scrape(world, declared)
    (tmp_path / "sys" / name).write_text(content)
    after, error = scrape(world, declared)
    assert error is None
    assert after["deckwatch_collector_failed_readings", declared] == 1
    assert len(before.keys() - after.keys()) == lost
    assert all(after[key] == value for key, value in before.items() if key in after and "failed" not in key[0])


def test_a_member_whose_state_cannot_be_read_makes_no_wrong_number(machine, tmp_path, monkeypatch) -> None:
    state = tmp_path / "sys/class/net/eth1/bonding_slave/mii_status"
    world = machine()
    read = os.pread

    def fail_in(descriptor: int, *arguments: int) -> bytes:
        if os.fstat(descriptor).st_ino == state.stat().st_ino:
            raise OSError(errno.EBUSY, "busy")
        return read(descriptor, *arguments)

    monkeypatch.setattr(os, "pread", fail_in)
    values, error = scrape(world, "host_bonding")
    assert error is None
    assert values["node_bonding_slaves", "bond0"] == 2
    assert ("node_bonding_active", "bond0") not in values
    assert values["deckwatch_collector_failed_readings", "host_bonding"] == 1


def test_a_setting_that_failed_is_read_again_at_the_next_scrape(machine, tmp_path) -> None:
    world, setting = machine(), tmp_path / "sys/class/net/eth0/mtu"
    setting.write_text("many\n")
    scraper = Scraper(world, {"host_network_device": collector.load_collectors()["host_network_device"]})
    for content, failed in (("many\n", 1), ("many\n", 1), ("1500\n", 0)):
        setting.write_text(content)
        (outcome,) = scraper.scrape(seconds=30)
        (count,) = (sample.value for sample in outcome.samples if "failed_readings" in sample.metric.name)
        assert count == failed
    assert any(sample.metric.name == "node_network_mtu_bytes" and sample.value == 1500 for sample in outcome.samples)


def test_a_battery_removed_while_it_is_listed_is_left_out(machine, tmp_path, monkeypatch) -> None:
    world, real = machine(), os.listdir
    names = real(tmp_path / "sys/class/power_supply")
    monkeypatch.setattr(os, "listdir", lambda path: [*real(path), *["BAT9"] * str(path).endswith("supply")])
    values, error = scrape(world, "host_power_supply")
    assert error is None
    assert {key[1] for key in values if key[0] == "node_power_supply_info"} >= set(names)
