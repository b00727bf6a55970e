"""`deckwatch top`: the same values as the page, as text of any width, as JSON, and in a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click import unstyle

from deckwatch.cli import _top_screen

WORLDS = Path(__file__).parents[1] / "worlds"
WORLD = WORLDS / "debian12-kernel6.1-docker"
COMMAND = [sys.executable, "-m", "deckwatch", "top"]
CAPTURED = [
    *COMMAND,
    f"--path.procfs={WORLD}/proc",
    f"--path.sysfs={WORLD}/sys",
    f"--path.rootfs={WORLD}/root",
    f"--docker-host=file://{WORLD}/engine.json",
]


def run_top(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CAPTURED, *options],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(deck, hostile_name: str, width: int) -> None:
    deck.names[hostile_name + "\x1b[31m\u6f22\u5b57" * 20] = deck.names["web"]
    deck.names["n" * 200] = deck.names["mailer"]
    deck.pass_time(120)
    board = deck.reader.build_board()
    plain = _top_screen.render_lines(board, deck.reader.rules, "cpu", width, has_color=False)
    assert max(map(_top_screen.text_width, plain)) <= width
    assert "\x1b" not in "".join(plain)
    colored = _top_screen.render_lines(board, deck.reader.rules, "cpu", width, has_color=True)
    assert [unstyle(line).rstrip() for line in colored] == plain


def test_the_screen(deck) -> None:
    deck.steady = True
    deck.pass_time(3600)
    lines = _top_screen.render_lines(deck.reader.build_board(), deck.reader.rules, "memory", 80, has_color=False)
    assert lines[0] == "harbor, up 12 d, 23:13:20 UTC: 4 problems"
    assert "critical mailer: A container that should run is stopped." in lines
    start = next(number for number, line in enumerate(lines) if line.startswith("CONTAINER"))
    rows = [re.split(r" {2,}", line) for line in lines[start + 1 : start + 8]]
    assert [row[0] for row in rows][:3] == ["postgres", "shop-api", "worker"]
    assert rows[0][1:4] == ["running", "31 %", "1.7 GiB"]
    assert ["mailer", "exited 137"] in [row[:2] for row in rows]


def test_a_filter_keeps_rows_by_name_in_any_case(deck) -> None:
    deck.pass_time(60)
    board = _top_screen.filter_board(deck.reader.build_board(), "SHOP")
    assert [row.name for row in board.containers] == ["shop-api"]
    assert [row.name for row in board.databases] == ["shop-db"]
    assert board.host == deck.reader.build_board().host


def test_json_holds_the_exact_values(deck) -> None:
    deck.pass_time(60)
    board = deck.reader.build_board()
    data = json.loads(_top_screen.render_json(board))
    assert data["host"]["cpu"] == board.host.cpu
    assert data["containers"][0]["name"] == "mailer"
    assert data["problems"][0]["alert"] == "ContainerNotRunning"
    assert data["state"] == "bad"


def test_a_captured_machine_as_json() -> None:
    done = run_top("--format", "json", "--filter", "web")
    data = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in data["containers"]] == ["web"]
    golden = (WORLDS.parent / "golden" / f"{WORLD.name}.prom").read_text()
    match = re.search(r'^container_memory_working_set_bytes\{.*name="web".*\} (\S+)$', golden, re.MULTILINE)
    assert match is not None
    assert data["containers"][0]["memory"] == float(match[1])
    assert data["containers"][0]["cpu"] == 0, "its counters do not change"


def test_the_thresholds_of_a_project_count(tmp_path: Path) -> None:
    (tmp_path / "deckwatch.yaml").write_text("build: {set: {host.memory.high: 1%}, disable: [HostLoadHigh]}\n")
    done = subprocess.run(
        [*CAPTURED, "--format", "json"], capture_output=True, text=True, timeout=180, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    limits = {problem["alert"]: problem["limit"] for problem in json.loads(done.stdout)["problems"]}
    assert limits["HostMemoryHigh"] == 0.01


def test_output_that_is_piped_is_plain() -> None:
    done = run_top("--sort", "name")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "greedy" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_an_unknown_order_is_reported() -> None:
    done = run_top("--sort", "cup")
    assert done.returncode == 1
    assert "cpu" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_is_redrawn_until_q_is_pressed(no_color: str) -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": no_color, "COLUMNS": "80", "LINES": "40"}
    process = subprocess.Popen(
        [*CAPTURED, "--watch", "1"], stdin=slave, stdout=slave, stderr=subprocess.PIPE, env=environment, close_fds=True
    )
    os.close(slave)
    shown, end = "", time.monotonic() + 30
    pressed = 0
    while process.poll() is None and time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            try:
                shown += os.read(master, 65536).decode(errors="replace")
            except OSError:
                break
        if pressed == 0 and "CONTAINER" in shown:
            os.write(master, b"m")
            pressed = 1
        if pressed == 1 and shown.count("CONTAINER") > 3:
            os.write(master, b"q")
            pressed = 2
    assert process.wait(10) == 0
    os.close(master)
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == b""
    assert shown.startswith("\x1b[?1049h")
    assert shown.rstrip().endswith("\x1b[?1049l")
    assert ("\x1b[1m" in shown) is (no_color == "")
