"""Speed: deckwatch beside tuned cAdvisor, tuned node_exporter and, with `--against CHECKOUT`, another build.

All run side by side with 200 containers and are scraped in random order: at rest, every 15 seconds, and 1,000 times
with pauses of 50 ms. Then a fourth of the containers works. The targets are those of docs/decisions/0023-speed.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import _containers, _cost, _peers
from bench._cost import Plan
from bench._options import print_progress
from bench._samples import Samples, divide_pairs
from bench._sheet import Row, Targets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._cost import Cost
    from bench._options import Options
    from bench._peers import Server
    from bench._sheet import Sheet

CONTAINERS = 200
OURS, OTHER, CADVISOR, NODE = "deckwatch", "deckwatch, other build", "cadvisor, tuned", "node_exporter, tuned"
# Seconds to settle, at rest; minutes; scrapes; seconds per target after which a slow machine stops scraping.
_PLANS = {
    "idle": Plan(20, 60, 5, 1000, 600, freezes_busy=False),
    "working": Plan(20, 30, 3, 200, 120, freezes_busy=False),
}
_QUICK = Plan(5, 15, 1, 30, 30, freezes_busy=False)


def sheets(options: Options) -> Iterator[Sheet]:
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        _containers.start_engine(folder := Path(name)) as containers,
    ):
        if containers is None:
            return
        containers.start_containers(count := max(options.sizes or (CONTAINERS,)))
        if "idle" in options.loads:
            yield from _measure_situation(f"{count} containers, idle", "idle", containers.docker_host, folder, options)
        if "working" in options.loads:
            with containers.under_load():
                yield from _measure_situation(
                    f"{count} containers, a fourth of them working",
                    "working",
                    containers.docker_host,
                    folder,
                    options,
                )


def _measure_situation(situation: str, load: str, docker_host: str, folder: Path, options: Options) -> Iterator[Sheet]:
    print_progress(situation)
    plan = _QUICK if options.quick else _PLANS[load]
    costs = _cost.measure_costs(_servers(docker_host, options.against), folder, options, plan)
    versions = _peers.installed_versions(("cadvisor", "node_exporter"))
    yield _cost.cost_sheet(f"Host and containers: {situation}", costs, versions)
    yield speed_targets(f"Targets: {situation}", load, costs).to_sheet()


def _servers(docker_host: str, against: Path | None) -> list[Server]:
    """Return this build, the other one if given, and the first, tuned, of each peer's two servers."""
    ours = [_peers.deckwatch_server(docker_host, title=OURS)]
    if against:
        ours.append(_peers.deckwatch_server(docker_host, title=OTHER, checkout=against))
    peers = [*_peers.cadvisor_servers(docker_host), *_peers.node_exporter_servers()]
    return [*ours, *(peer for peer in peers if peer.title in (CADVISOR, NODE))]


def speed_targets(title: str, load: str, costs: dict[str, Cost]) -> Targets:
    """Return the ratios to the other build and to the tuned peers, as far as these ran."""
    targets, ours = Targets(title), costs[OURS]
    if other := costs.get(OTHER):
        _add_build_targets(targets, load, ours, other)
    cadvisor, node = costs.get(CADVISOR), costs.get(NODE)
    if cadvisor and node:
        pair = Samples(tuple(map(sum, zip(cadvisor.minutes.values, node.minutes.values, strict=True))))
        what, memory = "tuned cAdvisor and node_exporter", cadvisor.resident_mib + node.resident_mib
        targets.add_target(0.10, _paired_row("CPU per minute", f"{load}_minute_pair", ours.minutes, pair, what))
        targets.add_target(1.0, Row("resident", ours.resident_mib, memory, "MiB", what, key=f"{load}_resident_pair"))
    if cadvisor and load == "idle":
        scrapes, peer = ours.scrapes, cadvisor.scrapes
        what = f"tuned cAdvisor, {len(peer.walls.values):,} scrapes"
        targets.add_target(0.30, Row("wall p99", scrapes.p99, peer.p99, what=what, key="idle_wall_p99_cadvisor"))
        row = Row("CPU p99", scrapes.pages.p99, peer.pages.p99, what=what, key="idle_cpu_p99_cadvisor")
        targets.add_target(0.25, row)
    return targets


def _add_build_targets(targets: Targets, load: str, ours: Cost, other: Cost) -> None:
    what, limit = "the other build", 0.70 if load == "idle" else 0.85
    for name, key, mine, theirs in (
        ("CPU per scrape every 15 s", "scrape_15s", ours.spaced.pages, other.spaced.pages),
        ("CPU per scrape, pauses of 50 ms", "scrape_50ms", ours.scrapes.pages, other.scrapes.pages),
        ("CPU per minute", "minute", ours.minutes, other.minutes),
    ):
        targets.add_target(limit, _paired_row(name, f"{load}_{key}_build", mine, theirs, what))
    if load == "idle":
        rest, before = ours.rest_ms_per_minute, other.rest_ms_per_minute
        targets.add_target(0.5, Row("CPU per minute without scrapes", rest, before, what=what, key="idle_rest_build"))
        p99, other_p99 = ours.scrapes.pages.p99, other.scrapes.pages.p99
        targets.add_target(1.0, Row("CPU p99", p99, other_p99, what=what, key="idle_cpu_p99_build"))
    memory, other_memory = ours.resident_mib, other.resident_mib
    targets.add_target(1.0, Row("resident", memory, other_memory, "MiB", what, key=f"{load}_resident_build"))


def _paired_row(name: str, key: str, ours: Samples, reference: Samples, what: str) -> Row:
    """Return the row of two medians, with the quartiles of the ratios of the same rounds."""
    spread = divide_pairs(ours.values, reference.values).quartiles
    return Row(name, ours.median, reference.median, what=what, spread=spread, key=key)
