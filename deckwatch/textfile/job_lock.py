"""A lock against two executions of a job at the same time."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from deckwatch.core.problems import DeckwatchError
from deckwatch.textfile import process_identity, prom_file

if TYPE_CHECKING:
    from pathlib import Path


class JobLock:
    """The lock of a job, a file that is held until this process ends.

    A process that the job leaves running does not hold it, since the file is not inherited. The file names the command:
    if this process is killed, the lock stays taken until the command has ended.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def acquire(self) -> bool:
        """Return whether the job may start; False if it still runs. Raises DeckwatchError if that cannot be known."""
        try:
            prom_file.create_folder(self._path.parent)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self._path, flags, 0o644)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            owner = os.read(self._descriptor, 1000).decode("ascii", "replace")
        except BlockingIOError:
            return False
        except OSError as error:
            raise DeckwatchError(f"{self._path} cannot be locked: {error.strerror}") from None
        command = process_identity.parse_identity(owner)
        return command is None or process_identity.is_running(command) is not True

    def record_command(self, pid: int) -> None:
        """Write the command into the file."""
        content = process_identity.identify(pid).to_text().encode()
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))
