"""Our metrics compared with captured pages of the exporters we replace: deviations.yaml explains the differences."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deckwatch.core.catalog import Catalog
from deckwatch.exporter import collector
from deckwatch.exporter.deviations import DeviationKind, load_deviations
from deckwatch.exporter.metric import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.catalog import MetricInfo

FOLDER = os.environ.get("DECKWATCH_PEERS")
# Pages that are compared completely, with the minimum number of families on each.
PEERS = {"node_exporter": 250, "cadvisor": 100, "postgres_exporter": 300}
UNTESTED = ("value",)
UNIT = re.compile(r"\b(?:in |number of )(bytes|seconds|milliseconds)\b", re.IGNORECASE)


class Theirs(NamedTuple):
    kind: str
    labels: set[str]
    unit: str


class Difference(NamedTuple):
    metric: str
    what: DeviationKind
    labels: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def ours() -> Catalog:
    return Catalog(collector.list_metrics(collector.load_collectors().values()))


@pytest.mark.skipif(FOLDER is None, reason="DECKWATCH_PEERS does not name the folder of captured peer pages")
@pytest.mark.parametrize("peer", PEERS)
def test_every_difference_has_an_entry(peer: str, ours: Catalog) -> None:
    page = captured(peer)
    assert len(page) >= PEERS[peer]
    entries = [entry for entry in load_deviations() if entry.peer == peer]
    unexplained = [
        difference
        for name, theirs in page.items()
        for difference in differences(name, theirs, ours.get(name))
        if not any(
            entry.what == difference.what
            and difference.labels <= set(entry.labels)
            and entry.covers_metric(difference.metric)
            for entry in entries
        )
    ]
    assert unexplained == []


@pytest.mark.skipif(FOLDER is None, reason="DECKWATCH_PEERS does not name the folder of captured peer pages")
@pytest.mark.parametrize("peer", PEERS)
def test_every_entry_matches_a_difference(peer: str, ours: Catalog) -> None:
    differing = [
        difference
        for name, theirs in captured(peer).items()
        for difference in differences(name, theirs, ours.get(name))
    ]
    for entry in load_deviations():
        if entry.peer != peer or entry.what in UNTESTED:
            continue
        if entry.what == "absent":  # the captured machine may lack the metric too
            assert not [metric.name for metric in ours if entry.covers_metric(metric.name)], entry
        else:
            matches = [
                difference
                for difference in differing
                if difference.what == entry.what and entry.covers_metric(difference.metric)
            ]
            assert matches, entry
            assert set(entry.labels) == set().union(*(difference.labels for difference in matches)), entry


def test_entries_are_well_formed() -> None:
    for entry in load_deviations():
        assert entry.peer in {"node_exporter", "cadvisor", "postgres_exporter"}, entry
        assert entry.what in get_args(DeviationKind), entry
        assert bool(entry.labels) is entry.what.endswith("labels"), entry
        assert entry.why.endswith("."), entry


def differences(name: str, theirs: Theirs, our: MetricInfo | None) -> Iterator[Difference]:
    """Yield the differences between our metric of this name and theirs."""
    if our is None:
        yield Difference(name, "absent")
        return
    if our.kind != theirs.kind:
        yield Difference(name, "kind")
    if more := frozenset(our.labels) - theirs.labels:
        yield Difference(name, "more labels", more)
    if fewer := theirs.labels - set(our.labels):
        yield Difference(name, "fewer labels", frozenset(fewer))
    if theirs.unit and our.unit != theirs.unit:
        yield Difference(name, "unit")


def captured(peer: str) -> dict[str, Theirs]:
    """Return the type and label names, including those of empty labels, of each family on a peer's newest page."""
    text = max(Path(FOLDER or "").glob(f"{peer}-*.prom")).read_text()
    kinds = {line.split(" ")[2]: line.split(" ")[3] for line in text.splitlines() if line.startswith("# TYPE ")}
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            # The parser appends `_total` to counters without it, and treats parts of a histogram as separate series.
            for name in (sample.name, sample.name.removesuffix("_total"), family.name):
                labels[name] |= set(sample.labels) - {"le", "quantile"}
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    return {name: Theirs(kind, labels[name], unit_of(name, helps.get(name, ""))) for name, kind in kinds.items()}


def unit_of(name: str, about: str) -> str:
    """Return the unit at the end of a name, or else in its HELP text; '' without either."""
    match = UNIT.search(about)
    return Metric(name, "untyped", "").unit or (match[1] if match else "")
