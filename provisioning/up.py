"""Starts the stack on this machine, waits until it is ready, and stops it. It does not restart failed programs."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from deckwatch.core.problems import DeckwatchError
from deckwatch.exporter import config
from deckwatch.provisioning import host_targets, prometheus_settings, scrape_targets, servers, sites, stack
from deckwatch.provisioning.addresses import LINK_NAMES, Addresses, read_addresses
from deckwatch.provisioning.build_settings import read_settings
from deckwatch.provisioning.host_targets import Host, Target
from deckwatch.provisioning.pki import project_certificates
from deckwatch.provisioning.program import Program, free_port, pop_exited
from deckwatch.provisioning.scrape_targets import ScrapeTargets
from deckwatch.provisioning.servers import ADDRESS, ALERTMANAGER, EXPORTER, GRAFANA, PORTS, PROMETHEUS, Site
from deckwatch.provisioning.write import write_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from io import TextIOWrapper
    from pathlib import Path

    from deckwatch.core.project import Project
    from deckwatch.provisioning.stack import Built

ALL = (EXPORTER, PROMETHEUS, ALERTMANAGER, GRAFANA)


@dataclass
class LocalStack:
    """The exporter and the installed ones of Prometheus, Alertmanager and Grafana, configured from a project's bundle.

    As a context manager it runs inside the block. Its data is kept below `state`. `name` is the name of this machine;
    `hosts`, `postgres` and `applications` are scraped in addition to the project's; `every` overrides the project's
    scrape interval; `ports` are preferred ports, 0 means any; `links` override the project's `addresses:` by name.
    """

    project: Project
    state: Path
    programs: Sequence[str] = ALL
    name: str = field(default_factory=lambda: socket.gethostname().partition(".")[0])
    hosts: Sequence[Host] = ()
    postgres: Mapping[str, Host] = field(default_factory=dict)
    applications: Sequence[Target] = ()
    every: str | None = None
    ports: Mapping[str, int] = field(default_factory=lambda: PORTS)
    exporter_arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    prometheus_arguments: Sequence[str] = ()
    addresses: Addresses = field(init=False)
    site: Site = field(init=False)
    built: Built = field(init=False)
    running: dict[str, Program] = field(init=False, default_factory=dict)
    _lock: TextIOWrapper | None = field(init=False, default=None)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the installed programs and wait until they are ready; stop all of them if one fails."""
        try:
            self._start_all()
        except BaseException:
            self.stop()
            raise
        return self

    def url(self, name: str) -> str:
        """Return the URL of a running program, such as http://127.0.0.1:9090."""
        if name not in self.running:
            raise DeckwatchError(f"{name} is not running")
        return self.site.url(name)

    def missing_programs(self) -> list[str]:
        """Return the requested programs that are not installed."""
        return [name for name in self.programs if servers.installed_path(name) is None]

    def pop_exited(self) -> dict[str, int]:
        """Return the exit codes of programs that have exited by themselves, each only once."""
        return pop_exited(self.running)

    def stop(self) -> None:
        """Stop the programs, the last started first."""
        while self.running:
            self.running.popitem()[1].stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _start_all(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        self._lock_state()
        ports = {name: free_port(self.ports.get(name, 0)) for name in ALL}
        self.addresses = self.choose_addresses({name: f"http://{ADDRESS}:{port}" for name, port in ports.items()})
        links = {name: getattr(self.addresses, name) for name in LINK_NAMES}
        project_certificates.use_local_folder(self.project)
        options = stack.Options(every=self.every, addresses=self.addresses, installed=_installed_versions())
        settings = read_settings(self.project, options)
        self.site = Site(
            self.state.resolve(),
            self.project.folder,
            ports,
            self.exporter_arguments,
            self.environment,
            links,
            [
                *prometheus_settings.retention_flags(self.project, settings.targets),
                *prometheus_settings.exemplar_flags(self.project),
                *self.prometheus_arguments,
            ],
            settings.min_refresh,
        )
        self.built = stack.build(self.project, options)
        write_plan(self.built.plan.with_artifacts(self._build_targets().target_files()), self.site.bundle)
        for name in self.programs:
            if program := servers.build_program(name, self.site):
                self.running[name] = program.start()
        for program in self.running.values():
            program.wait_ready(60)

    def _lock_state(self) -> None:
        """Lock the state folder: two stacks in one folder would share databases."""
        path = self.state / "lock"
        self._lock = path.open("a+", encoding="ascii")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            holder = self._lock.read().strip()
            raise DeckwatchError(
                f"another stack uses {self.state} (process {holder}): choose another --state-dir"
            ) from None
        self._lock.truncate(0)
        self._lock.write(f"{os.getpid()}\n")
        self._lock.flush()

    def choose_addresses(self, urls: Mapping[str, str]) -> Addresses:
        """Return the addresses of links: those of the caller, of the project, or else of the started programs."""
        declared = read_addresses(self.project)
        known = {name: getattr(declared, name) or urls.get(name, "") for name in LINK_NAMES}
        return Addresses(**{**known, **self.links})

    def _build_targets(self) -> ScrapeTargets:
        """Return the scrape targets: this machine over loopback, and those of the project and the caller."""
        here = Host(self.name, self.site.listen_address(EXPORTER))
        own = [here] if EXPORTER in self.programs else []
        declared = host_targets.declared_hosts(self.project)
        others = [host for host in (*declared, *self.hosts) if host.name != self.name or not own]
        watched = config.watch_config(self.project, {**os.environ, **self.environment})["postgres"] if own else []
        local_postgres = {server["name"]: here for server in watched if "from" not in server}
        # The first host in the project's order runs the probes by default; databases are read from here.
        by_name = {host.name: host for host in (*own, *others)}
        probing = [by_name[host.name] for host in declared] or [*own, *others]
        return ScrapeTargets(
            [*own, *others],
            {**scrape_targets.postgres_hosts(self.project, probing), **local_postgres, **self.postgres},
            scrape_targets.probe_targets(self.project, probing),
            [*scrape_targets.application_targets(self.project), *self.applications],
            self._own_target(PROMETHEUS),
            self._own_target(ALERTMANAGER),
            self._own_target(GRAFANA),
            sites.list_targets(self.project),
        )

    def _own_target(self, name: str) -> list[Target]:
        if name not in self.programs or servers.installed_path(name) is None:
            return []
        return [Target(f"{ADDRESS}:{self.site.ports[name]}", {"instance": self.name})]


def _installed_versions() -> dict[str, str]:
    """Return the installed versions, so that unsupported features are reported at their position."""
    versions: dict[str, str] = {}
    for name in (PROMETHEUS, ALERTMANAGER):
        path = servers.installed_path(name)
        if path is not None:
            result = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
            if match := re.search(r"version (\d+\.\d+)", result.stdout + result.stderr):
                versions[name] = match[1]
    return versions
