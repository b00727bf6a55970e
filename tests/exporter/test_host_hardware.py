"""Special cases of interfaces, bonds, RAID, memory controllers, batteries, zram and the time zone."""

from __future__ import annotations

import errno
import os
import shutil
import struct
from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter.collectors import host_disk
from deckwatch.exporter.sources.procfs import ParseError
from deckwatch.exporter.sources.timezone import TimeZone, parse_tzfile

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, **files: str) -> None:
    for name, content in files.items():
        (path / name).write_text(content)


def test_settings_of_an_interface_are_read_once_a_minute(machine, found, tmp_path) -> None:
    now = [1_000_000.0]
    world = machine(clock=lambda: now[0])
    eth0 = tmp_path / "sys/class/net/eth0"
    before = found(world, "host_network_device")
    assert before["node_network_mtu_bytes", "eth0"] == 1400
    write(eth0, mtu="9000\n", carrier_up_count="40\n", carrier_down_count="3\n", carrier="0\n")
    soon = found(world, "host_network_device")
    assert soon["node_network_mtu_bytes", "eth0"] == 1400
    assert soon["node_network_carrier", "eth0"] == 0
    assert soon["node_network_carrier_changes_total", "eth0"] == 43  # counters are read each time
    now[0] += 61
    assert found(world, "host_network_device")["node_network_mtu_bytes", "eth0"] == 9000


@pytest.mark.parametrize("change", ["number", "a minute later, with the clock set back"])
def test_settings_of_a_replaced_interface_are_read_at_once(machine, found, tmp_path, change) -> None:
    now, age = [1_000_000.0], [50.0]
    world = machine(clock=lambda: now[0], age_clock=lambda: age[0])
    found(world, "host_network_device")
    write(tmp_path / "sys/class/net/eth0", mtu="9000\n")
    if change == "number":
        write(tmp_path / "sys/class/net/eth0", ifindex="99\n")
    else:
        now[0] -= 3600
        assert found(world, "host_network_device")["node_network_mtu_bytes", "eth0"] == 1400
        age[0] += 60
    assert found(world, "host_network_device")["node_network_mtu_bytes", "eth0"] == 9000


