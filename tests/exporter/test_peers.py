"""Our metrics compared with those of the exporters we replace: deviations.yaml explains the differences.

`peer_families/` lists every family that a peer can have, with all its collectors on: name, type, labels (`*` where they
depend on the machine, `-` for none) and unit. It is complete for the pages captured in the folder DECKWATCH_PEERS;
`DECKWATCH_PEER_FAMILIES=refresh` adds what a newer page has.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from fnmatch import fnmatchcase
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
LISTS = Path(__file__).with_name("peer_families")
# The peers, with the minimum number of families in each list.
PEERS = {"node_exporter": 1200, "cadvisor": 150, "kubelet": 60, "postgres_exporter": 380, "blackbox_exporter": 80}
UNTESTED = ("value",)
UNIT = re.compile(r"\b(?:in |number of )(bytes|seconds|milliseconds)\b", re.IGNORECASE)
ANY_LABELS = frozenset("*")
# Families that a collector names after what the kernel writes, whether or not it is declared.
NAMED_BY_THE_KERNEL = ("node_zfs_arc_", "node_memory_numa_", "pg_settings_")
# Labels of the user's containers, which both sides have by configuration.
OF_CONTAINERS = ("container_label_", "container_env_")


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


@pytest.mark.parametrize("peer", PEERS)
def test_every_difference_has_an_entry(peer: str, ours: Catalog) -> None:
    families = listed(peer)
    assert len(families) >= PEERS[peer]
    entries = [entry for entry in load_deviations() if entry.peer == peer]
    unexplained = [
        difference
        for name, theirs in families.items()
        if ours.get(name) is not None or not name.startswith(NAMED_BY_THE_KERNEL)
        for difference in differences(name, theirs, ours.get(name))
        if not any(
            entry.what == difference.what
            and difference.labels <= set(entry.labels)
            and entry.covers_metric(difference.metric)
            for entry in entries
        )
    ]
    assert unexplained == []


@pytest.mark.parametrize("peer", PEERS)
def test_every_entry_matches_a_difference(peer: str, ours: Catalog) -> None:
    differing = [
        difference for name, theirs in listed(peer).items() for difference in differences(name, theirs, ours.get(name))
    ]
    for entry in load_deviations():
        if entry.peer != peer or entry.what in UNTESTED:
            continue
        if entry.what == "absent":  # only on other systems, perhaps
            assert not [metric.name for metric in ours if entry.covers_metric(metric.name)], entry
        else:
            matches = [
                difference
                for difference in differing
                if difference.what == entry.what and entry.covers_metric(difference.metric)
            ]
            assert matches, entry
            assert set(entry.labels) <= set().union(*(difference.labels for difference in matches)), entry


@pytest.mark.parametrize("peer", PEERS)
def test_entries_about_values_are_about_metrics_that_both_have(peer: str, ours: Catalog) -> None:
    both = [name for name in listed(peer) if ours.get(name) is not None]
    for entry in load_deviations():
        if entry.peer == peer and entry.what == "value":
            for pattern in entry.metric.split():
                assert [name for name in both if fnmatchcase(name, pattern)], pattern


@pytest.mark.skipif(FOLDER is None, reason="DECKWATCH_PEERS does not name the folder of captured peer pages")
@pytest.mark.parametrize("peer", PEERS)
def test_the_list_has_every_family_of_the_captured_page(peer: str) -> None:
    pages = sorted(Path(FOLDER or "").glob(f"{peer}-*.prom"))
    if not pages:
        pytest.skip(f"no page of {peer} in {FOLDER}")
    families, page = listed(peer), captured(pages[-1])
    missing = {
        name: theirs
        for name, theirs in page.items()
        if name not in families
        or families[name].kind != theirs.kind
        or not (theirs.labels <= families[name].labels or families[name].labels == ANY_LABELS)
    }
    if os.environ.get("DECKWATCH_PEER_FAMILIES") == "refresh":
        lines = (format_family(name, theirs) for name, theirs in sorted((families | missing).items()))
        (LISTS / f"{peer}.txt").write_text("".join(lines))
    else:
        assert not missing


def test_entries_are_well_formed() -> None:
    for entry in load_deviations():
        assert entry.peer in PEERS, entry
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
    own = frozenset(label for label in our.labels if not label.startswith(OF_CONTAINERS))
    if theirs.labels != ANY_LABELS:
        if more := own - theirs.labels:
            yield Difference(name, "more labels", more)
        if fewer := theirs.labels - own:
            yield Difference(name, "fewer labels", frozenset(fewer))
    if theirs.unit and our.unit != theirs.unit:
        yield Difference(name, "unit")


def listed(peer: str) -> dict[str, Theirs]:
    """Return the families in a peer's list."""
    families = {}
    for line in (LISTS / f"{peer}.txt").read_text().splitlines():
        name, kind, labels, unit = (*line.split(), "-", "-")[:4]
        families[name] = Theirs(kind, set(labels.split(",")) - {"-"}, unit.removeprefix("-"))
    assert list(families) == sorted(families)
    return families


def format_family(name: str, theirs: Theirs) -> str:
    """Return the line of a list; parts at the end that say nothing are left out."""
    parts = [name, theirs.kind, ",".join(sorted(theirs.labels)) or "-", theirs.unit or "-"]
    while parts[-1] == "-":
        parts.pop()
    return " ".join(parts) + "\n"


def captured(page: Path) -> dict[str, Theirs]:
    """Return the type and label names, including those of empty labels, of each family on a page."""
    text = page.read_text()
    kinds = {line.split(" ")[2]: line.split(" ")[3] for line in text.splitlines() if line.startswith("# TYPE ")}
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            # The parser appends `_total` to counters without it, and treats parts of a histogram as separate series.
            for name in (sample.name, sample.name.removesuffix("_total"), family.name):
                labels[name] |= {label for label in sample.labels if not label.startswith(OF_CONTAINERS)}
                labels[name] -= {"le", "quantile"}
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    return {name: Theirs(kind, labels[name], unit_of(name, helps.get(name, ""))) for name, kind in kinds.items()}


def unit_of(name: str, about: str) -> str:
    """Return the unit at the end of a name, or else in its HELP text; '' without either."""
    match = UNIT.search(about)
    return Metric(name, "untyped", "").unit or (match[1] if match else "")
