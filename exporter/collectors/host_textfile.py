"""Metrics written by scripts and cron jobs, from `*.prom` in the folders of `watch: {host: {textfile: …}}`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from deckwatch.core.catalog import Catalog
from deckwatch.core.contract import load_contract
from deckwatch.exporter.collector import collector, list_metrics, load_collectors
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.sources import textformat
from deckwatch.exporter.sources.textfiles import TextFile, TextFiles
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deckwatch.exporter.collector import Collector
    from deckwatch.exporter.world import World

log = logging.getLogger("deckwatch.textfile")

ERROR = Metric(
    "node_textfile_scrape_error",
    "gauge",
    "1 if a file, or part of one, could not be shown, else 0.",
    is_about_reading=True,
)
CHANGED = Metric(
    "node_textfile_mtime_seconds",
    "gauge",
    "Modification time of the file, as a Unix time.",
    ("file",),
)

_MAX_OMISSIONS = 5  # reported for one file
_FOLDER = "/var/lib/deckwatch/textfile"
# Prefixes of metrics about the collectors; every metric that a collector declares is reserved as well.
_OWN_PREFIXES = ("deckwatch_", "node_scrape_collector_", "pg_scrape_collector_")


@collector(ERROR, CHANGED, peer="node:textfile", needs="")
def collect(world: World) -> Iterator[Sample]:
    """Metrics from *.prom files, and the modification time of each file."""
    configured: str | list[str] | None = world.config.get("host", {}).get("textfile")
    patterns = [configured] if isinstance(configured, str) else configured or [_FOLDER]
    source = world.source(TextFiles)
    results = list(
        source.read_folders(dict.fromkeys(folder for pattern in patterns for folder in source.expand_folders(pattern)))
    )
    files = [result for result in results if isinstance(result, TextFile)]
    faults = [result for result in results if isinstance(result, OSError)]
    if configured is None:
        faults = [
            fault for fault in faults if not isinstance(fault, FileNotFoundError)
        ]  # the default folder is optional
    samples, complaints = world.source(TextfileMerger).merge_files(files)
    yield ERROR(int(bool(complaints or faults)))
    for file in files:
        if not file.error:
            yield CHANGED(file.changed, file.path)
    yield from samples
    if faults:
        raise faults[0]  # the samples of the other folders are shown with it


class TextfileMerger(Source):
    """Merges files so that none conflicts with another file or with a collector."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._logged: list[str] = []
        self._ours: Catalog | None = None

    def merge_files(self, files: Iterable[TextFile]) -> tuple[list[Sample], list[str]]:
        """Return the files' samples without conflicting ones, and the complaints about those, each logged once."""
        samples: list[Sample] = []
        complaints: dict[str, None] = {}
        taken: dict[str, Metric] = {}  # the family that owns a series name
        seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()
        for file in files:
            for fault in (*filter(None, [file.error]), *file.omissions[:_MAX_OMISSIONS]):
                complaints[f"{file.path}: {fault}"] = None
            if len(file.omissions) > _MAX_OMISSIONS:
                complaints[f"{file.path}: {len(file.omissions) - _MAX_OMISSIONS} more lines are omitted"] = None
            faults: dict[Metric, str] = {}
            for sample in file.samples:
                family = sample.metric.family
                if family not in faults:
                    faults[family] = self._family_conflict(family, taken)
                fault = faults[family]
                series = textformat.series_key(sample)
                if not fault and series in seen:
                    fault = f"another file has the same series of {series[0]}"
                if fault:
                    complaints[f"{file.path}: {fault}"] = None
                else:
                    seen.add(series)
                    samples.append(sample)
        for complaint in complaints:
            if complaint not in self._logged:
                log.warning("%s", complaint)
        self._logged = list(complaints)
        return samples, self._logged

    def _family_conflict(self, family: Metric, taken: dict[str, Metric]) -> str:
        """Return why a family cannot be shown; otherwise reserve its names and return an empty string."""
        names = textformat.family_names(family)
        for name in names:
            if self._is_own_name(name):
                return f"{name} is a name that Deckwatch itself uses"
            other = taken.get(name, family)
            if (other.name, other.kind) != (family.name, family.kind):
                return f"{family.name} is of type {family.kind}; another file has {other.name} of type {other.kind}"
        for name in names:
            taken.setdefault(name, family)
        return ""

    def _reserves_names(self, declared: Collector) -> bool:
        """Return whether its names are ours: those of applications only where the collector has something to watch."""
        shared = tuple(load_contract()["application_prefixes"])
        is_shared = any(metric.name.startswith(shared) for metric in declared.metrics)
        return not is_shared or (declared.subjects is not None and bool(declared.subjects(self._world)))

    def _is_own_name(self, name: str) -> bool:
        if self._ours is None:
            self._ours = Catalog(
                list_metrics(each for each in load_collectors().values() if self._reserves_names(each))
            )
        return name.startswith(_OWN_PREFIXES) or self._ours.series(name) is not None
