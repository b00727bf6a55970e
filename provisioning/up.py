"""The stack on this machine: started, waited for, and ended again. It is thin on purpose and supervises nothing."""

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
from deckwatch.provisioning import servers, stack, targets
from deckwatch.provisioning.program import Program, free_port
from deckwatch.provisioning.servers import ADDRESS, ALERTMANAGER, EXPORTER, GRAFANA, PORTS, PROMETHEUS, Site
from deckwatch.provisioning.targets import Host, Target, Targets
from deckwatch.provisioning.write import write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from io import TextIOWrapper
    from pathlib import Path

    from deckwatch.core.project import Project
    from deckwatch.provisioning.stack import Built

ALL = (EXPORTER, PROMETHEUS, ALERTMANAGER, GRAFANA)


@dataclass
class Stack:
    """The exporter and what is installed of Prometheus, Alertmanager and Grafana, configured from a project's bundle.

    As a context manager it is running inside the block and ended after it. What it keeps lies below `state` and
    outlives it. `name` is what this machine is called; `hosts`, `postgres` and `applications` are scraped beside what
    the project says; `every` replaces the project's scrape interval; `ports` are tried first, and 0 means any.
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
    site: Site = field(init=False)
    built: Built = field(init=False)
    running: dict[str, Program] = field(init=False, default_factory=dict)
    _lock: TextIOWrapper | None = field(init=False, default=None)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start what is installed and wait until it is ready; where something fails, end all of it again."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def url(self, name: str) -> str:
        """Return the address of a running program, such as http://127.0.0.1:9090."""
        if name not in self.running:
            raise DeckwatchError(f"{name} is not running")
        return self.site.url(name)

    def missing(self) -> list[str]:
        """Return the programs that were asked for and are not installed."""
        return [name for name in self.programs if servers.installed(name) is None]

    def ended(self) -> dict[str, int]:
        """Return the exit codes of programs that have ended by themselves, and forget these programs."""
        codes = {}
        for name, program in list(self.running.items()):
            if program.process is not None and (code := program.process.poll()) is not None:
                codes[name] = code
                del self.running[name]
        return codes

    def stop(self) -> None:
        """End what was started, the last first."""
        while self.running:
            self.running.popitem()[1].stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _start(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        self._claim()
        taken: dict[str, int] = {}
        for name in ALL:
            taken[name] = free_port(self.ports.get(name, 0))
        self.site = Site(self.state.resolve(), self.project.folder, taken, self.exporter_arguments, self.environment)
        options = stack.Options(every=self.every, grafana=self.site.url(GRAFANA), installed=_versions())
        self.built = stack.build(self.project, options)
        write(self.built.plan.replaced(self._targets().files()), self.site.bundle)
        for name in self.programs:
            if program := servers.program(name, self.site):
                self.running[name] = program.start()
        for program in self.running.values():
            program.wait_ready(60)

    def _claim(self) -> None:
        """Hold the state folder: two stacks in one would share databases."""
        path = self.state / "lock"
        self._lock = path.open("a+", encoding="ascii")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            holder = self._lock.read().strip()
            raise DeckwatchError(f"another stack uses {self.state} (process {holder}): name a --state-dir") from None
        self._lock.truncate(0)
        self._lock.write(f"{os.getpid()}\n")
        self._lock.flush()

    def _targets(self) -> Targets:
        """Return who is scraped: this machine by loopback, and what the project and the caller name."""
        here = Host(self.name, self.site.address(EXPORTER))
        own = [here] if EXPORTER in self.programs else []
        declared = targets.declared_hosts(self.project)
        others = [host for host in (*declared, *self.hosts) if host.name != self.name or not own]
        watched = config.watch_config(self.project, {**os.environ, **self.environment})["postgres"] if own else []
        local_postgres = {server["name"]: here for server in watched}
        return Targets(
            [*own, *others],
            {**local_postgres, **self.postgres},
            [*targets.applications(self.project), *self.applications],
            self._self(PROMETHEUS),
            self._self(ALERTMANAGER),
        )

    def _self(self, name: str) -> list[Target]:
        if name not in self.programs or servers.installed(name) is None:
            return []
        return [Target(f"{ADDRESS}:{self.site.ports[name]}", {"instance": self.name})]


def _versions() -> dict[str, str]:
    """Return the versions of what is installed, so that a word that one of them lacks is told at its place."""
    found: dict[str, str] = {}
    for name in (PROMETHEUS, ALERTMANAGER):
        path = servers.installed(name)
        if path is not None:
            said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
            if told := re.search(r"version (\d+\.\d+)", said.stdout + said.stderr):
                found[name] = told[1]
    return found
