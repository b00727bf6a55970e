"""Control groups of containers: finding them, in version 1, 2 or both, and reading their files.

The kernel's documentation: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/. A container's group is taken from
`<procfs>/<pid>/cgroup` and looked for under `<sysfs>/fs/cgroup`. The two agree where the reader lives in the host's
cgroup namespace; in one of its own (the engine's default with version 2) it reads `/../docker-<id>.scope` or `/../<id>`
there, relative to itself. Both end in the container's id, so that is what is matched on.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from deckwatch.exporter.sources import cgroup_path
from deckwatch.exporter.sources.cgroup_files import VANISHED, Cgroup, DescriptorBudget
from deckwatch.exporter.sources.files import read_once
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.exporter.sources.container import Container
    from deckwatch.exporter.world import World


class Cgroups(Source):
    """The World's control groups, by container."""

    def __init__(self, world: World) -> None:
        self._procfs = world.procfs
        self._budget = world.source(DescriptorBudget)
        self._mounts = cgroup_path.find_mounts(f"{world.sysfs}/fs/cgroup")
        self._groups: dict[str, Cgroup] = {}
        self._paths: dict[str, str] = {}  # returned by `group_path`, by container id
        self._shape: tuple[str, str] | None = None  # the parts before and after the id in the last path found
        self._missed: dict[str, int] = {}  # container id → pid for which the search found nothing
        self.any_found = False  # whether any container's group was ever found
        self._lock = threading.Lock()

    @property
    def are_mounted(self) -> bool:
        """Whether any control group hierarchy is mounted."""
        return bool(self._mounts)

    def find_group(self, container: Container) -> Cgroup | None:
        """Return the group of a running container; None if it is not found, for instance after its end."""
        group = self._groups.get(container.id)
        if group is None and container.pid:
            with self._lock:
                group = self._groups.get(container.id) or self._locate_group(container)
        return group

    def group_path(self, container: Container, driver: str) -> str:
        """Return the path of a container's group, the label `id`; once returned, it stays for the container's life.

        A stopped container gets the path that the engine would use: modelled on one that was found, or by its cgroup
        driver (see cgroup_path.expected_path).
        """
        known = self._paths.get(container.id)
        if known is None:
            group = self.find_group(container)
            if group is not None:
                known = group.path
            elif self._shape is not None and not container.cgroup_parent:
                known = container.id.join(self._shape)
            else:
                known = cgroup_path.expected_path(container.id, container.cgroup_parent, driver)
            self._paths[container.id] = known
        return known

    def prune(self, running: Iterable[str], known: Iterable[str]) -> None:
        """Close the groups of containers that no longer run, and forget containers that no longer exist."""
        running, known = set(running), set(known)
        with self._lock:
            for id_ in [id_ for id_ in self._groups if id_ not in running]:
                self._groups.pop(id_).close()
            for kept in (self._paths, self._missed):
                for id_ in [id_ for id_ in kept if id_ not in known]:
                    del kept[id_]

    def close(self) -> None:
        """Close the groups' descriptors."""
        self.prune((), ())

    def _locate_group(self, container: Container) -> Cgroup | None:
        try:
            paths = cgroup_path.parse_proc_cgroup(read_once(f"{self._procfs}/{container.pid}/cgroup"))
        except VANISHED:
            paths = {}  # ended, or the engine's /proc is not ours; the tree may still contain it
        if not cgroup_path.belongs_to_container(paths, container.id):
            return None
        visible = bool(paths) and self._missed.get(container.id) != container.pid
        folders: dict[str, str] = {}
        path = ""
        for controller, mount in self._mounts.items():
            own = self._path_under(mount, paths.get(controller, ""), container.id, path)
            if own is None and visible and not folders:
                own = cgroup_path.search_tree(mount, container.id)
            if own is not None:
                folders[controller] = mount + own
                path = own if controller in ("", "memory") or not path else path
        if not folders:
            self._missed[container.id] = container.pid
            return None
        self.any_found = True
        before, id_, after = path.partition(container.id)
        self._shape = (before, after) if id_ and not container.cgroup_parent else self._shape
        group = self._groups[container.id] = Cgroup(path, folders, self._budget)
        return group

    def _path_under(self, mount: str, proc_path: str, id_: str, elsewhere: str) -> str | None:
        """Return the group's path under a mount: from /proc, from another hierarchy, or in the last shape."""
        own = cgroup_path.trim_to_container(proc_path, id_)
        in_shape = id_.join(self._shape) if self._shape is not None else ""
        for candidate in (own, elsewhere, in_shape):
            if candidate and os.path.isdir(mount + candidate):  # noqa: PTH112 - texts throughout
                return candidate
        return None
