"""The guide's first dashboard, done as it says: its files, its commands, what they print."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from deckwatch.provisioning.program import find_program, is_answering

# `deckwatch up` takes the usual ports where nobody else does.
pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("up")]

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "first-dashboard.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent
SECONDS = 90


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def folder(tmp_path, port):
    """The files of the page; the application listens on a port that is free here."""
    for name, text in re.findall(r"```\w+\n# (\S+\.\w+)\n(.*?)```", PAGE, re.DOTALL):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace("8000", str(port)))
    assert {path.name for path in tmp_path.rglob("*.*")} == {"app.py", "deckwatch.yaml", "shop.yaml"}
    return tmp_path


@pytest.fixture
def customers(folder, port):
    """Run the application, and customers that come every second, as the page's loop has them."""
    running = subprocess.Popen([sys.executable, "app.py"], cwd=folder, stderr=subprocess.DEVNULL)
    until = time.monotonic() + SECONDS
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/tea", timeout=SECONDS)
            break
        except requests.ConnectionError:
            assert running.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
    enough = threading.Event()

    def buy() -> None:
        while not enough.wait(1):
            for what in ("tea", "milk"):
                requests.get(f"http://127.0.0.1:{port}/{what}", timeout=SECONDS)

    coming = threading.Thread(target=buy)
    coming.start()
    yield
    enough.set()
    coming.join()
    running.kill()
    running.wait()


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run([BIN / "deckwatch", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran


@pytest.mark.usefixtures("customers")
def test_what_the_page_learns_is_what_it_declares(folder, port) -> None:
    declared = (folder / "deckwatch.yaml").read_text()
    (folder / "deckwatch.yaml").unlink()  # what is declared is not printed again
    learnt = run(folder, "metrics", "--learn", f"http://127.0.0.1:{port}/metrics").stdout
    assert learnt in declared
    assert learnt.startswith("metrics:\n")


def test_a_misspelt_name_is_reported_as_the_page_shows_it(folder) -> None:
    checked = run(folder, "check")
    assert (checked.returncode, checked.stderr.startswith("no errors in ")) == (0, True), checked.stderr
    file = folder / "dashboards" / "shop.yaml"
    file.write_text(file.read_text().replace("stat: application.requests ", "stat: aplication.requests "))
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert run(folder, "check").stderr == shown


@pytest.mark.usefixtures("customers")
def test_the_dashboard_has_data(folder, deckwatch_up) -> None:
    assert find_program("prometheus")
    with deckwatch_up(folder) as url:
        assert is_answering(f"{url}/-/ready")
        verified = run(folder, "verify", "--timeout", "60", "--prometheus", url)
        assert re.search(r"^ Shop .* good", verified.stdout, re.MULTILINE), verified.stdout + verified.stderr
