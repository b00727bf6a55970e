"""The programs that users would run instead, with default settings and as an experienced user would tune them.

A peer is taken from PATH or from an environment variable that names its program:

    DECKWATCH_BENCH_CADVISOR, DECKWATCH_BENCH_NODE_EXPORTER, DECKWATCH_BENCH_POSTGRES_EXPORTER,
    DECKWATCH_BENCH_PROCESS_EXPORTER, DECKWATCH_BENCH_PROMETHEUS_SQL_EXPORTER

A missing peer is left out and reported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench._options import print_progress
from deckwatch.provisioning.program import Program, find_program, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The metrics that cAdvisor disables by default, and those that issues about its CPU time advise to disable too: no
# metrics per CPU, no walk over every container's files, no load average, which is 0 without a further flag. Network,
# disk I/O and pressure stay enabled, since dashboards show them.
_CADVISOR_OFF = (
    "advtcp,cpu_topology,cpuset,hugetlb,memory_numa,process,referenced_memory,resctrl,sched,tcp,udp,percpu,disk,cpuLoad"
)
_CADVISOR_TUNED = (
    "--docker_only",
    "--housekeeping_interval=15s",
    "--store_container_labels=false",
    f"--disable_metrics={_CADVISOR_OFF}",
)
_NODE_TUNED = ("--collector.netclass.ignored-devices=^veth.*", "--collector.netdev.device-exclude=^veth.*")
# It computes the size of every table at each scrape, which takes locks; deckwatch exports no table metrics.
_POSTGRES_TUNED = ("--no-collector.stat_user_tables", "--no-collector.statio_user_tables")
_START_SECONDS = 180.0  # cAdvisor first reads everything about each container


@dataclass(frozen=True)
class Server:
    """A program that serves /metrics: its title in the sheets, its command line and its addresses."""

    title: str
    argv: tuple[str, ...]
    address: str
    metrics: str = "/metrics"
    ready: str = "/metrics"
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def url(self) -> str:
        return f"http://{self.address}{self.metrics}"

    @contextmanager
    def run_in(self, folder: Path) -> Iterator[Program]:
        """Run the program, with `folder` as its working directory, until the block ends."""
        log = folder / f"{self.title.replace(', ', '-')}.log"
        ready, environment = f"http://{self.address}{self.ready}", dict(self.environment)
        program = Program(
            self.title, self.argv, log, ready, folder=folder, environment=environment, end_with_parent=True
        )
        try:
            yield program.start().wait_ready(_START_SECONDS)
        finally:
            program.stop()


def deckwatch_server(
    docker_host: str | None,
    *more: str,
    project: Path | None = None,
    title: str = "deckwatch",
    checkout: Path | None = None,
) -> Server:
    """Return deckwatch, monitoring this engine or none, with this project folder if any.

    It is this build, or that of another checkout with its own `.venv`.
    """
    program = str(checkout / ".venv/bin/deckwatch" if checkout else Path(sys.executable).with_name("deckwatch"))
    address = _free_address()
    project_option = ("--project", str(project)) if project else ()
    argv = (program, *project_option, "serve", "--log-level=warning", f"--listen={address}")
    return Server(title, (*argv, f"--docker-host={docker_host or ''}", *more), address, ready="/readyz")


def cadvisor_servers(docker_host: str) -> Iterator[Server]:
    """Yield cAdvisor, tuned and with default settings, monitoring this engine."""
    if path := _find_program("cadvisor"):
        for title, more in (("cadvisor, tuned", _CADVISOR_TUNED), ("cadvisor", ())):
            address = _free_address()
            host, _, port = address.rpartition(":")
            listen = (f"--listen_ip={host}", f"--port={port}", f"--docker={docker_host}", "--v=0")
            yield Server(title, (path, *listen, *more), address, ready="/healthz")


def node_exporter_servers() -> Iterator[Server]:
    """Yield node_exporter, tuned and with default settings."""
    if path := _find_program("node_exporter", "prometheus-node-exporter"):
        for title, more in (("node_exporter, tuned", _NODE_TUNED), ("node_exporter", ())):
            address = _free_address()
            argv = (path, f"--web.listen-address={address}", "--log.level=error", *more)
            yield Server(title, argv, address, ready="/")


def postgres_exporter_servers(dsn: str) -> Iterator[Server]:
    """Yield postgres_exporter, tuned and with default settings, monitoring the server of this connection string."""
    if path := _find_program("postgres_exporter", "prometheus-postgres-exporter"):
        for title, more in (("postgres_exporter, tuned", _POSTGRES_TUNED), ("postgres_exporter", ())):
            address = _free_address()
            argv = (path, f"--web.listen-address={address}", "--log.level=error", *more)
            yield Server(title, argv, address, ready="/", environment=(("DATA_SOURCE_NAME", dsn),))


def sql_exporter_servers(folder: Path, queries: Sequence[str], dsn: str) -> Iterator[Server]:
    """Yield sql_exporter with these queries of the label `branch` and the column `value`, each run once a minute."""
    if path := _find_program("prometheus-sql-exporter"):
        address = _free_address()
        listed = [
            {"name": f"accounts_{number}", "help": "-", "labels": ["branch"], "values": ["value"], "query": query}
            for number, query in enumerate(queries)
        ]
        job = {"name": "bench", "interval": "1m", "connections": [dsn], "queries": listed}
        (folder / "sql-exporter.yml").write_text(json.dumps({"jobs": [job]}))
        argv = (path, "-config.file", str(folder / "sql-exporter.yml"), "-web.listen-address", address)
        yield Server("sql_exporter", argv, address)


# What mtail's users write for this format (its examples/apache_combined.mtail), with the labels that are comparable.
_MTAIL_PROGRAM = r"""
counter http_requests by method, code
counter http_bytes by method, code
/^\S+ \S+ \S+ \[[^\]]+\] "(?P<method>[A-Z]+) (?P<path>\S+) \S+" (?P<code>\d{3}) (?P<size>\d+)/ {
  http_requests[$method][$code]++
  http_bytes[$method][$code] += $size
}
"""
_COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)
_NGINXLOG_CONFIGURATION = """
listen:
  address: 127.0.0.1
  port: {port}
  metrics_endpoint: /metrics
