"""Runs a program that ends with us, whatever ends us: `python tether.py PARENT PROGRAM [ARGUMENT …]`.

It asks the kernel for SIGTERM when the thread that started it dies (prctl PR_SET_PDEATHSIG, kernel/sys.c), which the
program keeps over `execve`; kill -9 of `deckwatch up` would otherwise leave servers that hold ports and databases.
Run as a script, it imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent and become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call, and nobody would tell us
        sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606 - a program by its name, without a shell


if __name__ == "__main__":
    main()
