"""What a run measures, and how long: everything by default, an answer within a minute or two with `--quick`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LOADS = ("idle", "working")


@dataclass(frozen=True)
class Options:
    """The chosen measurements, and for those with containers: how many, doing what, and how long to look."""

    names: tuple[str, ...]
    sizes: tuple[int, ...] = ()
    loads: tuple[str, ...] = LOADS
    quick: bool = False
    first: bool = False

    def container_counts(self, *usual: int) -> tuple[int, ...]:
        """Return for how many containers to measure: the chosen, else the second of the usual or all of them."""
        return self.sizes or (usual[1:2] if self.quick else usual)

    @property
    def settle_seconds(self) -> float:
        """Seconds between start and first look: what a server does once is no cost of a scrape."""
        return 5.0 if self.quick else 20.0

    @property
    def rest_seconds(self) -> float:
        """Seconds in which nobody scrapes: tuned cAdvisor does something every 15."""
        return 15.0 if self.quick else 30.0

    @property
    def rounds(self) -> int:
        """How many times 15 seconds with one scrape."""
        return 1 if self.quick else 4

    @property
    def scrapes(self) -> int:
        """How many scrapes in a row."""
        return 30 if self.quick else 100


def parse_options(argv: Sequence[str], names: Sequence[str]) -> Options:
    """Return the options of a command line; ends the program where they mean nothing."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure, of {', '.join(names)}; else all")
    parser.add_argument("--sizes", default="", metavar="N,…", help="numbers of containers instead of the usual")
    parser.add_argument("--load", choices=LOADS, help="only with idle, or only with working containers")
    parser.add_argument("--quick", action="store_true", help="one size, idle, a look instead of a minute")
    parser.add_argument("--first", action="store_true", help="before all else on a busy machine")
    given = parser.parse_args(argv)
    if unknown := set(given.names) - set(names):
        parser.error(f"no measurement {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    try:
        sizes = tuple(int(word) for word in given.sizes.split(",") if word)
    except ValueError:
        parser.error("--sizes: expected whole numbers with commas between")
    loads = (given.load,) if given.load else LOADS[:1] if given.quick else LOADS
    return Options(tuple(given.names or names), sizes, loads, given.quick, given.first)


def print_progress(text: str) -> None:
    """Tell how far the run is, on standard error."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
