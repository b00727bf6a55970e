"""A captured node beside the page that its kubelet showed at the same time: the same series with the same values.

`tests/live/test_kubelet.py` does the same with a kubelet that runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.exporter import collector, exposition
from deckwatch.exporter.scrape import Scraper
from tests.fixtures import kubelet_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from deckwatch.exporter.world import World

NAME = "kubernetes-kubelet-cgroup2"
PAGE = Path(__file__).parents[1] / "worlds" / NAME / "kubelet.prom"
PODS = ("web-node-1", "agent-node-1")
# Read from folders of processes that are not captured.
NOT_CAPTURED = ("container_file_descriptors", "container_sockets", "container_ulimits_soft")


def is_expected(name: str, labels: frozenset[tuple[str, str]], theirs: float | None, ours: float | None) -> bool:
    of_node = name.startswith("container_network_") and dict(labels)["pod"] == "agent-node-1"
    return theirs is not None and ours is None and (of_node or name in NOT_CAPTURED)


def test_the_captured_node_is_shown_as_its_kubelet_showed_it(captured: Callable[[str], World]) -> None:
    chosen = collector.choose_collectors(
        collector.load_collectors(), {"host": False, **dict.fromkeys(kubelet_page.DETAILS, True)}
    )
    containers = {name: declared for name, declared in chosen.items() if name.startswith("container_")}
    outcomes = Scraper(captured(NAME), containers).scrape(seconds=60)
    page = exposition.render_text(sample for outcome in outcomes for sample in outcome.samples)
    theirs, ours = (
        kubelet_page.keep_containers(kubelet_page.parse_page(text), PODS) for text in (PAGE.read_text(), page)
    )
    assert kubelet_page.find_differences(theirs, ours, is_expected) == {}
    both = theirs.keys() & ours.keys()
    assert {dict(labels).get("container", "") for _, labels in both} == {"", "app", "sidecar", "agent"}
    assert len({name for name, _ in both}) > 40
    assert [labels for _, labels in both if "@sha256:" in dict(labels)["image"]]
