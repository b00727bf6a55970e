"""Generation: 100 dashboards of 30 panels with rules, and the brevity of the YAML.

Whole processes, including the interpreter's start; medians of wall time, and of the CPU time of all processes,
which a busy machine does not increase. "One change" lasts from saving a file until the new bundle is in place, with
`generate --watch` running.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from bench._sheet import Sheet, format_value
from deckwatch.core.project import Project
from deckwatch.dashboards.read.files import SPECS
from deckwatch.provisioning import stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._options import Options

_PANELS = (
    "lines: host.cpu",
    "stat: host.memory",
    "lines: 'sum by (instance) (rate(node_network_receive_bytes_total[$__rate_interval]))'",
    "area: 'sum by (mode) (rate(node_cpu_seconds_total[$__rate_interval]))'",
    "gauge: host.filesystem",
    "stat: up",
)
_DECKWATCH = str(Path(sys.executable).with_name("deckwatch"))


def sheets(options: Options) -> Iterator[Sheet]:
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_time_runs(make_project(Path(folder)), 2 if options.quick else 5))
    columns = ("figure", "wall", "CPU", "target", "met")
    yield Sheet((__doc__ or "").partition("\n")[0], columns, rows)
    yield Sheet("Brevity of the YAML", ("figure", "value", "minimum", "met"), list(_brevity_rows()))


def make_project(folder: Path) -> Path:
    for name in ("dashboards", "alerts"):
        (folder / name).mkdir()
    (folder / "deckwatch.yaml").write_text("build: {include: [host, dashboards/, alerts/]}\n")
    for i in range(100):
        lines = [f"dashboard: Number {i}", "about: Is it healthy?", "rows:"]
        for row in range(10):
            lines += [f"  - row: Row {row}", "    panels:"]
            for number in range(3 * row, 3 * row + 3):
                lines += [f"      - {_PANELS[number % len(_PANELS)]}", f"        title: Panel {number}"]
                lines += ["        description: What it means."]
        (folder / "dashboards" / f"d{i:03}.yaml").write_text("\n".join(lines) + "\n")
    return folder


def _time_runs(folder: Path, times: int) -> Iterator[list[str]]:
    cold = [_time_generate(folder, f"--out={folder}/out-{n}") for n in range(times)]
    yield _result_row("100 dashboards of 30 panels, cold", cold, 1000)
    yield _two_forms_row(folder, times)
    _time_generate(folder)
    yield _result_row("repeated without changes", [_time_generate(folder) for _ in range(3 * times)], 300)
    yield _result_row("one change, generate --watch", list(_time_watched_changes(folder, 2 * times)), 300)


def _two_forms_row(folder: Path, times: int) -> list[str]:
    """Return the cost of the bundle together with the form v2, relative to the bundle; rounds are interleaved."""
    ratios = []
    for _ in range(times):
        measured = []
        for forms in (("provisioned",), ("provisioned", "v2")):
            for name in (".deckwatch", "out", "v2"):
                shutil.rmtree(folder / name, ignore_errors=True)
            measured.append(_time_generate(folder, *(word for form in forms for word in ("--export", form))))
        ratios.append([after / before for before, after in zip(*measured, strict=True)])
    wall, cpu = (statistics.median(column) for column in zip(*ratios, strict=True))
    return ["with the form v2 / without", f"{wall:.2f}", f"{cpu:.2f}", "1.2", "yes" if cpu <= 1.2 else "no"]


def _result_row(figure: str, times: list[tuple[float, float]], target: float) -> list[str]:
    wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
    return [
        figure,
        format_value(wall, "ms"),
        format_value(cpu, "ms"),
        format_value(target, "ms"),
        "yes" if wall <= target else "no",
    ]


def _time_generate(folder: Path, *words: str) -> tuple[float, float]:
    """Return the wall time and the CPU time of one run, in ms."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([_DECKWATCH, "--project", str(folder), "generate", *words], check=True, capture_output=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 1000 * wall, 1000 * used


def _time_watched_changes(folder: Path, times: int) -> Iterator[tuple[float, float]]:
    """Yield the wall time from a change of a dashboard until its JSON is written, and the CPU time, in ms."""
    output = folder / "out" / "grafana" / "dashboards" / "deckwatch" / "d050.json"
    file = folder / "dashboards" / "d050.yaml"
    text = file.read_text()
    argv = [_DECKWATCH, "--project", str(folder), "generate", "--watch"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as child:
        lines = iter(child.stderr.readline, "")  # type: ignore[union-attr]
        next(line for line in lines if line.rstrip().endswith("ms)"))
        for n in range(times):
            used, start = _cpu_seconds(child.pid), time.perf_counter()
            file.write_text(text.replace("What it means.", f"What it means, {n}.", 1))
            while f"What it means, {n}." not in output.read_text():
                time.sleep(0.002)
            wall = time.perf_counter() - start
            next(line for line in lines if line.rstrip().endswith("ms)"))
            yield 1000 * wall, 1000 * (_cpu_seconds(child.pid) - used)
        child.terminate()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _brevity_rows() -> Iterator[list[str]]:
    """Yield the lines of JSON per line of YAML, and the share of panels with inferred units."""
    with tempfile.TemporaryDirectory() as folder:
        plan = stack.build(Project(Path(folder))).plan
    files = [file for file in plan.list_files() if file.path.startswith("grafana/dashboards/")]
    after = sum(len(file.text.splitlines()) for file in files)
    specs = sorted(SPECS.rglob("*.yaml"))
    before = sum(1 for path in specs for line in path.read_text().splitlines() if line.strip())
    yield ["lines of JSON per line of YAML", f"{after / before:.1f}", "40", "yes" if after >= 40 * before else "no"]
    drawn = [panel for file in files for panel in _flatten_panels(json.loads(file.text)) if panel.get("targets")]
    named = sum(_names_unit(yaml.safe_load(path.read_text())) for path in specs)
    share = 1 - named / len(drawn)
    yield ["panels with an inferred unit", f"{share:.0%} of {len(drawn)}", "80%", "yes" if share >= 0.8 else "no"]


def _flatten_panels(model: dict[str, object]) -> Iterator[dict[str, object]]:
    for panel in model["panels"]:  # type: ignore[attr-defined]
        yield from (panel, *panel.get("panels", []))


def _names_unit(data: object) -> int:
    """Return the number of panels of a file that state a unit."""
    if isinstance(data, dict):
        inner = (value for key, value in data.items() if key != "signals")
        return int("unit" in data) + sum(map(_names_unit, inner))
    return sum(map(_names_unit, data)) if isinstance(data, list) else 0
