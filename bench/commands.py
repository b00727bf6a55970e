"""Commands: the CPU time of `test`, `check`, `generate` and `grafana import`, and with `--against CHECKOUT` its ratio.

CPU of all processes of a command, which a busy machine hardly increases. The builds alternate; medians. The targets
are those of docs/decisions/0023-speed.md. `grafana import` reads 4,000 panels in 16 dashboards, since one has at most
255, and one regular expression of 1 MB; its targets are seconds, so only this build is measured.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench import generate
from bench._options import print_progress
from bench._samples import Samples, divide_pairs
from bench._sheet import Row, Targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench._options import Options
    from bench._sheet import Sheet

_DASHBOARDS, _PANELS = 16, 250
_EXPRESSION_BYTES = 1_000_000
_TIMEOUT_SECONDS = 600.0


class _Command(NamedTuple):
    """A measured command: its row, arguments, maximum of the ratio or of seconds, rounds, and uncounted rounds."""

    key: str
    figure: str
    arguments: tuple[str, ...]
    max_ratio: float | None
    max_seconds: float | None = None
    rounds: int = 5
    warmup: int = 1


def sheets(options: Options) -> Iterator[Sheet]:
    builds = {"ours": Path(sys.executable).with_name("deckwatch")}
    if options.against:
        builds["other"] = options.against / ".venv/bin/deckwatch"
    targets = Targets("Targets: CPU of commands")
    with tempfile.TemporaryDirectory() as name:
        caches = Path(name) / "cache"
        caches.mkdir(mode=0o700)
        for command in _make_commands(Path(name)):
            rounds = 1 if options.quick else command.rounds
            measured = builds if command.max_ratio else {"ours": builds["ours"]}
            print_progress(f"{command.figure}, {rounds} rounds of {len(measured)} builds …")
            _add_targets(targets, command, _measure_rounds(command, measured, rounds, caches))
    yield targets.to_sheet()


def _make_commands(folder: Path) -> Iterator[_Command]:
    shipped, many = folder / "shipped", folder / "many"
    shipped.mkdir()
    many.mkdir()
    generate.make_project(many)
    imported = [folder / f"large{number}.json" for number in range(_DASHBOARDS)]
    for path in imported:
        rates = [f"rate(http_requests_total{{job='{path.stem}-{number}'}}[5m])" for number in range(_PANELS)]
        path.write_text(json.dumps(_make_dashboard(path.stem, rates)))
    long = folder / "long.json"
    long.write_text(json.dumps(_make_dashboard("long", [f"up{{job=~'{'x|' * (_EXPRESSION_BYTES // 2)}x'}}"])))
    project, out = ("--project", str(shipped)), "--out={out}"
    yield _Command("test", "deckwatch test", (*project, "test"), 0.30, rounds=3, warmup=0)
    yield _Command("check", "deckwatch check", (*project, "check"), 0.6)
    cold = ("--project", str(many), "generate", out)
    yield _Command("generate", "deckwatch generate, 100 dashboards, cold", cold, 0.7)
    read, figure = (*project, "grafana", "import", out), f"grafana import, {_DASHBOARDS * _PANELS:,} panels"
    yield _Command("import_panels", figure, (*read, *map(str, imported)), None, 10, 1, 0)
    yield _Command("import_expression", "grafana import, expression of 1 MB", (*read, str(long)), None, 1, 3, 0)


def _make_dashboard(uid: str, expressions: list[str]) -> dict[str, object]:
    source = {"type": "prometheus", "uid": "prometheus"}
    panels = [
        {
            "id": number + 1,
            "type": "timeseries",
            "title": f"Panel {number}",
            "datasource": source,
            "gridPos": {"x": 12 * (number % 2), "y": 8 * (number // 2), "w": 12, "h": 8},
            "targets": [{"refId": "A", "expr": expression, "datasource": source}],
        }
        for number, expression in enumerate(expressions)
    ]
    return {"title": uid, "uid": uid, "schemaVersion": 39, "panels": panels}


def _measure_rounds(
    command: _Command, builds: Mapping[str, Path], rounds: int, caches: Path
) -> dict[str, Samples | None]:
    """Run the command with each build in turn, after the uncounted rounds; None for a build that fails."""
    seconds: dict[str, list[float]] = {name: [] for name in builds}
    failed: set[str] = set()
    for number in range(command.warmup + rounds):
        for name, program in list(builds.items())[:: -1 if number % 2 else 1]:
            if name in failed:
                continue
            try:
                used = _cpu_of_command(program, command.arguments, caches)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                text = getattr(error, "stderr", b"") or b""
                print_progress(f"{command.figure}, {name} build: {error} {text.decode(errors='replace')[-500:]}")
                failed.add(name)
                continue
            if number >= command.warmup:
                seconds[name].append(used)
    return {name: Samples(tuple(values)) if values and name not in failed else None for name, values in seconds.items()}


def _cpu_of_command(program: Path, arguments: tuple[str, ...], caches: Path) -> float:
    """Return the CPU seconds of a command and of the processes that it waits for."""
    out = tempfile.mkdtemp()
    for folder in caches.parent.glob("*/.deckwatch"):  # what earlier runs know about their output
        shutil.rmtree(folder)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [word.format(out=f"{out}/new") for word in arguments]
    # Without compiled modules, every process would compile them again.
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment = kept | {"XDG_CACHE_HOME": str(caches)}
    try:
        subprocess.run(
            [program, *words], check=True, capture_output=True, timeout=_TIMEOUT_SECONDS, cwd=out, env=environment
        )
    finally:
        shutil.rmtree(out)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _add_targets(targets: Targets, command: _Command, results: Mapping[str, Samples | None]) -> None:
    ours, other = results["ours"], results.get("other")
    mine = ours.median if ours else None
    if command.max_seconds is not None:
        row = Row(command.figure, mine, command.max_seconds, "s", "the target value", key=command.key)
        targets.add_target(1.0, row)
        return
    spread = divide_pairs(ours.values, other.values).quartiles if ours and other else None
    reference = other.median if other else None
    row = Row(command.figure, mine, reference, "s", "the other build", spread, command.key)
    targets.add_target(command.max_ratio or 1.0, row)
