"""Host and containers, compared with node_exporter and cAdvisor, each with default settings and tuned.

All run on this machine at once, with a separate engine; in "working" sheets a fourth of the containers is under load.
"All on" enables every metric family of containers, even those that no known dashboard uses. CPU per minute is with one
gzip scrape per 15 seconds; CPU per scrape excludes the server's CPU at rest.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import _containers, _cost, _floor, _peers
from bench._options import print_progress
from bench._sheet import Row, Targets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._cost import Cost
    from bench._floor import Floor
    from bench._options import Options
    from bench._sheet import Sheet

CONTAINERS = (0, 30, 200)
ALL = "deckwatch, all on"
_ALL = "watch: {collectors: {on: [container]}}\n"
TUNED, PLAIN = ("cadvisor, tuned", "node_exporter, tuned"), ("cadvisor", "node_exporter")


def sheets(options: Options) -> Iterator[Sheet]:
    print_progress(_peers.installed_versions(("cadvisor", "node_exporter")))
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        _containers.start_engine(folder := Path(name)) as containers,
    ):
        if containers is None:
            yield from _measure_situation("without containers", None, folder, options)
            return
        for count in sorted(options.container_counts(*CONTAINERS)):
            containers.start_containers(count)
            if "idle" in options.loads or not count:
                yield from _measure_situation(f"{count} containers, idle", containers.docker_host, folder, options)
            if "working" in options.loads and count:
                with containers.under_load():
                    yield from _measure_situation(
                        f"{count} containers, working", containers.docker_host, folder, options
                    )


def _measure_situation(situation: str, docker_host: str | None, folder: Path, options: Options) -> Iterator[Sheet]:
    print_progress(situation)
    project = folder / "project"
    project.mkdir(exist_ok=True)
    (project / "deckwatch.yaml").write_text(_ALL)
    ours = [_peers.deckwatch_server(docker_host), _peers.deckwatch_server(docker_host, project=project, title=ALL)]
    peers = [*(_peers.cadvisor_servers(docker_host) if docker_host else ()), *_peers.node_exporter_servers()]
    costs = _cost.measure_costs([*ours, *peers], folder, options)
    floor = _floor.measure_floor([f"--docker-host={docker_host or ''}"])
    yield _cost.cost_sheet(f"Host and containers: {situation}", costs, floor.summary)
    yield ratio_targets(f"Targets: {situation}", costs, floor).to_sheet()


def ratio_targets(title: str, costs: dict[str, Cost], floor: Floor) -> Targets:
    """Return the targets: ratios to the tuned peers, to the peers with default settings and to the floor."""
    ours, targets = costs["deckwatch"], Targets(title)
    for names, limit, what in ((TUNED, 1 / 8, "tuned peers"), (PLAIN, 1 / 50, "peers with default settings")):
        peers = [costs[name] for name in names if name in costs]
        complete = len(peers) == len(names)
        minute = sum(peer.ms_per_minute for peer in peers) if complete else None
        targets.add_target(limit, Row("CPU per minute", ours.ms_per_minute, minute, what=what))
        if names is TUNED:
            for cost, suffix in ((ours, ""), (costs[ALL], "; deckwatch with all on")):
                own = cost.ms_per_minute_and_1000(cost.page.count_shared(peer.page for peer in peers))
                shared = sum(peer.page.count_shared([cost.page]) for peer in peers) if complete else 0
                reference = 1000 * minute / shared if minute and shared else None
                targets.add_target(
                    1 / 5, Row("CPU per minute per 1,000 shared series", own, reference, what=what + suffix)
                )
    cadvisor = costs.get("cadvisor, tuned")
    targets.add_target(
        1 / 3, Row("wall p99", ours.scrapes.p99, cadvisor.scrapes.p99 if cadvisor else None, what="tuned cAdvisor")
    )
    targets.add_target(1.0, Row("resident", ours.resident_mib, 60.0, "MiB", "the target value"))
    targets.add_target(
        5.0, Row("CPU per scrape", ours.scrapes.cpu, floor.paused, what="floor, with pauses between passes")
    )
    targets.add_target(5.0, Row("CPU per scrape", ours.scrapes.cpu, floor.kept, what="floor, without pauses"))
    return targets
