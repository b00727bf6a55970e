"""Paths of containers' control groups: from /proc, and in the mounted hierarchies."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deckwatch.exporter.sources.procfs import ParseError, decode_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_V1_CONTROLLERS = ("cpu", "cpuacct", "memory", "blkio", "pids")
_MAX_FOLDERS = 20_000  # looked at in the search of a container's group

_VANISHED = (FileNotFoundError, NotADirectoryError)


def parse_proc_cgroup(data: bytes) -> dict[str, str]:
    """Return from /proc/<pid>/cgroup for each controller of version 1 its group's path, and for version 2 under ""."""
    paths = {}
    for line in filter(None, data.split(b"\n")):  # a group's name may hold any other byte
        number, controllers, path = (decode_text(word) for word in [*line.split(b":", 2), b"", b""][:3])
        if not number.isdigit() or not path.startswith("/"):
            raise ParseError(f"/proc/<pid>/cgroup: {decode_text(line)!r}")
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def trim_to_container(path: str, id_: str) -> str | None:
    """Return a group's path up to the part that holds the container's id, without a leading `/..`; None without it.

    What comes after that part are groups made inside of the container, by a systemd for instance.
    """
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for index, part in enumerate(parts):
        if _is_of_container(part, id_):
            return "/" + "/".join(parts[: index + 1])
    return None


def _is_of_container(name: str, id_: str) -> bool:
    """Return whether a group's name is that of a container's own group, not of something that serves the container.

    Podman's and CRI-O's monitor, `libpod-conmon-<id>.scope`, systemd's units for its mounts and for its healthcheck,
    and the group from which a container is restored have the id in their names too.
    """
    before, found, after = name.partition(id_)
    return bool(found) and not before.endswith("conmon-") and not after.endswith((".mount", ".service", ".timer"))


def expected_path(id_: str, parent: str, driver: str) -> str:
    """Return a group's path as an engine makes it.

    `driver` is its cgroup driver, `systemd` or `cgroupfs`, with `podman-` before it if it is Podman. `parent` is what
    the container asks for; empty for the engine's own. With a CRI runtime it is the path itself.
    """
    if driver == "cri":
        return parent or f"/{id_}"
    if driver == "systemd":
        return f"/{parent or 'system.slice'}/docker-{id_}.scope"
    if driver == "podman-systemd":
        return f"/{parent or 'machine.slice'}/libpod-{id_}.scope"
    if driver.startswith("podman-"):
        return f"/{parent.strip('/') or 'libpod_parent'}/libpod-{id_}"
    return f"/{parent.strip('/') or 'docker'}/{id_}"


def belongs_to_container(paths: Mapping[str, str], id_: str) -> bool:
    """Return whether a process with these groups can be of this container, and its number not in use by another.

    One that is only in the roots may be: the exporter's own container sees itself so.
    """
    return any(trim_to_container(path, id_) for path in paths.values()) or all(path == "/" for path in paths.values())


def find_mounts(root: str) -> dict[str, str]:
    """Return the folder of each controller of version 1 and, under "", of version 2."""
    if os.path.exists(f"{root}/cgroup.controllers"):  # noqa: PTH110
        return {"": root}
    try:
        names = os.listdir(root)  # noqa: PTH208
    except _VANISHED:
        return {}
    folders = {"": f"{root}/unified"} if "unified" in names else {}
    for controller in _V1_CONTROLLERS:
        # One folder may serve several (`cpu,cpuacct`), with or without links in the names of each.
        for name in sorted(names, key=len):
            if controller in name.split(","):
                folders[controller] = f"{root}/{name}"
                break
    return folders


def search_tree(mount: str, id_: str) -> str | None:
    """Return the path of the container's group, level by level."""
    level, looked = [""], 0
    while level and looked < _MAX_FOLDERS:
        below = []
        for path in level:
            looked += 1
            try:
                with os.scandir(mount + (path or "/")) as entries:
                    names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
            except _VANISHED:
                continue
            for name in names:
                if _is_of_container(name, id_):
                    return f"{path}/{name}"
                below.append(f"{path}/{name}")
        level = below
    return None
