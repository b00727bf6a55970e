"""Hosts: what 1,000 of them add to `deckwatch generate`, from YAML and from an Ansible inventory.

Whole processes with one host and with 1,000, in turn; medians of the differences, in wall time and in CPU time of all
processes, which a busy machine hardly increases.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench._sheet import Sheet, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._options import Options

_DECKWATCH = str(Path(sys.executable).with_name("deckwatch"))
_HOSTS, _MAX_SECONDS = 1000, 0.3


def sheets(options: Options) -> Iterator[Sheet]:
    rounds = 2 if options.quick else 7
    with tempfile.TemporaryDirectory() as name:
        projects = dict(_make_projects(Path(name)))
        runs: dict[str, list[tuple[float, float]]] = {kind: [] for kind in projects}
        for _ in range(rounds + 1):
            for kind, folder in projects.items():
                runs[kind].append(_time_generate(folder))
    rows = []
    for kind in ("yaml", "ansible"):
        added = [
            (many[0] - one[0], many[1] - one[1])
            for many, one in zip(runs[kind][1:], runs["one host"][1:], strict=True)  # the first fills caches
        ]
        wall, cpu = (statistics.median(figures) for figures in zip(*added, strict=True))
        rows.append(
            [
                f"{_HOSTS:,} hosts, {kind}",
                format_value(wall * 1000, "ms"),
                format_value(cpu * 1000, "ms"),
                f"{_MAX_SECONDS * 1000:.0f} ms",
                "yes" if cpu <= _MAX_SECONDS else "no",
            ]
        )
    yield Sheet((__doc__ or "").partition("\n")[0], ("figure", "wall", "CPU", "target", "met"), rows)


def _make_projects(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield a project with one host, and two with many."""
    lines = [f"  - {{name: web-{number}, address: 'web-{number}.internal:9877'}}\n" for number in range(_HOSTS)]
    texts = {"one host": "hosts:\n" + lines[0], "yaml": "hosts:\n" + "".join(lines)}
    texts["ansible"] = "hosts: [{ansible: inventory.ini}]\n"
    for kind, text in texts.items():
        project = folder / kind.replace(" ", "-")
        project.mkdir()
        (project / "deckwatch.yaml").write_text(text)
        hosts = [f"web-{number} ansible_host=10.1.{number // 250}.{number % 250}\n" for number in range(_HOSTS)]
        (project / "inventory.ini").write_text("[web]\n" + "".join(hosts))
        yield kind, project


def _time_generate(project: Path) -> tuple[float, float]:
    """Return wall and CPU seconds of a run, which finds no record of an earlier one."""
    (project / ".deckwatch/generated.json").unlink(missing_ok=True)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [_DECKWATCH, "--project", str(project), "generate", "--out", str(project / "out")]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "DECKWATCH_NO_COLOR": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begun, spent
