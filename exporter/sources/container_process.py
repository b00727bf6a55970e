"""Read files of a container's first process, safe against reuse of its PID.

The folder `/proc/<pid>` is kept open: it refers to the process, not to the number, so reading from it fails once the
process has exited. Files in it are opened for each reading, since a kept `net/dev` would keep the network namespace
alive and return old numbers.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from deckwatch.exporter.sources.cgroup_path import belongs_to_container, parse_proc_cgroup
from deckwatch.exporter.sources.files import descriptor_limit, read_once
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deckwatch.exporter.sources.container import Container
    from deckwatch.exporter.world import World

# A process that exits after its container was listed: opening fails with ENOENT, reading an open file with ESRCH.
_EXITED = (FileNotFoundError, NotADirectoryError, ProcessLookupError)


class ContainerProcesses(Source):
    """Open folders of processes by container id, kept while the container runs.

    At most an eighth of the descriptor limit is kept open; the other folders are opened for each reading.
    """

    def __init__(self, world: World) -> None:
        self._procfs = world.procfs
        self._max_open = descriptor_limit() // 8
        self._open: dict[str, tuple[int, int]] = {}  # container id → pid, descriptor
        self._lock = threading.Lock()

    def make_reader(self, container: Container, name: str) -> Callable[[], bytes | None]:
        """Return a function that reads `/proc/<pid>/name` of a container's first process.

        It returns None if the process has exited or is not visible, and the same object again while the content is
        unchanged.
        """
        last: bytes | None = None

        def read_content() -> bytes | None:
            nonlocal last
            try:
                last = self._read_file(container, name, last or b"")
            except _EXITED:
                last = None
            return last

        return read_content

    def _read_file(self, container: Container, name: str, last: bytes) -> bytes | None:
        with self._lock:
            folder = self._open_folder(container)
            if folder is None:
                return None
            try:
                return read_once(name, folder, last)
            finally:
                if container.id not in self._open:
                    os.close(folder)

    def prune(self, running: Iterable[str]) -> None:
        """Close the folders of containers that no longer run."""
        running = set(running)
        with self._lock:
            for id_ in [id_ for id_ in self._open if id_ not in running]:
                self._close_folder(id_)

    def close(self) -> None:
        """Close all folders."""
        self.prune(())

    def _open_folder(self, container: Container) -> int | None:
        """Return a descriptor, which the caller closes if it is not in `_open`; None if the PID was reused."""
        pid, folder = self._open.get(container.id, (0, -1))
        if pid == container.pid:
            return folder
        if pid:
            self._close_folder(container.id)
        folder = os.open(f"{self._procfs}/{container.pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            ours = belongs_to_container(parse_proc_cgroup(read_once("cgroup", folder)), container.id)
        except BaseException:
            os.close(folder)
            raise
        if not ours:
            os.close(folder)
            return None
        if len(self._open) < self._max_open:
            self._open[container.id] = container.pid, folder
        return folder

    def _close_folder(self, id_: str) -> None:
        os.close(self._open.pop(id_)[1])
