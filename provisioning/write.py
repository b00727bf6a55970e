"""The output folder, replaced whole: built beside it and exchanged in one step.

Whoever reads the folder, and whatever kills us, finds the old tree or the new one and never a mixture. The exchange is
`renameat2` with RENAME_EXCHANGE (fs/namei.c; Linux 3.15, and not every file system has it). Where it is missing, two
renames do it: killed between them, there is no folder for a moment, and the next run puts the old one back.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
from typing import TYPE_CHECKING

from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning.plan import MANIFEST, Change, Plan, list_paths, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NOT_HERE = frozenset((errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP))  # the kernel, or this file system, lacks it


def write_plan(plan: Plan, folder: Path) -> list[Change]:
    """Make a folder hold exactly the plan, and return what changed; without a change nothing is touched.

    Raises DeckwatchError where the folder holds something that is not ours, or cannot be written.
    """
    folder = folder.resolve()  # of a link, what it points to is replaced
    if folder == folder.parent:
        raise DeckwatchError(f"{folder} cannot be replaced; name a folder with --out")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock_folder(folder.parent):
            _clean_up(folder)
            refuse_foreign(folder)
            changes = plan.find_changes(folder)
            if changes:
                _write_files(plan, _sibling_path(folder, "new"))
                _swap_folder(_sibling_path(folder, "new"), folder)
                _clean_up(folder)
    except OSError as error:
        raise DeckwatchError(f"{folder} cannot be written: {error.strerror}") from None
    return changes


def refuse_foreign(folder: Path) -> None:
    """Raise DeckwatchError where a folder holds files that we did not write, since it is replaced whole."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DeckwatchError(f"{folder} is a file; name a folder with --out")
    known = read_manifest(folder)
    files = list_paths(folder)
    if known is None:
        if files:
            raise DeckwatchError(
                f"{folder} is not empty and has no {MANIFEST}, so it is not ours to replace; name another with --out"
            )
        return
    if foreign := [path for path in files if path != MANIFEST and path not in known]:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise DeckwatchError(
            f"{folder} is replaced whole, and {', '.join(foreign[:3])}{more} in it is not ours: move it away first"
        )


def _sibling_path(folder: Path, what: str) -> Path:
    return folder.with_name(f".{folder.name}.deckwatch-{what}")


@contextlib.contextmanager
def _lock_folder(parent: Path) -> Iterator[None]:
    """Hold a lock on the parent folder: two runs at a time take turns, so a staging folder is of a killed run."""
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _clean_up(folder: Path) -> None:
    """Clean up behind a run, this one or one that was killed."""
    old, new = _sibling_path(folder, "old"), _sibling_path(folder, "new")
    if old.exists() and not folder.exists():
        old.rename(folder)
    for path in (old, new):
        if path.exists():
            shutil.rmtree(path)


def _write_files(plan: Plan, folder: Path) -> None:
    """Write all files, readable by everybody: the servers that read them run as users of their own."""
    for file in plan.list_files():
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8", newline="\n")
        path.chmod(0o644)
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        path.chmod(0o755)


def _swap_folder(new: Path, folder: Path) -> None:
    """Put a new folder in place; afterwards the old one, if there was one, stands beside it."""
    if not folder.exists():
        new.rename(folder)
        return
    try:
        exchange_paths(new, folder)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        folder.rename(_sibling_path(folder, "old"))
        new.rename(folder)


def exchange_paths(one: Path, other: Path) -> None:
    """Exchange two paths of one file system in one step; raises OSError, ENOSYS where there is no such call."""
    libc = ctypes.CDLL(None, use_errno=True)
    call = getattr(libc, "renameat2", None)  # glibc 2.28
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(one))
