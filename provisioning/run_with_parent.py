"""Runs a program that ends with its parent: `python run_with_parent.py PARENT USER PROGRAM [ARGUMENT …]`.

It asks the kernel for SIGTERM when the thread that started it dies (prctl PR_SET_PDEATHSIG, kernel/sys.c), a setting
that survives `execve`. Without it, kill -9 of `deckwatch up` would leave servers that hold ports and databases. Run as
a script; it imports none of our modules.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent and replace it with the program."""
    parent, user, program = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    if user:
        account = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # the parent died before the call, so no signal would come
        sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606 - runs a program by name, without a shell


if __name__ == "__main__":
    main()
