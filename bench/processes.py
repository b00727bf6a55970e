"""Processes: CPU per scrape with 1,000 processes in groups, beside process-exporter with default settings and tuned.

Both group the same processes by name, and ours ranks the largest users besides. Tuned is without its metrics for each
thread and without smaps, neither of which ours reads.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import _cost, _peers
from bench._options import print_progress
from bench._sheet import Row, Targets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._options import Options
    from bench._sheet import Sheet

_PROCESSES = 1_000
_MAX_RATIO = 1 / 3  # of the peer's CPU time
_OURS = """watch:
  collectors: {off: [host, container, postgres]}
  processes: {groups: [{name: "{comm}", cmdline: .}]}
"""


def sheets(options: Options) -> Iterator[Sheet]:
    with tempfile.TemporaryDirectory() as name, _running(_PROCESSES):
        folder = Path(name)
        (folder / "deckwatch.yaml").write_text(_OURS)
        server = _peers.deckwatch_server(None, project=folder)
        costs = _cost.measure_costs([server, *_peers.process_servers(folder)], folder, options)
    yield _cost.cost_sheet(f"Processes: {_PROCESSES:,} in groups", costs)
    targets = Targets((__doc__ or "").partition("\n")[0])
    ours = costs["deckwatch"].scrapes.cpu
    for title, key in (("process-exporter", "cpu_vs_default"), ("process-exporter, tuned", "cpu_vs_tuned")):
        peer = costs[title].scrapes.cpu if title in costs else None
        targets.add_target(_MAX_RATIO, Row("CPU per scrape", ours, peer, what=title, key=key))
    yield targets.to_sheet()


@contextlib.contextmanager
def _running(count: int) -> Iterator[None]:
    """Run so many processes that sleep."""
    print_progress(f"processes: starting {count:,}")
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            process = subprocess.Popen(["sleep", "3600"])
            stack.callback(process.wait)
            stack.callback(process.kill)
        time.sleep(1.0)
        yield
