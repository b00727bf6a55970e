"""Host and containers, against node_exporter and cAdvisor, each tuned and with default options.

All on this machine in one run, with a Docker engine of the measurement; under "working", a fourth of the containers is
busy. "All on" exports every metric of containers, also those that no known dashboard uses. CPU per minute is with one
gzip scrape per 15 seconds; CPU per scrape excludes CPU at rest.
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
    yield ratio_targets(f"The same against the targets: {situation}", costs, floor).to_sheet()


def ratio_targets(title: str, costs: dict[str, Cost], floor: Floor) -> Targets:
    """Return our ratios to the tuned pair, to the pair with default options and to the floor."""
    ours, found = costs["deckwatch"], Targets(title)
    for names, most, what in ((TUNED, 1 / 8, "the tuned pair"), (PLAIN, 1 / 50, "the pair with default options")):
        pair = [costs[one] for one in names if one in costs]
        complete = len(pair) == len(names)
        minute = sum(one.ms_per_minute for one in pair) if complete else None
        found.add_target(most, Row("CPU a minute", ours.ms_per_minute, minute, what=what))
        if names is TUNED:
            for one, who in ((ours, ""), (costs[ALL], "; ours with all on")):
                mine = one.ms_per_minute_and_1000(one.page.count_shared(other.page for other in pair))
                shared = sum(other.page.count_shared([one.page]) for other in pair) if complete else 0
                theirs = 1000 * minute / shared if minute and shared else None
                found.add_target(1 / 5, Row("CPU a minute per 1,000 shared series", mine, theirs, what=what + who))
    beside = costs.get("cadvisor, tuned")
    found.add_target(
        1 / 3, Row("wall p99", ours.scrapes.p99, beside.scrapes.p99 if beside else None, what="tuned cAdvisor")
    )
    found.add_target(1.0, Row("resident", ours.resident_mib, 60.0, "MiB", "the limit itself"))
    found.add_target(
        5.0, Row("CPU a scrape", ours.scrapes.cpu, floor.paused, what="the floor, with pauses as between scrapes")
    )
    found.add_target(5.0, Row("CPU a scrape", ours.scrapes.cpu, floor.kept, what="the floor, in a loop"))
    return found
