"""`make bench`: run every measurement in this folder, each with its reference or peer, in one run.

One file is one measurement: the first line of its docstring is its title, and `sheets()` yields its `Sheet`s.
`python -m bench NAME …` runs some of them; `--quick` gives a first result within two minutes. Programs that are not
installed are listed. Ratios are printed with their targets, but a missed target is no failure: machines differ
and are noisy, so only the ratio of two figures of the same run counts. After each measurement the conditions are
printed, and whether the machine was too busy. `--save` writes the results and the README's figures.
"""

from __future__ import annotations

import importlib
import os
import platform
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

import bench
from bench import _conditions, _machine, _options, _readme, _results

if TYPE_CHECKING:
    from bench._options import Options


def main() -> None:
    folder = Path(__file__).parent
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    options = _options.parse_options(sys.argv[1:], names)
    _conditions.read_start()
    _machine.enter_namespaces(first=options.first)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}", style="dim")
    _conditions.describe_machine()  # before results are saved, which changes the checkout
    for name in options.names:
        _run_measurement(name, options, console)


def _run_measurement(name: str, options: Options, console: Console) -> None:
    module = importlib.import_module(f"{bench.__name__}.{name}")
    meter, sheets = _conditions.ConditionsMeter(), []
    for sheet in module.sheets(options):
        console.print(sheet.to_table())
        sheets.append(sheet)
    conditions = meter.read_conditions()
    console.print(f"{name}: {conditions.summary}", style="dim")
    for problem in conditions.problems():
        console.print(f"{name}: busy machine, these figures mean little: {problem}", style="bold red")
    if options.save:
        if not any(sheet.targets for sheet in sheets):
            _options.print_progress(f"{name}: not saved: it has no figures with targets")
            return
        path = _results.save_result(_results.make_result(name, sheets, conditions, options))
        console.print(f"saved: {path.relative_to(Path(__file__).parents[1])}")
        _readme.update_readme()


if __name__ == "__main__":
    main()
