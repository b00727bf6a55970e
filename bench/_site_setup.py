"""The parts of a simulated site: its pages, and the engines that scrape them with the generated configuration."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from bench import _peers, _simulated_machine, _site_figures, _site_pages
from bench._options import print_progress
from deckwatch.core import yaml_file
from deckwatch.core.contract import load_contract
from deckwatch.core.project import FILE, Project
from deckwatch.exporter.collectors import host_filesystem
from deckwatch.exporter.exposition import render_text
from deckwatch.exporter.sources.mount_table import MountTable
from deckwatch.exporter.sources.mounts import SpaceQueries
from deckwatch.exporter.world import World
from deckwatch.provisioning import stack as builder
from deckwatch.provisioning.program import Program, find_program, free_port
from deckwatch.provisioning.write import write_plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from deckwatch.provisioning.stack import Built

WORLD = "debian12-kernel6.1-docker"
JOBS = ("node", "cadvisor", "deckwatch")
_CHECKOUT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Plan:
    """A site: hosts, containers of each, the scrape interval in seconds, and how long the run takes."""

    hosts: int
    per_host: int
    interval: int
    seconds: float

    @property
    def containers(self) -> int:
        """The number of all containers."""
        return self.hosts * self.per_host


@dataclass
class Engine:
    """A running engine: its programs, where it answers queries, and how its figures are read."""

    name: str
    url: str
    built: Built
    data: Path
    programs: list[Program] = field(default_factory=list)

    def pids(self) -> list[int]:
        """Return the processes of the engine."""
        return [program.process.pid for program in self.programs if program.process is not None]

    def read_figures(self, plan: Plan) -> dict[str, float]:
        """Return series, samples, bytes and rule seconds by the keys of `bench.site`."""
        read = _site_figures.read_prometheus if self.name == "prometheus" else _site_figures.read_victoriametrics
        return _site_figures.read_common(self.url, plan) | read(self)


@contextlib.contextmanager
def serve_pages(folder: Path, plan: Plan) -> Iterator[int]:
    """Serve the pages of all hosts in a process of its own; gives its port."""
    print_progress(f"scraping a host with {plan.per_host} containers …")
    (folder / "pages.json").write_text(json.dumps(capture_pages(folder, plan.per_host)))
    port = free_port()
    argv = [sys.executable, "-m", "bench._site_pages", str(folder), str(port), str(plan.hosts)]
    ready = f"http://{_site_pages.host_address(1)}:{port}/metrics?{job_query(JOBS[0])}"
    with Program("pages", argv, folder / "pages.log", ready, folder=_CHECKOUT, end_with_parent=True):
        yield port


def capture_pages(folder: Path, containers: int) -> dict[str, str]:
    """Return the pages of a real exporter on a simulated machine by the key of their query."""
    pages = {}
    with _simulated_machine.simulated_machine(WORLD, containers) as tree:
        server = _peers.deckwatch_server(None, *tree.options)
        with server.run_in(folder):
            for query in (job_query(name) for name in JOBS):
                for _ in range(2):  # the first page has no rates
                    with urllib.request.urlopen(f"{server.url}?{query}", timeout=60) as page:
                        pages[_site_pages.page_key(query)] = page.read().decode()
        node = _site_pages.page_key(job_query("node"))
        pages[node] = add_file_systems(tree.folder, pages[node])
    return pages


def add_file_systems(folder: Path, page: str) -> str:
    """Return a page with the captured file systems: the folder of a simulated machine has none to ask for its space."""
    known = json.loads((_simulated_machine.WORLDS / WORLD / "world.json").read_text())["statvfs"]
    root = folder / "root"

    def find_space(path: str) -> os.statvfs_result:
        size, blocks, free, available, files, files_free = known[path.removeprefix(str(root))]
        return os.statvfs_result((size, size, blocks, free, available, files, files_free, files_free, 0, 255))

    world = World(folder / "proc", folder / "sys", root, docker_host="", statvfs=find_space, device_of=None)
    with contextlib.closing(world):
        lines = [line for line in page.splitlines(keepends=True) if "node_filesystem_" not in line]
        mounted = world.source(SpaceQueries).parse_if_changed(world.source(MountTable).read())
        return "".join(lines) + render_text(host_filesystem.mount_samples(world, mounted))


def job_query(name: str) -> str:
    """Return the query of a scrape job's pages."""
    job = load_contract()["jobs"][name]
    return urllib.parse.urlencode([(f"{key}[]", word) for key in ("collect", "exclude") for word in job.get(key, ())])


