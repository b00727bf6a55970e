"""The reference lists every metric, and documents the source of each collector."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deckwatch.core.contract import load_contract
from deckwatch.exporter import collector
from deckwatch.provisioning import metric_catalog, reference

GOLDEN = Path(__file__).parents[1] / "golden"
COLLECTORS = collector.load_collectors()
PAGES = {page.path: page.text for page in reference.build_pages()}
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \| .+ \|$", re.MULTILINE)


def listed() -> dict[str, tuple[str, tuple[str, ...], str]]:
    """Return each metric of metrics.md by its name: kind, labels, unit."""
    rows = ROW.findall(PAGES["metrics.md"])
    return {name: (kind, tuple(filter(None, labels.split(", "))), unit) for name, kind, labels, unit in rows}


def test_every_metric_is_listed_with_type_labels_and_unit() -> None:
    declared = {one.name: (one.kind, one.labels, one.unit) for one in collector.list_metrics(COLLECTORS.values())}
    declared |= {one.name: (one.kind, one.labels, one.unit) for one in metric_catalog.list_declared()}
    assert listed() == declared
    assert len(declared) > 800


@pytest.mark.parametrize("page", sorted(GOLDEN.glob("*.prom")), ids=lambda page: page.stem)
def test_every_metric_on_a_page_is_listed(page: Path) -> None:
    text = page.read_text()
    shown = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    known = listed()
    ours = (load_contract()["own_prefix"], *load_contract()["peer_prefixes"])  # text files hold other names
    assert {name: kind for name, kind in shown.items() if name.startswith(ours)} == {
        name: known[name][0] for name in shown if name.startswith(ours)
    }


@pytest.mark.parametrize("name", COLLECTORS)
def test_every_collector_documents_its_source_and_default(name: str) -> None:
    one = COLLECTORS[name]
    assert one.reads_from, "its file's docstring says on the first line what it reads: `…, from …`"
    section = PAGES["metrics.md"].split(f"## {name}\n")[1].split("\n## ")[0]
    assert f" From {one.reads_from}. {'On' if one.default else 'Off'} by default" in " ".join(section.split())
    assert f"| `{name}` |" in PAGES["collectors.md"]


def test_metrics_of_bytes_and_seconds_have_that_unit() -> None:
    without = [
        one.name
        for one in collector.list_metrics(COLLECTORS.values())
        if not one.unit and re.match(r"(Bytes|Seconds) ", one.help)
    ]
    assert without == []
