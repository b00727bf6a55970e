"""A command as a child process that notices nothing of its parent: streams, signals and exit code are unchanged."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.textfile.group_witness import GroupWitness

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOT_FOUND, NOT_EXECUTABLE = 127, 126  # exit codes of a shell (POSIX, Exit Status for Commands)
_CANCELLING = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT))
_FORWARDED = _CANCELLING | {signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGWINCH}
_REPEAT_SECONDS = 0.02  # `timeout` sends a signal to us and then to the group, which a single process receives as one
_WATCHED = _FORWARDED | {signal.SIGCHLD}
# Python ignores these, which a child would inherit.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class Ended(NamedTuple):
    """How a command ended: its exit code, 128 and the number of the signal that ended it; whether it was asked to end.

    `reason` says why it could not be started.
    """

    code: int
    was_cancelled: bool = False
    reason: str = ""


def block_signals() -> set[signal.Signals | int]:
    """Block the signals that `run_command` forwards, and return the mask before; call it before starting threads."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a parent that ignores it would hide the exit code from us
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED))


def run_command(command: Sequence[str], mask: set[signal.Signals | int], report_start: Callable[[int], None]) -> Ended:
    """Run a command with a signal mask, and forward signals until it ends. Signals must be blocked.

    `report_start` is called with its process number.

    It stays in our process group, so that a terminal's keys and signals to the group reach it as without us. Those
    signals, which it has received already, are not forwarded; what a process sends to us alone is.
    """
    with GroupWitness(_FORWARDED) as witness:
        try:
            pid = _spawn_process(command, mask)
        except OSError as error:
            code = NOT_FOUND if error.errno in (errno.ENOENT, errno.ENOTDIR) else NOT_EXECUTABLE
            return Ended(code, reason=error.strerror or "")
        report_start(pid)
        return _await_end(pid, witness)


def _await_end(pid: int, witness: GroupWitness) -> Ended:
    was_cancelled = False
    while True:
        info = signal.sigwaitinfo(_WATCHED)
        if info.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return Ended(code if code >= 0 else 128 - code, was_cancelled)
            continue
        was_cancelled |= info.si_signo in _CANCELLING
        # The kernel sends to the group; a process (SI_USER, SI_QUEUE, SI_TKILL: sigaction(2)) to the group or to us.
        is_shared = witness.has_received(info.si_signo)
        signal.sigtimedwait({info.si_signo}, _REPEAT_SECONDS)
        if info.si_code <= 0 and not is_shared:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, info.si_signo)


def _spawn_process(command: Sequence[str], mask: set[signal.Signals | int]) -> int:
    """Start a command and return its process number; a script without `#!` is run by sh, as a shell does."""
    environment = _original_environment()

    def spawn(arguments: Sequence[str]) -> int:
        return os.posix_spawnp(
            arguments[0], list(arguments), environment, setsigmask=mask, setsigdef=_IGNORED_BY_PYTHON
        )

    try:
        return spawn(command)
    except OSError as error:
        script = shutil.which(command[0]) if error.errno == errno.ENOEXEC else None
        if script is None:
            raise
    return spawn(["/bin/sh", script, *command[1:]])


def _original_environment() -> dict[str, str]:
    """Return the environment of our caller: without a locale, as under cron, Python adds LC_CTYPE (PEP 538)."""
    environment = dict(os.environ)
    if "LC_CTYPE" in environment:
        with contextlib.suppress(OSError):
            given = Path("/proc/self/environ").read_bytes().split(b"\0")
            if not any(entry.startswith(b"LC_CTYPE=") for entry in given):
                del environment["LC_CTYPE"]
    return environment


def wait_for_signal(seconds: float) -> None:
    """Wait until a signal asks us to end, at most so many seconds."""
    signal.sigtimedwait(_CANCELLING, seconds)
