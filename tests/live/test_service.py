"""`deckwatch service` with a real systemd: a user's manager."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from deckwatch.provisioning.program import free_port, is_answering

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
UNIT = "config/systemd/user/deckwatch.service"


@pytest.fixture
def run_service(systemd):
    """Return a function that runs `deckwatch service` beside the manager, and returns its code and output."""

    def run(*words: str) -> tuple[int, str]:
        inside = ["nsenter", f"--target={systemd.process}", "--mount", "--pid", "--"]
        command = [*inside, DECKWATCH, "service", *words, "--user"]
        done = subprocess.run(
            command,
            env=systemd.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=180,
        )
        return done.returncode, done.stdout

    yield run
    systemd.ctl("disable", "--now", "deckwatch.service")
    (systemd.folder / UNIT).unlink(missing_ok=True)
    systemd.ctl("daemon-reload")


def test_install_status_remove(systemd, run_service, eventually):
    unit, port = systemd.folder / UNIT, free_port()
    assert run_service("status") == (1, "not installed\n")
    code, output = run_service("install", "--listen", f"127.0.0.1:{port}", "--dry-run")
    assert code == 0
    assert f"write  {unit}\n    # Written by deckwatch 0.1.0, sha256 " in output
    assert "run    systemctl --user restart deckwatch.service" in output
    assert not unit.exists()

    code, output = run_service("install", "--listen", f"127.0.0.1:{port}")
    assert code == 0, output
    assert (systemd.folder / "config/deckwatch").is_dir()
    url = f"http://127.0.0.1:{port}/metrics"
    eventually(lambda: is_answering(url))
    page = urllib.request.urlopen(url, timeout=10).read().decode()
    assert 'deckwatch_collector_success{collector="host_memory"} 1' in page
    code, output = run_service("status")
    assert code == 0, output
    assert "as installed, by deckwatch 0.1.0" in output
    assert "at boot  enabled" in output

    code, output = run_service("remove")
    assert code == 0, output
    assert not unit.exists()
    assert systemd.ctl("is-active", "deckwatch.service") == "inactive"
    code, output = run_service("remove")
    assert (code, output) == (1, f"deckwatch: there is no {unit}\n")


def test_a_unit_that_was_changed_by_hand_is_kept(systemd, run_service):
    unit = systemd.folder / UNIT
    address = f"127.0.0.1:{free_port()}"
    assert run_service("install", "--listen", address)[0] == 0
    changed = unit.read_text().replace("MemoryMax=256M", "MemoryMax=1G")
    unit.write_text(changed)
    for words in (("install", "--listen", address), ("remove",)):
        code, output = run_service(*words)
        assert code == 1
        assert output.endswith(f"{unit} was changed by hand, and is kept; --yes replaces or removes it\n")
        assert unit.read_text() == changed
    assert "changed by hand" in run_service("status")[1]
    code, output = run_service("install", "--listen", address, "--yes")
    assert code == 0, output
    assert "    -MemoryMax=1G\n    +MemoryMax=256M\n" in output
    assert "MemoryMax=256M" in unit.read_text()


def test_a_service_that_cannot_start_is_reported(systemd, run_service):
    code, output = run_service("install", "--listen", "nowhere")
    assert code == 1
    assert "nowhere" in output
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, output = run_service("install", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        assert code == 0, output  # it was executed; what became of it is in its status
        systemd.until("deckwatch.service", "activating")
        code, output = run_service("status")
    assert code == 1
    assert "see journalctl --user --unit deckwatch.service" in output