namespaces:
  - name: shop
    format: '{log_format}'
    source:
      files: [{log}]
"""


def log_servers(folder: Path) -> Iterator[tuple[str, Server, str]]:
    """Yield mtail and prometheus-nginxlog-exporter on `NAME/access.log`, with the metric that counts lines."""
    if path := _find_program("mtail"):
        own, address = folder / "mtail", _free_address()
        own.mkdir()
        (own / "access.mtail").write_text(_MTAIL_PROGRAM)
        host, _, port = address.rpartition(":")
        program, log = str(own / "access.mtail"), str(own / "access.log")
        options = ("--progs", program, "--logs", log, "--address", host, "--port", port)
        server = Server("mtail", (path, *options), address, ready="/metrics")
        yield "mtail", server, "http_requests"
    if path := _find_program("prometheus-nginxlog-exporter"):
        own, address = folder / "nginxlog-exporter", _free_address()
        own.mkdir()
        port, log = address.rpartition(":")[2], str(own / "access.log")
        text = _NGINXLOG_CONFIGURATION.format(port=port, log=log, log_format=_COMBINED)
        (own / "config.yaml").write_text(text)
        argv = (path, "-config-file", str(own / "config.yaml"))
        yield "nginxlog-exporter", Server("nginxlog-exporter", argv, address), "shop_http_response_count_total"


_PROCESS_CONFIGURATION = """
process_names:
  - name: "{{.Comm}}"
    cmdline: ['.+']
"""


def process_servers(folder: Path) -> Iterator[Server]:
    """Yield process-exporter, with default settings and without metrics for each thread and smaps."""
    if path := _find_program("process-exporter", "prometheus-process-exporter"):
        configuration = folder / "process-exporter.yml"
        configuration.write_text(_PROCESS_CONFIGURATION)
        for title, more in (
            ("process-exporter", ()),
            ("process-exporter, tuned", ("-threads=false", "-gather-smaps=false")),
        ):
            address = _free_address()
            argv = (path, "-config.path", str(configuration), f"-web.listen-address={address}", *more)
            yield Server(title, argv, address, ready="/")


def installed_versions(names: Sequence[str] = ("cadvisor", "node_exporter", "postgres_exporter")) -> str:
    """Return the versions of the installed programs and the names of the missing ones."""
    others = {"node_exporter": ("prometheus-node-exporter",), "postgres_exporter": ("prometheus-postgres-exporter",)}
    paths = {name: _find_program(name, *others.get(name, ())) for name in names}
    return ", ".join(_program_version(path) if path else f"no {name}" for name, path in paths.items())


def _program_version(path: str) -> str:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    lines = (done.stdout or done.stderr).splitlines()
    return lines[0].partition(" (")[0] if lines else path


def _find_program(*names: str) -> str | None:
    variable = f"DECKWATCH_BENCH_{names[0].upper().replace('-', '_')}"
    if given := os.environ.get(variable):
        if not os.access(given, os.X_OK):
            sys.exit(f"{variable}: {given} is not executable")
        return given
    path = find_program(*names)
    if path is None:
        print_progress(f"{names[0]} is neither on PATH nor given by {variable}")
    return path


def _free_address() -> str:
    return f"127.0.0.1:{free_port()}"
