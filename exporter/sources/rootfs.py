"""Files of the host outside /proc and /sys, below `--path.rootfs`: host name, release, udev database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.exporter.sources.files import read_once
from deckwatch.exporter.world import NoData

if TYPE_CHECKING:
    from deckwatch.exporter.world import World


def host_path(world: World, name: str) -> str:
    """Return where the host's file `/name` is for us."""
    return f"{str(world.rootfs).rstrip('/')}/{name.lstrip('/')}"


def read_host_file(world: World, name: str) -> bytes:
    """Return `<rootfs>/name`; raises NoData where the host has no such file."""
    try:
        return read_once(host_path(world, name))
    except (FileNotFoundError, NotADirectoryError):
        raise NoData(f"the host has no /{name}") from None


def parse_os_release(data: bytes) -> dict[str, str]:
    """Return the assignments of an os-release file (os-release(5)); lines of any other form are skipped."""
    values = {}
    for line in data.decode("utf-8", "replace").splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            if value[:1] in ("'", '"') and value[-1:] == value[:1] and len(value) > 1:
                value = value[1:-1]
            values[name] = re.sub(r"\\(.)", r"\1", value)
    return values


def parse_udev(data: bytes) -> dict[str, str]:
    """Return the properties (`E:NAME=value`) of one device in udev's database, /run/udev/data."""
    values = {}
    for line in data.decode("utf-8", "replace").splitlines():
        name, equals, value = line.removeprefix("E:").partition("=")
        if equals and line.startswith("E:"):
            values[name] = value
    return values
