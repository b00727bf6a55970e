"""The floor of a scrape: the CPU time that the kernel needs to return the contents of the files read, and nothing else.

The exporter's reads are recorded in a separate process, during its third scrape. The same files are then read
repeatedly, by `pread` on descriptors kept open, and by open, read and close. The result is the median CPU time of one
pass in ms, without pauses and with the pauses between measured scrapes, during which other programs on a busy machine
evict the processor's caches.

`python -m bench._floor OPTIONS OF SERVE …` prints the figures as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench._process import PAUSE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_SCRAPES = 3
_CHUNK = 65_536
_SECONDS = 1.5  # for the passes of one kind
_READS = ("read", "pread", "readv", "preadv")


@dataclass(frozen=True)
class Floor:
    """Number of files, and the CPU time of a pass in ms: `kept` and `paused` read descriptors that are kept open."""

    files: int
    kept: float
    paused: float
    opened: float

    @property
    def summary(self) -> str:
        return (
            f"floor: {self.files} files, {self.kept:.2f} ms CPU by pread on open descriptors "
            f"({self.paused:.2f} with pauses), {self.opened:.2f} ms by open, read and close"
        )


def measure_floor(argv: Sequence[str]) -> Floor:
    """Measure the floor of the exporter with these options of `serve`."""
    command = [sys.executable, "-m", __name__, *argv]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    return Floor(**json.loads(done.stdout))


def _main(argv: Sequence[str]) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sizes = bytes_per_file(argv)
    print(json.dumps(asdict(_measure_passes(sizes))))


def bytes_per_file(argv: Sequence[str]) -> dict[str, int]:
    """Return the bytes that a scrape reads of each file. Must run before the exporter's modules are imported."""
    sizes: dict[str, int] = {}
    reads = {name: getattr(os, name) for name in _READS}
    for name, read in reads.items():
        setattr(os, name, _recording_read(read, sizes, at_offset=name.startswith("p")))
    from bench import _unlimited
    from deckwatch.cli import _exporter
    from deckwatch.cli.serve import command

    _unlimited.lift_series_limits()
    given = command.make_context("serve", [*argv], obj=Path("/nonexistent")).params
    app = _exporter.create_app(
        Path("/nonexistent"), **{key: given[key] for key in ("path_procfs", "path_sysfs", "path_rootfs", "docker_host")}
    )
    try:
        for _ in range(_SCRAPES):
            sizes.clear()
            app.scraper.scrape(seconds=60)
        last = dict(sizes)
    finally:
        _exporter.close_app(app)
        for name, read in reads.items():
            setattr(os, name, read)
    roots = tuple(f"{Path(given[key]).resolve()}/" for key in ("path_procfs", "path_sysfs"))
    return {path: size for path, size in last.items() if path.startswith(roots) and os.access(path, os.R_OK)}


def _recording_read(read: Callable[..., Any], sizes: dict[str, int], *, at_offset: bool) -> Callable[..., Any]:
    def wrapped(descriptor: int, *rest: Any) -> Any:
        result = read(descriptor, *rest)
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        size, before = result if isinstance(result, int) else len(result), sizes.get(path, 0)
        sizes[path] = max(before, rest[1] + size) if at_offset else before + size
        return result

    return wrapped


def _measure_passes(sizes: dict[str, int]) -> Floor:
    buffer = [bytearray(_CHUNK)]
    files = list(sizes.items())
    capacity = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
    parts = [files[at : at + capacity] for at in range(0, len(files), capacity)]  # as many as may be open at once
    times = [_kept_descriptor_passes(part, buffer, _SECONDS / len(parts)) for part in parts]
    kept, paused = (sum(column) for column in zip(*times, strict=True))
    return Floor(len(files), kept, paused, _median_ms(lambda: _open_and_read(files, buffer), _SECONDS))


def _kept_descriptor_passes(
    files: Sequence[tuple[str, int]], buffer: list[bytearray], seconds: float
) -> tuple[float, float]:
    kept = [(os.open(path, os.O_RDONLY), size) for path, size in files]
    try:
        times = [_median_ms(lambda: _read_kept(kept, buffer), seconds, pause) for pause in (0.0, PAUSE_SECONDS)]
        return times[0], times[1]
    finally:
        for descriptor, _ in kept:
            os.close(descriptor)


def _read_kept(files: Iterable[tuple[int, int]], buffer: list[bytearray]) -> None:
    for descriptor, size in files:
        got = os.preadv(descriptor, buffer, 0)
        while 0 < got < size:
            more = os.preadv(descriptor, buffer, got)
            if not more:
                break
            got += more


def _open_and_read(files: Iterable[tuple[str, int]], buffer: list[bytearray]) -> None:
    for path, size in files:
        descriptor = os.open(path, os.O_RDONLY)
        _read_kept([(descriptor, size)], buffer)
        os.close(descriptor)


def _median_ms(work: Callable[[], None], seconds: float, pause: float = 0.0) -> float:
    work()
    taken: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(taken) < 3:
        time.sleep(pause)
        start = time.thread_time()
        work()
        taken.append((time.thread_time() - start) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    _main(sys.argv[1:])
