"""Fixtures for all tests: what a live test needs, and the folder `tests/fixtures` in which servers are started.

Test files cannot import each other (importlib mode), so shared fixtures are in `tests/fixtures/NAME.py`: each file
there is loaded by its path and registered as a pytest plugin, and its fixtures can be used by every test by name.
One server is one file (`engine.py` runs a Docker engine for the tests); a new file needs no entry anywhere. How tests
are distributed over processes is in `tests/fixtures/parallel.py`.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import os
import socket
import sys
from pathlib import Path

import hypothesis
import pytest

from deckwatch.core import own_command
from deckwatch.provisioning import program
from deckwatch.provisioning.program import find_program

# As in a shell in which messages may call us by our name.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

# The commands that tests run share a cache, which is not the user's.
CACHE = Path(__file__).parents[1] / ".deckwatch" / "cache"
CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
os.environ["XDG_CACHE_HOME"] = str(CACHE)

FIXTURES = Path(__file__).parent / "fixtures"
REQUIRED = os.environ.get("DECKWATCH_LIVE") == "required"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
PORTS_PER_WORKER = 1000

# Several tests at once share two processors: the time that one example takes shows nothing.
hypothesis.settings.register_profile(
    "gate", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("gate")


def use_own_ports(worker: str) -> None:
    """Give this worker ports that neither another worker nor the kernel (from 32768 on) hands out meanwhile."""
    first = 10_000 + PORTS_PER_WORKER * int(worker.removeprefix("gw"))
    ports = itertools.cycle(range(first, first + PORTS_PER_WORKER))
    choose_port = program.free_port

    @functools.wraps(choose_port)
    def free_port(wanted: int = 0, host: str = "127.0.0.1") -> int:
        for port in itertools.chain([wanted] if wanted else [], itertools.islice(ports, PORTS_PER_WORKER)):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError:
                    continue
                return port
        return choose_port(host=host)

    program.free_port = free_port


if WORKER:
    use_own_ports(WORKER)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="run a sample of the tests that repeat one assertion over many inputs"
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Start one worker per processor where tests compute, and three where most of them wait for servers."""
    return (os.cpu_count() or 1) * (1 if config.option.markexpr == "not live" else 3)


def pytest_configure(config: pytest.Config) -> None:
    for path in sorted(FIXTURES.glob("*.py")):
        name = f"deckwatch_test_fixtures_{path.stem}"
        if config.pluginmanager.has_plugin(name):
            continue
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        config.pluginmanager.register(module, name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run a live test that fails once more: docs/decisions/0014-live-tests-run-twice-on-failure.md says why."""
    for item in items:
        if item.get_closest_marker("live"):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show how tests failed that then did not, and list by name what was skipped and why.

    pytest's own summary folds tests that were skipped at one place.
    """
    again = terminalreporter.stats.get("rerun", [])
    if again:
        terminalreporter.section("failed, and were run again")
    for report in again:
        terminalreporter.line(f"{report.nodeid}:\n{report.longreprtext}")
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("skipped tests")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.line(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")


class Need:
    """Requirements of a live test: where one is missing, the test is skipped with a hint how to install it.

    With `DECKWATCH_LIVE=required` in the environment an absent thing is a failure: CI installs everything.
    """

    def __call__(self, *programs: str, get: str) -> str:
        """Return the path of the first of these programs; `get` says how to install them."""
        path = find_program(*programs)
        self.that(path is not None, f"{programs[0]} is not installed; {get}")
        assert path is not None
        return path

    def that(self, holds: object, otherwise: str) -> None:
        """Go on if the condition holds; `otherwise` says what is missing and how to get it."""
        if holds:
            return
        if REQUIRED:
            pytest.fail(f"DECKWATCH_LIVE=required, but {otherwise}", pytrace=False)
        pytest.skip(otherwise)

    def luck(self, holds: object, otherwise: str) -> None:
        """Go on if the condition holds; for what CI cannot install: Grafana, or something of the kernel's."""
        if not holds:
            pytest.skip(otherwise)


@pytest.fixture(scope="session")
def need() -> Need:
    """Ask for a program: `need("promtool", get="apt-get install prometheus")` gives its path or skips the test."""
    return Need()


@pytest.fixture(autouse=True)
def forget_project(monkeypatch):
    """Let no message name the project of an earlier test's command."""
    monkeypatch.setattr(own_command, "_projects", [])
