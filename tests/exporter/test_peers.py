"""Our metrics beside captured pages of the exporters we stand in for: what differs is explained in deviations.yaml."""

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
# Whose pages are compared whole, with what is at least known to be on them.
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
    reported = [one for one in load_deviations() if one.peer == peer]
    unexplained = [
        found
        for name, theirs in page.items()
        for found in differences(name, theirs, ours.get(name))
        if not any(
            one.what == found.what and found.labels <= set(one.labels) and one.covers_metric(found.metric)
            for one in reported
        )
    ]
    assert unexplained == []


@pytest.mark.skipif(FOLDER is None, reason="DECKWATCH_PEERS does not name the folder of captured peer pages")
@pytest.mark.parametrize("peer", PEERS)
def test_every_entry_matches_a_difference(peer: str, ours: Catalog) -> None:
    found = [one for name, theirs in captured(peer).items() for one in differences(name, theirs, ours.get(name))]
    for reported in load_deviations():
        if reported.peer != peer or reported.what in UNTESTED:
            continue
        if reported.what == "absent":  # what this machine had not is not on the page either, but may be reported
            assert not [metric.name for metric in ours if reported.covers_metric(metric.name)], reported
        else:
            fitting = [one for one in found if one.what == reported.what and reported.covers_metric(one.metric)]
            assert fitting, reported
            assert set(reported.labels) == set().union(*(one.labels for one in fitting)), reported


def test_entries_are_well_formed() -> None:
    for one in load_deviations():
        assert one.peer in {"node_exporter", "cadvisor", "postgres_exporter"}, one
        assert one.what in get_args(DeviationKind), one
        assert bool(one.labels) is one.what.endswith("labels"), one
        assert one.why.endswith("."), one


def differences(name: str, theirs: Theirs, our: MetricInfo | None) -> Iterator[Difference]:
    """Yield how our metric of this name differs from theirs."""
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
    """Return for each family of a peer's newest page its type, and the names of all labels, also of empty ones."""
    text = max(Path(FOLDER or "").glob(f"{peer}-*.prom")).read_text()
    kinds = {line.split(" ")[2]: line.split(" ")[3] for line in text.splitlines() if line.startswith("# TYPE ")}
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            # The parser adds `_total` to counters that lack it, and takes a histogram's parts for series of their own.
            for name in (sample.name, sample.name.removesuffix("_total"), family.name):
                labels[name] |= set(sample.labels) - {"le", "quantile"}
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    return {name: Theirs(kind, labels[name], unit_of(name, helps.get(name, ""))) for name, kind in kinds.items()}


def unit_of(name: str, about: str) -> str:
    """Return the unit that a name says at its end, or else its HELP; '' where neither does."""
    said = UNIT.search(about)
    return Metric(name, "untyped", "").unit or (said[1] if said else "")
