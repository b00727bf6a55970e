"""`make bench`: run every measurement in this folder, each with its reference or peer, in one run.

One file is one measurement: the first line of its docstring is its title, and `sheets()` yields its `Sheet`s.
`python -m bench NAME …` runs some of them; `--quick` gives a first result within two minutes. Programs that are not
installed are listed. Ratios are printed with their targets, but a missed target is no failure: machines differ
and are noisy, so only the ratio of two figures of the same run counts.
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
