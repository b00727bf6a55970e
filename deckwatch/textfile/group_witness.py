"""A witness of the signals to our process group, which distinguishes them from those to us alone.

`timeout`, systemd and the runners of CI end a job by a signal to its whole group. The command has then received it, and
forwarding it would deliver it twice, which many programs take for a demand to end at once. The kernel does not say to
whom a signal was sent; a second process of the group that receives the same one does.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from typing import TYPE_CHECKING, NoReturn, Self

if TYPE_CHECKING:
    from collections.abc import Collection

_REPORT_SECONDS = 0.1  # after our own signal, how long its report may take
_ORPHAN_SECONDS = 2.0  # how long the witness outlives us, if we are killed


class GroupWitness:
    """A process of our group that reports these signals, which must be blocked; as a context manager, it ends with it.

    Without a second process, where the number of processes is exhausted, every signal counts as one to us alone.
    """

    def __init__(self, signals: Collection[signal.Signals]) -> None:
        self._reports, writer = os.pipe()
        parent = os.getpid()
        try:
            self._pid = os.fork()
        except OSError:
            self._pid = 0
        else:
            if self._pid == 0:
                _report_signals(parent, writer, signals)
        os.close(writer)
        os.set_blocking(self._reports, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pid:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        os.close(self._reports)

    def has_received(self, number: int) -> bool:
        """Return whether the witness received this signal too, shortly after or before us."""
        readable, _, _ = select.select([self._reports], [], [], _REPORT_SECONDS)
        if not readable:
            return False
        with contextlib.suppress(BlockingIOError):
            return number in os.read(self._reports, 4096)
        return False


def _report_signals(parent: int, writer: int, signals: Collection[signal.Signals]) -> NoReturn:
    """Write the number of each signal that this process receives, until its parent has ended."""
    try:
        os.closerange(0, writer)  # neither the job's streams nor its lock may stay open
        os.closerange(writer + 1, os.sysconf("SC_OPEN_MAX"))
        while True:
            info = signal.sigtimedwait(signals, _ORPHAN_SECONDS)
            if info is not None:
                os.write(writer, bytes([info.si_signo]))
            if os.getppid() != parent:
                break
    except BaseException:  # noqa: BLE001, S110 - whatever happens here is no fault of the job
        pass
    finally:
        os._exit(0)
