"""Run scenarios of a running example at the request of `deckwatch simulate`.

The process that started the example owns everything that a scenario starts and stops; the command only holds a
connection to a Unix socket in the state folder. If the command dies, the connection ends, and the scenario is undone;
if the owner dies, its processes receive SIGTERM (`run_with_parent.py`).

A request is one line of JSON, {"scenario": NAME, "seconds": SECONDS or null}. The answers are lines too:
{"error": TEXT}, or {"log": PATH} when it runs and {"code": EXIT CODE, "message": TEXT} when it has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deckwatch.provisioning.examples.application import ExampleApplication
    from deckwatch.provisioning.examples.definition import Scenario
    from deckwatch.provisioning.program import Program

_SOCKET = "scenarios.sock"
_REQUEST_BYTES = 10_000
_REQUEST_SECONDS = 2.0


@dataclass
class _Running:
    """A scenario in progress; without a connection it is the one that runs while no other does."""

    scenario: Scenario
    driver: Program | None
    connection: socket.socket | None
    deadline: float | None


class ScenarioServer:
    """Runs one scenario at a time, and `resting`, if given, while no other runs. `poll` does all the work."""

    def __init__(self, application: ExampleApplication, resting: Scenario | None = None) -> None:
        self._application = application
        self._resting = resting
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._current: _Running | None = None
        self._is_stopping = False  # processes are about to be stopped: none is started again

    def __enter__(self) -> Self:
        state = self._application.state
        with _short_path(state) as path:
            (state / _SOCKET).unlink(missing_ok=True)
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
        (state / _SOCKET).chmod(0o600)
        self._listener.listen()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._start_resting()
        return self

    def __exit__(self, *_: object) -> None:
        self._resting = None
        self._is_stopping = True
        self._end_current(None, "the example was stopped")
        if self._listener is not None:
            self._listener.close()
            (self._application.state / _SOCKET).unlink(missing_ok=True)
        self._selector.close()

    def poll(self, seconds: float) -> None:
        """Wait for a request for at most `seconds`; start and end scenarios that are due."""
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._listener:
                self._accept_request()
            else:  # a client sends nothing after its request: it is gone
                self._end_current(None, "")
        current = self._current
        if current is None:
            return
        code = current.driver.process.poll() if current.driver is not None and current.driver.process else None
        if code is not None:
            # The resting scenario does not start again: it would fail again.
            self._resting = self._resting if current.connection else None
            self._end_current(code, current.driver.log_tail() if code and current.driver else "")
        elif current.deadline is not None and time.monotonic() > current.deadline:
            self._end_current(0, "")

    def _accept_request(self) -> None:
        assert self._listener is not None  # noqa: S101 - for mypy: `poll` is called after `__enter__`
        connection, _ = self._listener.accept()
        connection.settimeout(_REQUEST_SECONDS)
        try:
            request = json.loads(connection.makefile("r", encoding="utf-8").readline(_REQUEST_BYTES))
            scenario = self._application.example.find_scenario(str(request["scenario"]))
            seconds = None if request["seconds"] is None else float(request["seconds"])
            self._make_room()
            self._start(scenario, connection, seconds)
        except (OSError, ValueError, KeyError, TypeError, DeckwatchError) as error:
            _send_line(connection, {"error": str(error)})
            connection.close()
            if self._current is None:
                self._start_resting()

    def _make_room(self) -> None:
        """End the resting scenario; raises DeckwatchError if one of another client is running."""
        if self._current is not None and self._current.connection is not None:
            raise DeckwatchError(f"the scenario {self._current.scenario.name} is running; only one runs at a time")
        self._end_current(None, "")

    def _start(self, scenario: Scenario, connection: socket.socket | None, seconds: float | None) -> None:
        """Start a scenario; whatever fails is undone."""
        application = self._application
        try:
            for name in scenario.stop:
                application.stop_process(name)
            for name, variables in scenario.environment.items():
                application.stop_process(name)
                application.start_process(name, variables)
            driver = application.start_driver(scenario)
        except DeckwatchError:
            self._undo(scenario)
            raise
        deadline = None if seconds is None else time.monotonic() + seconds
        self._current = _Running(scenario, driver, connection, deadline)
        if connection is not None:
            _send_line(connection, {"log": str(application.log_file(f"scenario-{scenario.name}").resolve())})
            self._selector.register(connection, selectors.EVENT_READ)

    def _end_current(self, code: int | None, message: str) -> None:
        """Stop the current scenario, undo it, tell its client, and start the resting one."""
        current, self._current = self._current, None
        if current is None:
            return
        if current.driver is not None:
            current.driver.stop()
        message = "\n".join(filter(None, (message, self._undo(current.scenario))))
        if current.connection is not None:
            self._selector.unregister(current.connection)
            _send_line(current.connection, {"code": code, "message": message})
            current.connection.close()
            self._start_resting()

    def _undo(self, scenario: Scenario) -> str:
        """Return all processes to their normal state; returns what failed, otherwise ''."""
        application = self._application
        failures = [application.run_cleanup(scenario)]
        if self._is_stopping:
            return failures[0]
        for name in scenario.environment:
            application.stop_process(name)
        for name in (*scenario.stop, *scenario.environment):
            if name not in application.running:
                try:
                    application.start_process(name)
                except DeckwatchError as error:
                    failures.append(str(error))
        return "\n".join(filter(None, failures))

    def _start_resting(self) -> None:
        if self._resting is not None:
            self._start(self._resting, None, None)


def request_scenario(state: Path, scenario: str, seconds: float | None) -> Iterator[dict[str, Any]]:
    """Yield the answers of the process that runs the example in a state folder; the scenario ends with the iterator.

    Raises DeckwatchError if no example runs there, or if it refuses the scenario.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            with _short_path(state) as path:
                connection.connect(path)
        except OSError:
            raise DeckwatchError(f"no example is running in {state}") from None
        connection.sendall(json.dumps({"scenario": scenario, "seconds": seconds}).encode() + b"\n")
        buffer = b""
        while True:
            connection.settimeout(0.2)
            try:
                received = connection.recv(_REQUEST_BYTES)
            except TimeoutError:
                yield {}
                continue
            except ConnectionError:
                received = b""
            if not received:
                raise DeckwatchError("the example was stopped")
            buffer += received
            while b"\n" in buffer:
                line, _, buffer = buffer.partition(b"\n")
                answer: dict[str, Any] = json.loads(line)
                if "error" in answer:
                    raise DeckwatchError(answer["error"])
                yield answer
                if "code" in answer:
                    return


def _send_line(connection: socket.socket, answer: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the client is gone
        connection.sendall(json.dumps(answer).encode() + b"\n")


@contextlib.contextmanager
def _short_path(state: Path) -> Iterator[str]:
    """Yield a path of the socket of less than 108 bytes (unix(7)), however long that of the folder is."""
    try:
        descriptor = os.open(state, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        raise DeckwatchError(f"no example is running in {state}") from None
    try:
        yield f"/proc/self/fd/{descriptor}/{_SOCKET}"
    finally:
        os.close(descriptor)
