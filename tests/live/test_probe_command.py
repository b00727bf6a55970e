"""Probes that run programs: real ones, of which nothing is left behind."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from deckwatch.core import plugins, project
from deckwatch.exporter import config
from tests.fixtures.probed import Probed

pytestmark = pytest.mark.live

SECRET = "swordfish-1"


def shell(script):
    return {"command": ["/bin/sh", "-c", script]}


def is_running(file):
    """Return whether the process whose number is in a file exists and has not ended."""
    try:
        status = Path(f"/proc/{file.read_text().strip()}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(file):
    for _ in range(200):
        if not is_running(file):
            return
        time.sleep(0.01)
    raise AssertionError(f"process {file.read_text()} still runs")


def test_a_command_succeeds_by_its_exit_code(probe):
    found = probe(command=["true"])
    assert found["probe_success"] == 1
    assert found["deckwatch_probe_exit_code"] == 0
    assert found["probe_failed_due_to_regex"] == 0
    assert 0 < found["probe_duration_seconds"] < 2


@pytest.mark.parametrize(
    ("entry", "code", "reason"),
    [
        (shell("exit 3"), 3, "exit code 3, expected 0"),
        (shell("exit 3") | {"expect_exit_codes": [0, 3]}, 3, ""),
        (shell("kill -TERM $$"), 143, "exit code 143, expected 0"),
        (shell("echo OK; echo late >&2") | {"output_matches": "^OK\\nlate$"}, 0, ""),
        (shell("echo CRITICAL") | {"output_matches": "^OK"}, 0, "the output does not match `output_matches`"),
        (shell("echo OK deprecated") | {"output_not_matches": "deprec"}, 0, "the output matches `output_not_matches`"),
        (shell("head -c 900000 /dev/zero; exit 4"), 4, "exit code 4, expected 0"),
        (shell("cat"), 0, ""),  # standard input is empty
        (shell("exec >&- 2>&-; exit 5"), 5, "exit code 5, expected 0"),
        ({"command": ["/nonexistent"]}, None, "the command cannot be started (no such file or directory)"),
        ({"command": ["/etc/passwd"]}, None, "the command cannot be started (permission denied)"),
        (shell("sleep 60") | {"timeout": "800ms"}, None, "the command has not ended within 0.8 s and was killed"),
        (shell("exec >&-; exec 2>&-; sleep 60") | {"timeout": "800ms"}, None, "has not ended within 0.8 s"),
        (shell("yes"), None, "the command has written more than 1 MiB and was killed"),
    ],
)
def test_results(probe, entry, code, reason):
    assert reason in probe.reason(**entry)
    assert (probe.reason(**entry) == "") == (reason == "")
    assert probe(**entry).get("deckwatch_probe_exit_code") == code
    assert probe.seconds < 3


def test_nothing_is_left_of_a_command_that_never_ends(probe, tmp_path):
    numbers = [tmp_path / "parent", tmp_path / "child"]
    script = f"echo $$ >{numbers[0]}; trap '' TERM INT HUP; sleep 60 & echo $! >{numbers[1]}; while :; do wait; done"
    assert "was killed" in probe.reason(**shell(script), timeout="1s")
    assert probe.seconds < 3
    for file in numbers:
        wait_until_gone(file)


def test_what_a_command_leaves_in_the_background_is_killed_and_not_waited_for(probe, tmp_path):
    left = tmp_path / "left"
    assert probe(**shell(f"sleep 60 & echo $! >{left}"))["probe_success"] == 1
    assert probe.seconds < 10
    wait_until_gone(left)


def test_a_command_inherits_no_descriptors_and_no_environment(probe, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    found = tmp_path / "found"
    with (tmp_path / "held").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        entry = shell(f"{{ env; ls -l /proc/$$/fd; pwd; }} >{found}") | {"environment": {"CHECKED": "shop"}}
        assert probe(**entry)["probe_success"] == 1
    text = found.read_text()
    names = set(re.findall(r"^([A-Z_]+)=", text, re.MULTILINE))
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", "LANG", "CHECKED"}
    assert SECRET not in text
    assert "held" not in text
    assert set(re.findall(r" (\d+) -> ", text)) <= {"0", "1", "2", "10"}  # the shell keeps its own in 10
    assert text.endswith("\n/\n")


def test_output_is_no_label_and_in_the_log_only_for_debugging_and_masked(probe, caplog):
    entry = shell(f"echo found a line; echo password={SECRET}; exit 1")
    with caplog.at_level(logging.INFO):
        series = probe(**entry)
    assert not any("found" in name or SECRET in name for name in series)
    assert "found a line" not in caplog.text
    with caplog.at_level(logging.DEBUG):
        probe(**entry)
    assert "found a line" in caplog.text
    assert SECRET not in caplog.text


def test_commands_need_few_threads_and_leave_no_descriptors(probe):
    def measure():
        return [len(list(Path("/proc/self", name).iterdir())) for name in ("fd", "task")]

    probe(command=["true"])
    before = measure()
    for _ in range(20):
        probe(command=["true"])
        probe(**shell("sleep 60"), timeout="20ms")
    assert measure()[0] <= before[0]
    assert measure()[1] <= before[1] + 1


def test_the_example(tmp_path):
    shutil.copytree(Path(__file__).parents[2] / "examples/checks", tmp_path, dirs_exist_ok=True)
    with contextlib.closing(sqlite3.connect(tmp_path / "orders.db")) as connection:
        connection.executescript((tmp_path / "orders.sql").read_text())
    loaded = project.load_project(tmp_path, plugins.schema_fragments())
    assert list(config.find_problems(loaded, [])) == []
    entries = config.watch_config(loaded, {})["probes"]
    probed = Probed()
    with contextlib.closing(probed.world):
        assert [probed.reason(**entry) for entry in entries] == ["", "", ""]
        with contextlib.closing(sqlite3.connect(tmp_path / "orders.db")) as connection:
            connection.execute("UPDATE orders SET minutes = 45 WHERE id = 3")
            connection.commit()
        assert probed.reason(**entries[1]) == "the number of rows is 1, not 0"