def test_attributes_without_a_value_are_read_again_when_the_interface_comes_up(
    machine, found, tmp_path, monkeypatch
) -> None:
    world, real = machine(), os.pread
    eth0 = tmp_path / "sys/class/net/eth0"
    speed = (eth0 / "speed").stat().st_ino
    down, asked = True, 0

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        nonlocal asked
        if os.fstat(descriptor).st_ino == speed:
            asked += 1
            if down:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return real(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", pread)
    write(eth0, operstate="down\n")
    key = ("node_network_speed_bytes", "eth0")
    assert key not in found(world, "host_network_device")
    before = asked
    assert key not in found(world, "host_network_device")
    assert asked == before  # each attempt would open a file without success
    down = False
    write(eth0, operstate="up\n", speed="1000\n")
    assert found(world, "host_network_device")[key] == 125_000_000


def test_a_removed_interface_is_forgotten(machine, found, tmp_path) -> None:
    world = machine()
    assert ("node_network_up", "docker0") in found(world, "host_network_device")
    shutil.rmtree(tmp_path / "sys/class/net/docker0")
    assert ("node_network_up", "docker0") not in found(world, "host_network_device")


def test_attributes_of_a_disk_are_read_once_a_minute(machine, found, tmp_path) -> None:
    now = [1_000_000.0]
    world = machine(clock=lambda: now[0])
    udev = tmp_path / "root/run/udev/data/b254:16"

    def models() -> set[str]:
        labels = host_disk.INFO.labels
        return {key[1 + labels.index("model")] for key in found(world, "host_disk") if key[0] == "node_disk_info"}

    before = models()
    udev.write_text("E:ID_MODEL=OTHER\n")
    assert models() == before
    diskstats = tmp_path / "proc/diskstats"
    diskstats.write_bytes(diskstats.read_bytes().replace(b" vdb ", b" vdz "))  # replaced by another disk
    assert "OTHER" in models()
    udev.write_text("E:ID_MODEL=THIRD\n")
    now[0] += 61
    assert "THIRD" in models()


def test_a_bond_loses_a_link(machine, found, tmp_path) -> None:
    world = machine()
    assert found(world, "host_bonding") == {
        ("node_bonding_slaves", "bond0"): 2,
        ("node_bonding_active", "bond0"): 1,
        ("deckwatch_collector_failed_readings", "host_bonding"): 0,
    }
    (tmp_path / "sys/class/net/eth2/bonding_slave/mii_status").write_text("up\n")
    assert found(world, "host_bonding")["node_bonding_active", "bond0"] == 2
    (tmp_path / "sys/class/net/bonding_masters").write_text("bond0 bond7\n")  # bond7 has just been removed
    assert len(found(world, "host_bonding")) == 3


def test_a_raid_that_lost_a_disk_and_rebuilds_on_a_spare(machine, found, tmp_path) -> None:
    md0 = tmp_path / "sys/block/md0"
    world = machine()

    def disks() -> list[float]:
        values = found(world, "host_md")
        return [values["node_md_disks", "md0", state] for state in ("active", "failed", "spare")]

    def state() -> list[str]:
        values = found(world, "host_md")
        return [key[2] for key, value in values.items() if key[:2] == ("node_md_state", "md0") and value]

    assert (disks(), state()) == ([1, 1, 1], ["recovering"])
    assert found(world, "host_md")["node_md_blocks_synced", "md0"] == 2441216 / 2
    write(md0 / "md", sync_action="idle\n", sync_completed="none\n", degraded="0\n")
    write(md0 / "md/dev-sdb3", state="in_sync\n")
    values = found(world, "host_md")
    assert (disks(), state()) == ([2, 1, 1], ["active"])
    assert values["node_md_blocks_synced", "md0"] == values["node_md_blocks", "md0"] == 41910272 / 2
    write(md0 / "md", array_state="inactive\n")
    assert (disks()[0], state()) == (0, ["inactive"])


def test_a_machine_without_raid_has_no_raid_data(machine, found, tmp_path) -> None:
    for array in tmp_path.glob("sys/block/md*"):
        shutil.rmtree(array)
    assert found(machine(), "host_md") == {}


def test_disabled_selinux_has_no_mode(machine, found, tmp_path) -> None:
    world = machine()
    assert found(world, "host_selinux") == {("node_selinux_enabled",): 0}
    (tmp_path / "proc/filesystems").write_text("nodev\tselinuxfs\n\text4\n")
    assert found(world, "host_selinux") == {("node_selinux_enabled",): 1}  # without selinuxfs
    (tmp_path / "root/etc/selinux").mkdir()
    (tmp_path / "root/etc/selinux/config").write_text("#SELINUX=disabled\nSELINUX = Enforcing \n")
    assert found(world, "host_selinux")["node_selinux_config_mode",] == 1


# tzfile(5), version 1 only: 3600 seconds ahead, called TST from 1970.
ZONE = b"TZif" + b"\0" * 16 + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb", 3600, 0, 0) + b"TST\0"


def test_the_hosts_time_zone_is_found_through_symlinks(machine, tmp_path) -> None:
    zone = TimeZone(machine())
    assert zone.offset_at(0) == (0, "UTC")
    zones = tmp_path / "root/usr/share/zoneinfo"
    zones.mkdir(parents=True)
    (zones / "Test").write_bytes(ZONE)
    (zones / "Link").symlink_to("Test")
    (tmp_path / "root/etc/localtime").symlink_to("/usr/share/zoneinfo/Link")  # relative to the host's root, not to ours
    assert zone.offset_at(0) == (3600, "TST")
    (zones / "Test").unlink()
    (zones / "Test").symlink_to("Link")  # a loop
    with pytest.raises(OSError, match="symbolic links"):
        zone.offset_at(0)


@pytest.mark.parametrize("data", [b"", b"TZif", ZONE[:-6], b"nonsense" * 20])
def test_invalid_time_zone_files(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_tzfile(data)


def test_a_process_that_exits_during_the_reading_is_omitted(machine, found, tmp_path) -> None:
    for pid, content in (("700", "700 (sh) S " + "1 " * 49), ("701", "")):
        (tmp_path / f"proc/{pid}").mkdir()
        if content:
            (tmp_path / f"proc/{pid}/stat").write_text(content)
    values = found(machine(), "host_processes")
    assert values["node_processes_pids",] == 1
    assert values["node_processes_state", "S"] == values["node_processes_threads_state", "S"] == 1


# Linux 4.9, 4.18 and 5.12; then a kernel that appends a column.
@pytest.mark.parametrize(
    ("mm_stat", "huge_pages"),  # now, and since the creation of the disk
    [
        ("  181977  57352  64512        0   106196     3992        0\n", (None, None)),
        ("  181977  57352  64512        0   106196     3992        0       12\n", (12, None)),
        ("  181977  57352  64512        0   106196     3992        0       12      340\n", (12, 340)),
        ("  181977  57352  64512        0   106196     3992        0       12      340        7\n", (12, 340)),
    ],
)
def test_zram_columns_of_all_kernel_versions(machine, found, tmp_path, mm_stat, huge_pages) -> None:
    world = machine()
    write(tmp_path / "sys/block/zram0", mm_stat=mm_stat)
    values = found(world, "host_zram")
    assert values["deckwatch_zram_original_data_bytes", "zram0"] == 181977
    assert values["deckwatch_zram_same_pages", "zram0"] == 3992
    assert values["deckwatch_zram_pages_compacted_total", "zram0"] == 0
    names = ("deckwatch_zram_huge_pages", "deckwatch_zram_huge_pages_since_creation_total")
    assert tuple(values.get((name, "zram0")) for name in names) == huge_pages


def test_zram_before_linux_4_1_has_no_mm_stat(machine, found, tmp_path) -> None:
    world = machine()
    (tmp_path / "sys/block/zram0/mm_stat").unlink()
    values = found(world, "host_zram")
    assert ("deckwatch_zram_original_data_bytes", "zram0") not in values
    assert ("deckwatch_zram_reads_completed_total", "zram0") in values


@pytest.mark.parametrize(
    "content", ["Node 0 MemTotal: lots kB\n", "MemTotal: 1 kB\n", f"Node 0 MemTotal: {'9' * 400} kB\n"]
)
def test_a_numa_node_with_a_malformed_file_costs_that_file_only(machine, found, tmp_path, content: str) -> None:
    nodes = tmp_path / "sys/devices/system/node"
    write(nodes / "node0", meminfo=content)
    shown = found(machine(), "host_numa")
    assert ("node_memory_numa_MemTotal", "0") not in shown
    assert shown["node_memory_numa_numa_miss_total", "0"] == 12
    assert shown["node_memory_numa_MemTotal", "1"] == 2064384 * 1024
    assert shown["node_memory_numa_HugePages_Total", "1"] == 0
    assert shown["deckwatch_collector_failed_readings", "host_numa"] == 1


def test_fields_of_newer_kernels_are_shown_for_each_numa_node(machine, found, tmp_path) -> None:
    write(tmp_path / "sys/devices/system/node/node1", meminfo="Node 1 Novel(anon):   3 kB\n")
    assert found(machine(), "host_numa")["node_memory_numa_Novel_anon", "1"] == 3072


def test_a_zram_device_without_a_size_is_not_in_use(machine, found, tmp_path) -> None:
    zram = tmp_path / "sys/block/zram0"
    write(zram, disksize="1073741824\n")
    assert ("deckwatch_zram_memory_used_bytes", "zram0") in found(machine(), "host_zram")
    write(zram, disksize="0\n")
    assert found(machine(), "host_zram") == {}