def build_bundle(folder: Path, plan: Plan, port: int, url: str, storage: str = "") -> Built:
    """Write the project of a site and its bundle to `folder`/out; `url` is the engine's own address."""
    hosts = [
        f"  - {{name: host-{number}, address: '{_site_pages.host_address(number)}:{port}'}}\n"
        for number in range(1, plan.hosts + 1)
    ]
    text = (
        f"hosts:\n{''.join(hosts)}addresses: {{internal: {{prometheus: '{url}'}}}}\n"
        f"build:\n  scrape_interval: {plan.interval}s\n  labels: {{cluster: bench}}\n{storage}"
    )
    folder.mkdir()
    (folder / FILE).write_text(text)
    built = builder.build(Project(folder, yaml_file.parse_yaml(text, FILE)))
    write_plan(built.plan, folder / "out")
    return built


def start_engines(folder: Path, plan: Plan, port: int, stack: ExitStack) -> Iterator[Engine]:
    """Start Prometheus, and VictoriaMetrics with vmalert where they are installed; they end with the stack."""
    yield _start_prometheus(folder / "prometheus", plan, port, stack)
    if find_program("victoria-metrics") and find_program("vmalert"):
        yield _start_victoriametrics(folder / "victoriametrics", plan, port, stack)
    else:
        print_progress("VictoriaMetrics is not measured: apt-get install victoria-metrics")


def _start_prometheus(folder: Path, plan: Plan, port: int, stack: ExitStack) -> Engine:
    own = free_port()
    url = f"http://127.0.0.1:{own}"
    engine = Engine("prometheus", url, build_bundle(folder, plan, port, url), folder / "data")
    argv = [
        str(find_program("prometheus")),
        f"--config.file={folder}/out/prometheus/prometheus.yml",
        f"--storage.tsdb.path={engine.data}",
        f"--web.listen-address=127.0.0.1:{own}",
        "--web.enable-admin-api",  # for the snapshot
    ]
    program = Program(engine.name, argv, folder / "log", f"{url}/-/ready", end_with_parent=True)
    engine.programs.append(stack.enter_context(program))
    return engine


def _start_victoriametrics(folder: Path, plan: Plan, port: int, stack: ExitStack) -> Engine:
    own, rules = free_port(), free_port()
    url = f"http://127.0.0.1:{own}"
    storage = f"  storage: {{engine: victoriametrics, version: '1.79', write: '{url}', rules: engine}}\n"
    engine = Engine("victoriametrics", url, build_bundle(folder, plan, port, url, storage), folder / "data")
    config = yaml.safe_load((folder / "out/prometheus/prometheus.yml").read_text())
    config.pop("remote_write", None)  # it scrapes the pages itself
    targets = folder / "out" / "prometheus"
    (targets / "scrape.yml").write_text(yaml.safe_dump(config))
    argv = [
        str(find_program("victoria-metrics")),
        f"-promscrape.config={targets}/scrape.yml",
        "-promscrape.config.strictParse=false",
        f"-storageDataPath={engine.data}",
        f"-httpListenAddr=127.0.0.1:{own}",
        f"-search.latencyOffset={plan.interval}s",  # by default 30 s, in which queries see nothing
    ]
    program = Program(engine.name, argv, folder / "log", f"{url}/health", folder=targets, end_with_parent=True)
    engine.programs.append(stack.enter_context(program))
    argv = [
        str(find_program("vmalert")),
        f"-rule={folder}/out/victoriametrics/rules/*.yaml",
        f"-datasource.url={url}",
        f"-remoteWrite.url={url}",
        f"-evaluationInterval={plan.interval}s",
        f"-httpListenAddr=127.0.0.1:{rules}",
        f"-notifier.url={url}",  # alerts are not delivered: an answer of 404 costs as much as one of 200
    ]
    ready = f"http://127.0.0.1:{rules}/health"
    vmalert = Program("vmalert", argv, folder / "vmalert.log", ready, end_with_parent=True)
    engine.programs.append(stack.enter_context(vmalert))
    return engine
