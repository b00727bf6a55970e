"""Options of a run: which measurements, and how thorough; `--quick` gives a result within a minute or two."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LOADS = ("idle", "working")


@dataclass(frozen=True)
class Options:
    """The selected measurements, the numbers of containers and their loads, and how long to measure."""

    names: tuple[str, ...]
    sizes: tuple[int, ...] = ()
    loads: tuple[str, ...] = LOADS
    quick: bool = False
    first: bool = False
    save: bool = False
    against: Path | None = None  # another checkout

    def container_counts(self, *usual: int) -> tuple[int, ...]:
        """Return the numbers of containers to measure: those given, else the second usual one or all."""
        return self.sizes or (usual[1:2] if self.quick else usual)

    @property
    def settle_seconds(self) -> float:
        """Seconds between start and first measurement, since initialization is not a cost of a scrape."""
        return 5.0 if self.quick else 20.0

    @property
    def rest_seconds(self) -> float:
        """Seconds without scrapes: tuned cAdvisor works every 15."""
        return 15.0 if self.quick else 30.0

    @property
    def minutes(self) -> int:
        """Number of minutes with a scrape every 15 seconds."""
        return 1 if self.quick else 2

    @property
    def scrapes(self) -> int:
        """Number of continuous scrapes."""
        return 30 if self.quick else 100


def parse_options(argv: Sequence[str], names: Sequence[str]) -> Options:
    """Parse the command line; exit with an error if it is invalid."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"measurements to run, of {', '.join(names)}; by default all"
    )
    parser.add_argument("--sizes", default="", metavar="N,…", help="numbers of containers instead of the default")
    parser.add_argument("--load", choices=LOADS, help="only idle or only working containers")
    parser.add_argument("--quick", action="store_true", help="one size, idle containers, shorter measurements")
    parser.add_argument("--first", action="store_true", help="highest CPU weight, for a busy machine")
    parser.add_argument(
        "--against", type=Path, metavar="CHECKOUT", help="another build to compare with, with its .venv"
    )
    parser.add_argument("--save", action="store_true", help="write bench/results/NAME.json and the README's figures")
    given = parser.parse_args(argv)
    if unknown := set(given.names) - set(names):
        parser.error(f"unknown measurement {', '.join(sorted(unknown))}; expected {', '.join(names)}")
    try:
        sizes = tuple(int(word) for word in given.sizes.split(",") if word)
    except ValueError:
        parser.error("--sizes: expected whole numbers separated by commas")
    loads = (given.load,) if given.load else LOADS[:1] if given.quick else LOADS
    if given.against and not (given.against / ".venv/bin/deckwatch").exists():
        parser.error(f"--against: {given.against} has no .venv/bin/deckwatch; run `make check` there once")
    against = given.against.resolve() if given.against else None
    return Options(tuple(given.names or names), sizes, loads, given.quick, given.first, given.save, against)


def print_progress(text: str) -> None:
    """Print progress to standard error."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
