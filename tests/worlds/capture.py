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

from deckwatch.exporter.collector import load_collectors
from deckwatch.exporter.sources.mounts import parse_mountinfo
from deckwatch.exporter.timex import adjtimex

# Of the container collectors; host collectors declare their files.
CONTAINER_FILES = {"proc/cpuinfo", "sys/fs/cgroup/cgroup.controllers"}
# Addresses of interfaces, of the Internet as people write it, and as net/udp and net/udp6 do.
HIDDEN = (
    (re.compile(rb"(?!00:00:00:00:00:00|ff:ff:ff:ff:ff:ff)(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"), b"02:00:00:00:00:01"),
    (re.compile(rb"\b\d{1,3}(?:\.\d{1,3}){3}\b"), b"192.0.2.1"),
    (re.compile(rb"\b(?:[0-9A-F]{32}|[0-9A-F]{8})(?=:[0-9A-F]{4}\b)"), b"00000000"),
)


def arguments(*more: str) -> argparse.Namespace:
    """Return the options of the command line; `more` are further ones that have a value."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--worlds", type=Path, default=Path(__file__).parent, help="the folder to write into")
    for root, usual in (("procfs", "/proc"), ("sysfs", "/sys"), ("rootfs", "/")):
        parser.add_argument(f"--{root}", type=Path, default=Path(usual))
    for name in more:
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


def main(given: argparse.Namespace) -> None:
    world = given.worlds / given.name
    roots = {"proc": given.procfs, "sys": given.sysfs, "root": given.rootfs}
    for pattern in sorted(patterns()):
        name, _, rest = pattern.partition("/")
        for file in roots[name].glob(rest):
            copy(file, world / name / file.relative_to(roots[name]))
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


def patterns() -> set[str]:
    """List the files of all collectors that one captured machine holds."""
    declared = load_collectors().values()
    return CONTAINER_FILES.union(*((one.needs, *one.files) for one in declared if one.needs is not None)) - {""}


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
