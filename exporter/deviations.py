"""Differences between our page and those of the exporters it replaces, read from `deviations.yaml`."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from deckwatch.core import yaml_file

DeviationKind = Literal["absent", "kind", "more labels", "fewer labels", "unit", "value"]


@dataclass(frozen=True, slots=True)
class Deviation:
    """One entry: `metric` is a name or a pattern, or several joined by spaces; `why` is a sentence for users."""

    metric: str
    peer: str
    what: DeviationKind
    why: str
    labels: tuple[str, ...] = ()

    def covers_metric(self, name: str) -> bool:
        """Return whether the entry is about the metric `name`."""
        return any(fnmatchcase(name, pattern) for pattern in self.metric.split())


@functools.cache
def load_deviations() -> tuple[Deviation, ...]:
    """Return all entries, in the file's order."""
    entries = yaml_file.read_yaml(Path(__file__).with_name("deviations.yaml")).data["deviations"]
    return tuple(Deviation(**(entry | {"labels": tuple(entry.get("labels", ()))})) for entry in entries)
