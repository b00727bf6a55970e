"""`*.prom` files for the textfile collector: rendered, replaced as a whole, and read back.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. A collector may read at any time, so a file is
written beside its place and renamed. Each writer has a file of its own, named after what it describes.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import re
import stat
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from deckwatch.core.problems import DeckwatchError
from deckwatch.core.whole_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from deckwatch.instrument.metrics import MetricDeclaration

FOLDER = "/var/lib/deckwatch/textfile"
MAX_BYTES = 8 << 20  # of a file, as the exporter's collector accepts
_MAX_NAME_BYTES = 200  # of a file's name, below the 255 of Linux' file systems, with room for ours
_LINE = re.compile(r'(\w+)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*+")*+)\})? (\S+)')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*+)"')
_ESCAPED = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}
_LOCK_SECONDS = 5.0
_LOCK_POLL_SECONDS = 0.02


class Series(NamedTuple):
    """One series of a family: the values of its labels, in the order of the declaration, and its value.

    `suffix` and `bound` belong to a histogram: `_bucket` with its upper bound, `_sum`, `_count`.
    """

    value: float
    labels: tuple[str, ...] = ()
    suffix: str = ""
    bound: str = ""


Family = tuple["MetricDeclaration", "Iterable[Series]"]


def render_families(families: Iterable[Family]) -> str:
    """Return the text of families; one without series is left out, as is a label without a value."""
    lines = []
    for metric, series in families:
        body = [_render_series(metric, one) for one in series]
        if body:
            help_text = metric.help.replace("\\", "\\\\").replace("\n", "\\n")
            lines += [f"# HELP {metric.name} {help_text}", f"# TYPE {metric.name} {metric.kind}", *body]
    return "".join(f"{line}\n" for line in lines)


def _render_series(metric: MetricDeclaration, series: Series) -> str:
    pairs = [*zip(metric.labels, series.labels, strict=True)]
    if series.bound:
        pairs.append(("le", series.bound))
    inside = ",".join(f'{name}="{_escape_value(value)}"' for name, value in pairs if value)
    braces = f"{{{inside}}}" if inside else ""
    return f"{metric.name}{series.suffix}{braces} {format_number(series.value)}"


def _escape_value(text: str) -> str:
    clean = text.encode("utf-8", "replace").decode()
    return clean.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def format_number(value: float) -> str:
    """Return a value of the format: a whole number without a fraction, others with all their digits."""
    if math.isfinite(value):
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


class ReadSeries(NamedTuple):
    """One line of a file: the series' name, its labels and its value."""

    name: str
    labels: dict[str, str]
    value: float


def parse_series(text: str) -> list[ReadSeries]:
    """Return the series of a text that `render_families` wrote; raises ValueError for another one."""
    series = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if (match := _LINE.fullmatch(line)) is None:
            raise ValueError(f"line {number} is not ours")
        labels = {name: re.sub(r"\\.", _unescape_match, value) for name, value in _LABEL.findall(match[2] or "")}
        series.append(ReadSeries(match[1], labels, float(match[3])))
    return series


def _unescape_match(match: re.Match[str]) -> str:
    return _ESCAPED.get(match[0], match[0])


def file_name(kind: str, *parts: str) -> str:
    """Return the name of a writer's file; different parts have different names.

    Characters other than letters, digits, `-`, `.`, `_` and `~` are percent-encoded, and a long name is cut and gets a
    hash.
    """
    stem = "@".join((kind, *(quote(part, safe="", errors="replace") for part in parts)))
    if len(stem) > _MAX_NAME_BYTES:
        import hashlib  # noqa: PLC0415 - loads OpenSSL

        digest = hashlib.sha256(stem.encode()).hexdigest()[:16]
        stem = f"{stem[: _MAX_NAME_BYTES - len(digest) - 1]}~{digest}"
    return f"{stem}.prom"


def write_text(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by everyone; its folder is created. Raises DeckwatchError."""
    content = text.encode("utf-8", "replace")
    if len(content) > MAX_BYTES:
        raise DeckwatchError(f"{path} would have more than {MAX_BYTES >> 20} MiB, and was not written")
    try:
        create_folder(path.parent)
        replace_file(path, content, mode=0o644)  # the exporter is another user, and cron jobs often have a umask of 077
    except OSError as error:
        raise DeckwatchError(f"{path} cannot be written: {error.strerror}") from None


def create_folder(folder: Path) -> None:
    """Create a folder, with those around it, that everyone can read, whatever the umask; raises OSError."""
    if folder.is_dir():
        return
    create_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o755)


def read_text(path: Path) -> str:
    """Return the text of a file that we wrote, '' if there is none. Raises DeckwatchError."""
    try:
        # O_NONBLOCK, not to wait for a writer where somebody put a pipe.
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DeckwatchError(f"{path} is not a regular file")
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise DeckwatchError(f"{path} cannot be read: {error.strerror}") from None


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep other writers of a folder away while a file is read and replaced. Raises DeckwatchError after 5 seconds."""
    try:
        create_folder(folder)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise DeckwatchError(f"{folder} cannot be written: {error.strerror}") from None
    try:
        deadline = time.monotonic() + _LOCK_SECONDS
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise DeckwatchError(f"{folder} is locked by another process")
            time.sleep(_LOCK_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)  # also unlocks


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: the rename alone keeps the file whole
        return True
    return True
