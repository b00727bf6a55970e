"""The application of an example: a copy of its folder, its database and its processes."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from deckwatch.core.problems import DeckwatchError
from deckwatch.core.project import FILE as PROJECT_FILE
from deckwatch.provisioning.examples import preparation
from deckwatch.provisioning.examples.database import DatabaseServer
from deckwatch.provisioning.examples.definition import DATABASE, fill_words
from deckwatch.provisioning.program import Program, pop_exited

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from deckwatch.provisioning.examples.definition import Example, Process, Scenario

_READY_SECONDS = 120.0
_CLEANUP_SECONDS = 30.0
_NOT_COPIED = ("node_modules", "__pycache__", ".deckwatch", "out")


@dataclass
class ExampleApplication:
    """The processes of an example, which run inside the block of a context manager, and end with this process.

    `state` holds the copy, which is a project of its own, and the logs; `ports` overrides ports by name, 0 means any
    free one. A process of a scenario is called `scenario`.
    """

    example: Example
    state: Path
    wanted_ports: Mapping[str, int] = field(default_factory=dict)
    ports: dict[str, int] = field(init=False, default_factory=dict)
    database: DatabaseServer | None = field(init=False, default=None)
    running: dict[str, Program] = field(init=False, default_factory=dict)

    @property
    def folder(self) -> Path:
        """Folder of the copy, the project."""
        return self.state / "project"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start all processes, each when the previous one is ready; stop all of them if one fails."""
        preparation.check_requirements(self.example)
        self.ports = preparation.choose_ports(self.example, self.wanted_ports)
        try:
            self._copy_folder()
            preparation.prepare_folder(self.example, self.folder)
            if self.example.database is not None:
                self.start_process(DATABASE)
            for name in self.example.processes:
                self.start_process(name)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the processes, the last started first, and delete the database."""
        while self.running:
            self.running.popitem()[1].stop()
        if self.database is not None:
            self.database.delete()
            self.database = None

    @property
    def exporter_variables(self) -> dict[str, str]:
        """Variables for the exporter: its connection string for the example's database."""
        return {} if self.database is None else self.database.variables

    def start_process(self, name: str, variables: Mapping[str, str] | None = None) -> None:
        """Start a process, with more variables, and wait until it is ready; raises NotReady."""
        if name == DATABASE:
            self._start_database()
            return
        process = self.example.processes[name]
        self.running[name] = self._build_program(process, variables or {}).start()
        self.running[name].wait_ready(_READY_SECONDS)

    def stop_process(self, name: str) -> None:
        """Stop a process; does nothing if it does not run."""
        if name in self.running:
            self.running.pop(name).stop()

    def start_driver(self, scenario: Scenario) -> Program | None:
        """Start the driver of a scenario; None if the scenario has none."""
        if not scenario.command:
            return None
        argv = self._fill_words(scenario.command)
        log = self.log_file(f"scenario-{scenario.name}")
        log.unlink(missing_ok=True)
        environment = self._variables({})
        program = Program(
            "scenario", argv, log, lambda: True, environment=environment, folder=self.folder, end_with_parent=True
        )
        return program.start()

    def run_cleanup(self, scenario: Scenario) -> str:
        """Run the command that undoes a scenario; returns its message if it fails, otherwise ''."""
        if not scenario.cleanup:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(
                self._fill_words(scenario.cleanup),
                cwd=self.folder,
                env={**os.environ, **self._variables({})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_CLEANUP_SECONDS,
            )
            return done.stderr.strip()[-500:] or f"exit code {done.returncode}" if done.returncode else ""
        return f"it took longer than {_CLEANUP_SECONDS:g} s"

    def pop_exited(self) -> dict[str, int]:
        """Return the exit codes of processes that have exited by themselves, each only once."""
        return pop_exited(self.running)

    def log_file(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.state / "log" / f"{name}.log"

    def addresses(self) -> Iterator[tuple[str, str]]:
        """Yield the processes that answer HTTP, by name, with their addresses."""
        for name, process in self.example.processes.items():
            (ready,) = self._fill_words([process.ready])
            yield name, re.sub(r"^(http://[^/]+).*", r"\1", ready)

    def _start_database(self) -> None:
        declared = self.example.database
        if declared is None:
            raise DeckwatchError(f"{self.example.name} has no database")
        if self.database is not None and self.database.program is not None:  # stopped by a scenario
            self.running[DATABASE] = self.database.program.start().wait_ready(_READY_SECONDS)
            return
        schema = self.folder / declared.schema if declared.schema else None
        self.database = DatabaseServer(declared, self.ports[declared.port], self.state, schema)
        self.running[DATABASE] = self.database.start(self.log_file(DATABASE))

    def _copy_folder(self) -> None:
        """Copy the example, so that an installed one may be read-only, with the chosen ports in its addresses."""
        self.state.mkdir(parents=True, exist_ok=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)
        shutil.copytree(self.example.folder, self.folder, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        path = self.folder / PROJECT_FILE
        text = path.read_text(encoding="utf-8")
        declared = {str(port): str(self.ports[name]) for name, port in self.example.ports.items()}
        pattern = rf"(?<=127\.0\.0\.1:)({'|'.join(declared) or '(?!)'})\b"
        path.write_text(re.sub(pattern, lambda match: declared[match[1]], text), encoding="utf-8")

    def _build_program(self, process: Process, variables: Mapping[str, str]) -> Program:
        (ready,) = self._fill_words([process.ready])
        environment = self._variables({**process.environment, **variables})
        return Program(
            process.name,
            self._fill_words(process.command),
            self.log_file(process.name),
            ready,
            environment=environment,
            folder=self.folder,
            end_with_parent=True,
        )

    def _fill_words(self, words: Sequence[str]) -> list[str]:
        return fill_words(words, {**self.ports, "python": sys.executable, "folder": self.folder})

    def _variables(self, given: Mapping[str, str]) -> dict[str, str]:
        filled = dict(zip(given, self._fill_words(list(given.values())), strict=True))
        return filled if self.database is None else {"DATABASE_URL": self.database.url, **filled}
