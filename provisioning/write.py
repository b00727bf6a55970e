"""Replaces the output folder atomically: the new tree is built beside it and exchanged in one step.

A reader, or a crash at any moment, finds the old tree or the new one, never a mixture. The exchange is `renameat2` with
RENAME_EXCHANGE (fs/namei.c; Linux 3.15, and not every file system supports it). Without it, two renames do the same: a
crash between them leaves no folder, and the next run restores the old one.
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
_NOT_HERE = frozenset((errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP))  # not supported by the kernel or file system


def write_plan(plan: Plan, folder: Path) -> list[Change]:
    """Make a folder hold exactly the plan and return the changes; without changes nothing is touched.

    Raises DeckwatchError where the folder holds files of others, or cannot be written.
    """
    folder = folder.resolve()  # replace the target of a link, not the link
    if folder == folder.parent:
        raise DeckwatchError(f"{folder} cannot be replaced; choose a folder with --out")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock_folder(folder.parent):
            _clean_up(folder)
            refuse_foreign(folder)
            changes = plan.find_changes(folder)
            if changes:
                _stage_files(plan, _sibling_path(folder, "new"))
                _swap_folder(_sibling_path(folder, "new"), folder)
                _clean_up(folder)
    except OSError as error:
        raise DeckwatchError(f"{folder} cannot be written: {error.strerror}") from None
    return changes


def remove_staging(folder: Path) -> None:
    """Remove the staging folders of a killed run, if there are any, and restore the old folder if it left none."""
    folder = folder.resolve()
    if any(_sibling_path(folder, suffix).exists() for suffix in ("new", "old")):
        with contextlib.suppress(OSError), _lock_folder(folder.parent):
            _clean_up(folder)


def _stage_files(plan: Plan, folder: Path) -> None:
    """Write all files; if that fails, for example because the disk is full, remove those written."""
    try:
        _write_files(plan, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def refuse_foreign(folder: Path) -> None:
    """Raise DeckwatchError if a folder holds files that we did not write: replacing it would delete them."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DeckwatchError(f"{folder} is a file; choose a folder with --out")
    known = read_manifest(folder)
    files = list_paths(folder)
    if known is None:
        if files:
            raise DeckwatchError(
                f"{folder} is not empty and has no {MANIFEST}, so it is not replaced; choose another folder with --out"
            )
        return
    if foreign := [path for path in files if path != MANIFEST and path not in known]:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise DeckwatchError(
            f"{folder} contains files not written by deckwatch, which replacing it would delete: "
            f"{', '.join(foreign[:3])}{more}"
        )


def _sibling_path(folder: Path, suffix: str) -> Path:
    return folder.with_name(f".{folder.name}.deckwatch-{suffix}")


@contextlib.contextmanager
def _lock_folder(parent: Path) -> Iterator[None]:
    """Lock the parent folder, so that concurrent runs take turns and any staging folder is left from a killed run."""
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _clean_up(folder: Path) -> None:
    """Remove the staging folders of a run, and restore the old folder if a killed run left none."""
    old, new = _sibling_path(folder, "old"), _sibling_path(folder, "new")
    if old.exists() and not folder.exists():
        old.rename(folder)
    for path in (old, new):
        if path.exists():
            shutil.rmtree(path)


def _write_files(plan: Plan, folder: Path) -> None:
    """Write all files, readable by everyone: the servers that read them run as other users."""
    for file in plan.list_files():
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8", newline="\n")
        path.chmod(0o644)
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        path.chmod(0o755)


def _swap_folder(new: Path, folder: Path) -> None:
    """Put a new folder in place; the old one, if any, is left beside it."""
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


def exchange_paths(first: Path, second: Path) -> None:
    """Exchange two paths of one file system atomically; raises OSError, ENOSYS without the system call."""
    libc = ctypes.CDLL(None, use_errno=True)
    call = getattr(libc, "renameat2", None)  # glibc 2.28
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(first))
