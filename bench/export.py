"""Export of ten million samples beside promtool, which writes the same.

Both run the same range query of 1,000 series at 10,000 times on the same Prometheus, one after the other, and write to
a file. The memory is the peak of the process; the target for ours is 80 MB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench._options import print_progress
from bench._sheet import Row, Sheet, Target, Targets
from bench._stored import serve_blocks, write_blocks
from deckwatch.provisioning.program import find_program

if TYPE_CHECKING:
    import resource
    from collections.abc import Iterator, Sequence

    from bench._options import Options

_SERIES = 1000
_TIMES = 10_000
_STEP = 15
_STORED_STEP = 60  # Prometheus returns the last sample of five minutes at every time
_START = 1_790_000_000
_MAX_MB = 80.0
_MB = 1e6


class Run(NamedTuple):
    """Wall time and peak of the resident memory of a process."""

    seconds: float
    peak_mb: float


def sheets(options: Options) -> Iterator[Sheet]:
    prometheus, promtool = find_program("prometheus"), find_program("promtool")
    targets = Targets(str(__doc__).partition("\n")[0])
    if prometheus is None or promtool is None:
        yield Sheet(targets.title, ("figure",), (("prometheus and promtool are not installed",),))
        return
    times = _TIMES // 10 if options.quick else _TIMES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print_progress("writing blocks")
        write_blocks(promtool, folder, _iter_lines(times))
        with serve_blocks(prometheus, folder) as url:
            for target in _measure(promtool, url, folder, times):
                targets.targets.append(target)
    yield targets.to_sheet()


def _measure(promtool: str, url: str, folder: Path, times: int) -> Iterator[Target]:
    end = _START + (times - 1) * _STEP
    span = [f"--start={_START}", f"--end={end}", f"--step={_STEP}s"]
    theirs = _run_to_file([promtool, "query", "range", *span, url, "wide"], folder / "promtool")
    deckwatch = str(Path(sys.executable).with_name("deckwatch"))
    for name in ("csv", "json", "parquet"):
        print_progress(f"exporting {name}")
        out = folder / f"wide.{name}"
        argv = [deckwatch, "export-data", "wide", *span, f"--prometheus={url}", f"--format={name}", f"--out={out}"]
        ours = _run_to_file(argv, folder / "stdout")
        what = f"{_SERIES * times / 1e6:g} million samples, {out.stat().st_size / _MB:.0f} MB"
        yield Target(Row(f"{name}: time", ours.seconds, theirs.seconds, "s", what), 2.0)
        yield Target(Row(f"{name}: memory", ours.peak_mb, _MAX_MB, "MB", f"promtool: {theirs.peak_mb:.0f} MB"), 1.0)
        out.unlink()


def _run_to_file(argv: Sequence[str], out: Path) -> Run:
    start = time.perf_counter()
    with out.open("wb") as file, subprocess.Popen(argv, stdout=file) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return Run(time.perf_counter() - start, _peak_mb(usage))


def _peak_mb(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss * 1024 / _MB


def _iter_lines(times: int) -> Iterator[str]:
    for series in range(_SERIES):
        labels = f'wide{{instance="web-{series % 50}",job="shop",number="{series}"}}'
        for at in range(_START, _START + times * _STEP, _STORED_STEP):
            yield f"{labels} {series * 1.25 + at % 977} {at}\n"
