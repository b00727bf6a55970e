"""Access logs: CPU per line and memory, for 2,000,000 lines in the combined format with 3 rotations.

Each program follows the same file while it is written and renamed, and answers at its metrics page. Lines per second
are those per second of CPU time, on however many cores it was spent.
"""

from __future__ import annotations

import random
import re
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench import _peers, _process
from bench._options import print_progress
from bench._sheet import Row, Sheet, Targets, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench._options import Options

_LINES = 2_000_000
_PARTS = 4  # with a rotation between each two
_MAX_RATIO = 1 / 3  # of a peer's CPU time
_MAX_MIB = 40.0
_MIN_LINES_PER_SECOND = 300_000
_WAIT_SECONDS = 600.0
_SEED = 14
_COUNT = re.compile(rb"^(\w+)(?:\{.*\})? ([\d.e+]+)$", re.MULTILINE)
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "curl/8.5.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
)
_PATHS = (
    "/",
    "/products",
    "/products/{}",
    "/cart",
    "/orders/{}",
    "/api/v1/orders/{}/items",
    "/static/app.{}.js",
    "/search?q=x{}",
)


class Run(NamedTuple):
    """One program's run: CPU seconds, peak memory in MiB, and the number of lines that it has counted."""

    cpu: float
    mib: float
    counted: int


def sheets(options: Options) -> Iterator[Sheet]:
    lines = _LINES // 10 if options.quick else _LINES
    targets = Targets((__doc__ or "").partition("\n")[0])
    with tempfile.TemporaryDirectory() as folder:
        parts = _write_parts(Path(folder), lines)
        runs = {
            name: _run_program(server, counter, Path(folder), parts, lines)
            for name, server, counter in _servers(folder)
        }
    ours = runs.pop("deckwatch")
    rate = f"{lines / ours.cpu:,.0f} lines per second of CPU time"
    for name, run in runs.items():
        key = f"cpu_vs_{name.replace('-', '_')}"
        targets.add_target(_MAX_RATIO, Row("CPU", ours.cpu, run.cpu, "s", f"{name}, {lines:,} lines", key=key))
    targets.add_target(1.0, Row("CPU", ours.cpu, lines / _MIN_LINES_PER_SECOND, "s", "300,000 lines/s", key="cpu"))
    targets.add_target(1.0, Row("memory", ours.mib, _MAX_MIB, "MiB", "goal; the whole exporter", key="memory"))
    targets.add_target(
        1.0, Row("lines not counted once", abs(ours.counted - lines) + 1, 1, "", "1 is none", key="exact")
    )
    yield targets.to_sheet()
    columns = ("program", "CPU", "memory", "lines counted", "lines/s of CPU")
    rows = [
        [name, format_value(run.cpu, "s"), format_value(run.mib, "MiB"), f"{run.counted:,}", f"{lines / run.cpu:,.0f}"]
        for name, run in {"deckwatch": ours, **runs}.items()
    ]
    yield Sheet("Access logs, each program", columns, rows, rate)


def _write_parts(folder: Path, lines: int) -> list[Path]:
    """Write the lines in files, one for each rotation."""
    chance = random.Random(_SEED)
    print_progress(f"access_logs: writing {lines:,} lines")
    paths = []
    for part in range(_PARTS):
        paths.append(folder / f"part{part}")
        with paths[-1].open("w") as file:
            for _ in range(lines // _PARTS):
                path = chance.choice(_PATHS).format(chance.randrange(100_000))
                file.write(
                    f"10.{chance.randrange(256)}.{chance.randrange(256)}.7 - - [30/Nov/2026:02:00:00 +0000] "
                    f'"{chance.choice(("GET", "GET", "GET", "POST"))} {path} HTTP/1.1" '
                    f"{chance.choice((200, 200, 200, 200, 200, 301, 404, 500))} {chance.randrange(50_000)} "
                    f'"https://shop.example/products" "{chance.choice(_AGENTS)}"\n'
                )
    return paths


def _servers(folder: str) -> Iterator[tuple[str, _peers.Server, str]]:
    """Yield each program's name, how it is run on `access.log` in its own folder, and the metric that counts lines."""
    ours = Path(folder, "deckwatch")
    ours.mkdir()
    entry = f"{{service: shop, file: {ours}/access.log, format: combined, state: {ours}/state}}"
    (ours / "deckwatch.yaml").write_text(f"watch:\n  logs:\n    - {entry}\n")
    yield "deckwatch", _peers.deckwatch_server(None, project=ours), "http_requests_total"
    yield from _peers.log_servers(Path(folder))


def _run_program(server: _peers.Server, counter: str, folder: Path, parts: Sequence[Path], lines: int) -> Run:
    """Append the lines to the program's log, with a rename between the parts, until it has counted them all."""
    own = folder / server.title
    own.mkdir(exist_ok=True)
    log = own / "access.log"
    log.touch()
    with server.run_in(own) as program:
        pid = program.process.pid if program.process else 0
        time.sleep(3.0)  # it has opened the log
        before, counted = _process.cpu_seconds(pid), 0
        for number, part in enumerate(parts, 1):
            with part.open("rb") as source, log.open("ab") as target:
                while chunk := source.read(1 << 20):
                    target.write(chunk)
            expected = lines * number // len(parts)
            counted = _wait_for_count(server.url, counter, expected)
            print_progress(f"{server.title}: {counted:,} of {lines:,} lines")
            if number < len(parts):
                log.rename(f"{log}.{number}")
                log.touch()
                time.sleep(2.0)
        cpu = _process.cpu_seconds(pid) - before
        return Run(cpu, _peak_mib(pid), counted)


def _wait_for_count(url: str, counter: str, expected: int) -> int:
    """Return the sum of a counter's series once it is as expected, or no longer grows."""
    deadline, last, changed = time.monotonic() + _WAIT_SECONDS, 0, time.monotonic()
    while time.monotonic() < deadline:
        with urllib.request.urlopen(url, timeout=60) as answer:
            found = _COUNT.findall(answer.read())
        count = round(sum(float(value) for name, value in found if name == counter.encode()))
        if count != last:
            last, changed = count, time.monotonic()
        if count >= expected or time.monotonic() - changed > 15.0:
            return count
        time.sleep(1.0)
    return last


def _peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]
