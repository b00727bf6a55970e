"""Write this machine into `tests/worlds/NAME`: the files the host collectors read, without addresses and names.

In a container, `--procfs`, `--sysfs` and `--rootfs` say where the host's are mounted, as for the exporter.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from pathlib import Path

from deckwatch.exporter.sources.mounts import parse_mountinfo
from deckwatch.exporter.timex import adjtimex

PROC = """\
stat cpuinfo meminfo vmstat loadavg diskstats schedstat pressure/cpu pressure/io pressure/memory pressure/irq
sys/fs/file-nr sys/kernel/domainname sys/kernel/random/entropy_avail sys/kernel/random/poolsize
filesystems interrupts sys/kernel/pid_max sys/kernel/threads-max sys/kernel/hung_task_detect_count
sys/net/netfilter/nf_conntrack_max
1/mountinfo 1/net/dev 1/net/snmp 1/net/snmp6 1/net/netstat 1/net/sockstat 1/net/sockstat6
1/net/softnet_stat 1/net/arp 1/net/tcp 1/net/tcp6 1/net/udp 1/net/udp6 1/net/stat/nf_conntrack
""".split()
INTERFACE = """\
operstate carrier mtu speed tx_queue_len flags address broadcast duplex ifalias carrier_changes
carrier_up_count carrier_down_count addr_assign_type dev_id dormant ifindex iflink link_mode name_assign_type
netdev_group type statistics/rx_nohandler bonding/slaves bonding_slave/mii_status
""".split()
SYS = """\
class/hwmon/*/* class/thermal/*/* class/power_supply/*/* class/net/bonding_masters devices/system/cpu/cpufreq/*/*
devices/system/clocksource/*/*_clocksource devices/system/edac/mc/mc*/*_count devices/system/edac/mc/mc*/csrow*/*
block/md*/size block/md*/md/* block/md*/md/dev-*/state block/md*/md/dev-*/slot fs/selinux/enforce
fs/cgroup/cgroup.controllers
""".split()
ROOT = ["etc/os-release", "etc/localtime", "etc/selinux/config"]
# Addresses of interfaces, of the Internet as people write it, and as net/udp and net/udp6 do.
HIDDEN = (
    (re.compile(rb"(?!00:00:00:00:00:00|ff:ff:ff:ff:ff:ff)(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"), b"02:00:00:00:00:01"),
    (re.compile(rb"\b\d{1,3}(?:\.\d{1,3}){3}\b"), b"192.0.2.1"),
    (re.compile(rb"\b(?:[0-9A-F]{32}|[0-9A-F]{8})(?=:[0-9A-F]{4}\b)"), b"00000000"),
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--worlds", type=Path, default=Path(__file__).parent, help="the folder to write into")
    for root, usual in (("procfs", "/proc"), ("sysfs", "/sys"), ("rootfs", "/")):
        parser.add_argument(f"--{root}", type=Path, default=Path(usual))
    return parser.parse_args()


def main(given: argparse.Namespace) -> None:
    world = given.worlds / given.name
    for path in PROC:
        copy(given.procfs / path, world / "proc" / path)
    for interface in (given.sysfs / "class/net").iterdir():
        for attribute in INTERFACE:
            copy(interface / attribute, world / "sys/class/net" / interface.name / attribute)
    for pattern in SYS:
        for file in given.sysfs.glob(pattern):
            copy(file, world / "sys" / file.relative_to(given.sysfs))
    for disk in (given.sysfs / "block").iterdir():
        copy(disk / "queue/rotational", world / "sys/block" / disk.name / "queue/rotational")
    for path in ROOT:
        copy(given.rootfs / path, world / "root" / path)
    (world / "root/etc").mkdir(parents=True, exist_ok=True)
    (world / "root/etc/hostname").write_text("web-1\n")
    points = [mount.point for mount in parse_mountinfo((given.procfs / "1/mountinfo").read_bytes())]
    system = os.uname()
    facts = {
        "clock": round(time.time(), 3),
        "uname": [system.sysname, "container", system.release, system.version, system.machine],
        "page_size": os.sysconf("SC_PAGE_SIZE"),
        "user_hz": os.sysconf("SC_CLK_TCK"),
        "adjtimex": adjtimex(),
        "statvfs": {point: filled(f"{given.rootfs}{point}") for point in points},
    }
    (world / "world.json").write_text(json.dumps(facts, indent=2) + "\n")


def copy(source: Path, target: Path) -> None:
    try:
        data = source.read_bytes()
    except OSError:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    for pattern, instead in HIDDEN:
        data = pattern.sub(instead, data)
    target.write_bytes(data)


def filled(point: str) -> list[int] | int:
    try:
        space = os.statvfs(point)
    except OSError as error:
        return error.errno or 0
    return [space.f_frsize, space.f_blocks, space.f_bfree, space.f_bavail, space.f_files, space.f_ffree]


if __name__ == "__main__":
    main(arguments())
