"""Values that only our code determines, kept between runs in a file of the user's cache folder.

The command line turns the cache on; elsewhere `get_or_build` always builds. A file's name contains the hash of all our
code and shipped files, so that a changed file is never answered from the cache, and its content is JSON with a
checksum: a file that someone damaged or forged is at worst not used, and none is ever executed. The folder is used only
where nobody else may write to it. It holds a bounded number of files, and everything works without it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HOME = Path(__file__).parents[1]
_NAME = "deckwatch"  # of the folder
_SUFFIX = ".json"
_ENGINES = (
    "yaml",
    "orjson",
    "rjsonnet",
    "_jsonnet",
    "promql_parser",
    "jsonschema_rs",
)  # packages whose version may change what is built
# `out` is this repository's own bundle; no cached value depends on the examples.
_SKIPPED = frozenset(("__pycache__", "examples", "out"))
_MAX_FILES = 16
_MAX_BYTES = 16 << 20
_NAME_LENGTH = 32  # of the hash in a file's name

_is_on = False


def turn_on() -> bool:
    """Use the cache in this process, if the package that reads it is installed; return whether it is."""
    global _is_on  # noqa: PLW0603 - one per process
    _is_on = importlib.util.find_spec("orjson") is not None
    return _is_on


def get_or_build(name: str, build: Callable[[], Any]) -> Any:
    """Return the JSON value that `build` returns for this version of our code, from the cache if possible.

    `name` is a word for the file. A value that JSON cannot represent exactly is not kept.
    """
    if not _is_on:
        return build()
    path = f"{name}-{hash_code()}{_SUFFIX}"
    value = _read_value(path)
    if value is None:
        value = build()
        _write_value(path, value)
    return value


def find_folder() -> Path | None:
    """Return the user's cache folder for us, which need not exist (XDG Base Directory Specification); None without."""
    base, home = (Path(os.environ.get(name, "")) for name in ("XDG_CACHE_HOME", "HOME"))
    if base.is_absolute():
        return base / _NAME
    return home / ".cache" / _NAME if home.is_absolute() else None


@functools.cache
def hash_code() -> str:
    """Return the hash of all our code and shipped files, and of the versions of Python and the engines."""
    result = hashlib.sha256(sys.version.encode())
    for name in _ENGINES:
        result.update(f"{name} {_describe_module(name)}\n".encode())
    root = str(_HOME)
    for path in _iter_files(root):
        content = hashlib.sha256(_read_file(path)).digest()
        result.update(path[len(root) :].encode() + b"\0" + content)
    return result.hexdigest()[:_NAME_LENGTH]


def _describe_module(name: str) -> str:
    """Return the file of an installed module with its size and time of change, which a new version changes."""
    try:
        spec = importlib.util.find_spec(name)
        origin = spec.origin if spec is not None else None
        if origin is None:
            return ""
        status = Path(origin).stat()
    except (ImportError, OSError, ValueError):
        return ""
    return f"{origin} {status.st_size} {status.st_mtime_ns}"


def _iter_files(folder: str) -> Iterator[str]:
    """Yield the files below a folder, sorted, without Python's caches and hidden files; links are followed."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.startswith(".") or entry.name in _SKIPPED:
            continue
        if entry.is_dir():
            yield from _iter_files(entry.path)
        elif entry.is_file():
            yield entry.path


def _read_file(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - Path is slower, for hundreds of files
        return file.read()


def _read_value(name: str) -> Any:
    """Return the value of a file of the cache; None if it is missing, damaged or not ours."""
    import orjson  # noqa: PLC0415 - an extra, which the exporter lacks

    with _open_folder() as folder:
        if folder is None:
            return None
        try:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except OSError:
            return None
        try:
            status = os.fstat(file)
            if not _is_private(status) or not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
                return None
            with os.fdopen(file, "rb", buffering=0, closefd=False) as opened:
                checksum, _, content = opened.readall().partition(b"\n")
            return orjson.loads(content) if checksum == _make_checksum(content) else None
        except (OSError, ValueError):
            return None
        finally:
            os.close(file)


def _write_value(name: str, value: Any) -> None:
    """Write a file of the cache, whole or not at all; without effect where that is not possible."""
    import orjson  # noqa: PLC0415

    try:
        content = orjson.dumps(value)
    except TypeError:
        return
    if len(content) >= _MAX_BYTES or orjson.loads(content) != value:
        return
    _create_folder()
    with _open_folder() as folder, contextlib.suppress(OSError):
        if folder is None:
            return
        temporary = f".{name}.{secrets.token_hex(8)}"
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
        try:
            with os.fdopen(file, "wb") as opened:
                opened.write(_make_checksum(content) + b"\n" + content)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            os.unlink(temporary, dir_fd=folder)
        _remove_old_files(folder)


def _make_checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _create_folder() -> None:
    """Create the user's cache folder if its parent is the user's own."""
    folder = find_folder()
    if folder is None:
        return
    with contextlib.suppress(OSError):
        for path in (folder.parent, folder):
            if not path.is_dir() and _is_private(path.parent.stat()):
                path.mkdir(mode=0o700)


@contextlib.contextmanager
def _open_folder() -> Iterator[int | None]:
    """Return a descriptor of the cache folder; None if it is missing, or others may write to it."""
    path, folder = find_folder(), None
    if path is not None:
        with contextlib.suppress(OSError):
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield folder if folder is not None and _is_private(os.fstat(folder)) else None
    finally:
        if folder is not None:
            os.close(folder)


def _is_private(status: os.stat_result) -> bool:
    """Return whether a file or folder is ours, and writable by nobody else."""
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _remove_old_files(folder: int) -> None:
    """Remove the oldest files, of other versions and of interrupted runs, until a bounded number is left."""
    times = {name: os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime_ns for name in os.listdir(folder)}
    for name in sorted(times, key=lambda name: times[name])[:-_MAX_FILES]:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
