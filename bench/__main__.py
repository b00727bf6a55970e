"""`make bench`: run all measurements in this folder, each against the programs that users would run instead.

A file is a measurement: the first line of its docstring is the title, and `sheets()` yields `Sheet`s.
`python -m bench NAME …` runs a selection, `--quick` takes about two minutes, and missing programs are listed. Each
ratio is printed with its target, but missing a target is not a failure: machines differ and are noisy, and only the
ratio of two figures from one run is meaningful.
"""

from __future__ import annotations

import importlib
import os
import platform
import signal
import sys
from pathlib import Path

from rich.console import Console

import bench
from bench import _machine, _options


def main() -> None:
    folder = Path(__file__).parent
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    options = _options.parse_options(sys.argv[1:], names)
    _machine.enter_namespaces(first=options.first)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}", style="dim")
    for name in options.names:
        module = importlib.import_module(f"{bench.__name__}.{name}")
        for sheet in module.sheets(options):
            console.print(sheet.to_table())


if __name__ == "__main__":
    main()
