"""Scenarios of a small example: whatever dies, no process, port or change is left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from deckwatch.provisioning.examples import definition
from deckwatch.provisioning.examples.application import ExampleApplication

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
SECONDS = 180
EXAMPLE = """\
about: A page that says its release.
ports: {page: 8765, database: 8766}
processes:
  page:
    command: ["{python}", -IS, page.py, "{page}"]
    ready: "http://127.0.0.1:{page}/"
    environment: {RELEASE: one}
scenarios:
  load: {about: A driver., command: ["{python}", -IS, driver.py, "{page}"]}
  release:
    about: Another release.
    environment: {page: {RELEASE: two}}
    cleanup: ["{python}", -IS, -c, "open('cleaned', 'a').write('x')"]
  outage: {about: No page., stop: [page]}
  failure: {about: A driver that fails., command: ["{python}", -IS, -c, "import sys; sys.exit('no more customers')"]}
"""
PAGE = """\
import http.server, os, sys

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["RELEASE"].encode())

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""
DRIVER = "import os, time\nprint('driving', os.getpid(), flush=True)\nwhile True: time.sleep(1)\n"


@pytest.fixture
def folder(tmp_path):
    """An example in a folder."""
    folder = tmp_path / "page"
    folder.mkdir()
    for name, text in (("example.yaml", EXAMPLE), ("page.py", PAGE), ("driver.py", DRIVER)):
        (folder / name).write_text(text)
    (folder / "deckwatch.yaml").write_text("scrape:\n  - {service: page, url: 'http://127.0.0.1:8765/metrics'}\n")
    return folder


class Running:
    """`deckwatch up --example` of the folder, with the exporter as the only server."""

    def __init__(self, folder: Path) -> None:
        self.state = folder.parent / "state"
        self.folder = folder
        self.up = subprocess.Popen(
            [
                DECKWATCH,
                "up",
                "--no-open",
                "--example",
                f"{folder}/",
                "--port",
                "page=0",
                "--port",
                "database=0",
                "--state-dir",
                self.state,
                "--scenario",
                "load",
            ],
            cwd=folder.parent,
            env={**os.environ, "PATH": "/nowhere", "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.printed = ""
        while "Ctrl-C" not in self.printed:
            line = self.up.stdout.readline()
            assert line or self.up.poll() is None, self.up.communicate(timeout=SECONDS)[1]
            self.printed += line
        (address,) = re.findall(r"page +http://127.0.0.1:(\d+)", self.printed)
        self.port = int(address)

    def release(self) -> str:
        """Return the text of the page, "" if nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2) as response:
                return response.read().decode()
        except (urllib.error.URLError, OSError):
            return ""

    def simulate(self, scenario: str, *options: str) -> subprocess.Popen:
        argv = [DECKWATCH, "simulate", f"{self.folder}/", scenario, "--state-dir", self.state, *options]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def driver(self) -> int:
        """Return the process id of the driver, 0 without one."""
        log = self.state / "log" / "scenario-load.log"
        found = re.search(r"driving (\d+)", log.read_text()) if log.exists() else None
        return int(found[1]) if found and Path(f"/proc/{found[1]}").exists() else 0

    def children(self) -> list[int]:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = stat.read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if parent == str(self.up.pid):
                found.append(int(stat.parent.name))
        return found


@pytest.fixture
def running(folder):
    running = Running(folder)
    yield running
    if running.up.poll() is None:
        running.up.terminate()
    running.up.communicate(timeout=SECONDS)


def test_scenarios_run_and_are_undone_however_they_end(running, eventually) -> None:
    assert "the page is at" not in running.printed
    assert running.release() == "one"
    project = (running.state / "project" / "deckwatch.yaml").read_text()
    assert f"127.0.0.1:{running.port}/" in project
    eventually(running.driver)

    release = running.simulate("release", "--seconds", "600")
    eventually(lambda: running.release() == "two")
    assert not running.driver(), "the load does not run meanwhile"
    other = running.simulate("outage")
    assert "the scenario release is running; only one runs at a time" in other.communicate(timeout=SECONDS)[1]
    assert other.returncode == 1
    release.kill()
    release.communicate()
    eventually(lambda: running.release() == "one")
    assert (running.state / "project" / "cleaned").read_text() == "x"
    eventually(running.driver)

    outage = running.simulate("outage", "--seconds", "1")
    eventually(lambda: not running.release())
    assert outage.wait(SECONDS) == 0, outage.communicate()
    outage.communicate()
    assert running.release() == "one"

    failure = running.simulate("failure")
    assert "no more customers" in failure.communicate(timeout=SECONDS)[1]
    assert failure.returncode == 1

    # A process that dies is reported, and starts again only after a scenario that stops it.
    before = running.children()
    os.kill(eventually(running.driver), signal.SIGKILL)
    running.up.terminate()
    assert running.up.wait(SECONDS) == 0
    assert not [pid for pid in before if Path(f"/proc/{pid}").exists()]
    gone = running.simulate("outage")
    assert "no example is running in" in gone.communicate(timeout=SECONDS)[1]


def test_killed_it_leaves_no_process_and_no_port(running, eventually) -> None:
    eventually(running.driver)
    release = running.simulate("release", "--seconds", "600")
    eventually(lambda: running.release() == "two")
    children = running.children()
    assert len(children) >= 2
    running.up.kill()
    running.up.wait()
    eventually(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists()])
    assert "the example was stopped" in release.communicate(timeout=SECONDS)[1]
    with socket.create_server(("127.0.0.1", running.port)):
        pass


def test_the_database_exists_only_while_the_example_runs(folder, need, tmp_path) -> None:
    from tests.fixtures import postgres

    need.that((postgres.installed() / "initdb").exists(), "PostgreSQL is not installed; apt-get install postgresql")
    (folder / "schema.sql").write_text("CREATE TABLE orders (id integer); INSERT INTO orders VALUES (7);\n")
    text = (folder / "example.yaml").read_text()
    (folder / "example.yaml").write_text(
        text.replace("stop: [page]", "stop: [database]")
        + "postgres: {port: database, database: shop, schema: schema.sql, settings: {max_connections: '20'}}\n"
    )
    example = definition.read_example(folder)
    application = ExampleApplication(example, tmp_path / "state", {"page": 0, "database": 0})
    import psycopg

    with application:
        database = application.database
        with psycopg.connect(database.url) as connection:
            assert connection.execute("SELECT id FROM orders").fetchall() == [(7,)]
        with psycopg.connect(application.exporter_variables["DECKWATCH_POSTGRES_DSN"]) as connection:
            assert connection.execute("SHOW max_connections").fetchone() == ("20",)
        assert example.name in application.folder.parent.parent.name or application.folder.is_dir()
        application.stop_process("database")
        application.start_process("database")
        with psycopg.connect(database.url) as connection:
            assert connection.execute("SELECT id FROM orders").fetchall() == [(7,)]
        data = database.folder
        assert data.is_dir()
    assert not data.exists()
    with socket.create_server(("127.0.0.1", application.ports["database"])):
        pass
