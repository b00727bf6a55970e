"""`deckwatch serve` as a process: log, responses, shutdown."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DECKWATCH = Path(sys.executable).with_name("deckwatch")


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Start `deckwatch serve` on a free port; returns the process and its address from the log."""
    started: list[subprocess.Popen[str]] = []

    def start_server(*arguments: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [DECKWATCH, "serve", "--listen", "127.0.0.1:0", "--docker-host", "", *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            if match := re.search(r"listening on (https?://[\d.:]+)", line):
                return process, match[1]
        raise AssertionError(f"it exited with {process.wait()}")

    yield start_server
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("listen", "warned"), [("0.0.0.0:0", True), ("127.0.0.1:0", False), ("localhost:0", False)])
@pytest.mark.parametrize("users", [False, True])
def test_a_listener_that_others_reach_without_a_password_is_warned_of(start, tmp_path, listen, warned, users) -> None:
    hash_of_password = "$2y$10$abcdefghijklmnopqrstuuJSd0Uo9kYYwbTfgzNTNyKnkbrxPsnte"
    (tmp_path / "web.yaml").write_text(f"basic_auth_users: {{prometheus: '{hash_of_password}'}}\n" if users else "{}\n")
    process, address = start("--listen", listen, "--web.config.file", str(tmp_path / "web.yaml"))
    with contextlib.suppress(urllib.error.HTTPError):  # any answer comes after the warning
        fetch_text(f"{address}/healthz")
    process.send_signal(signal.SIGTERM)
    log = process.stderr.read()
    port = address.rpartition(":")[2]
    warning = f"anyone who reaches port {port} can read the metrics: require a password or a client certificate"
    assert (warning in log) is (warned and not users)


def fetch_text(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as response:
        return response.read().decode()


def wait_ready(address: str) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            fetch_text(f"{address}/readyz")
        except urllib.error.HTTPError as error:
            error.close()
            time.sleep(0.05)
        else:
            return
    raise AssertionError("it did not become ready")


def stop_process(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[float, str]:
    """Stop the process; return the duration in seconds, and the rest of its log."""
    started = time.monotonic()
    process.send_signal(number)
    _, log = process.communicate(timeout=15)
    return time.monotonic() - started, log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_exits_cleanly(start, number):
    process, address = start()
    wait_ready(address)
    assert "node_load1 " in fetch_text(f"{address}/metrics?collect[]=host")
    assert "deckwatch_build_info{" in fetch_text(f"{address}/metrics")
    assert fetch_text(f"{address}/healthz") == "ok\n"
    seconds, log = stop_process(process, number)
    assert process.returncode == 0
    assert seconds < 5
    assert "Traceback" not in log


def test_the_log_lists_what_is_watched_and_once_what_is_missing(start):
    process, address = start()
    wait_ready(address)
    for _ in range(3):
        fetch_text(f"{address}/metrics")
    _, log = stop_process(process)
    lines = [line for line in log.splitlines() if line]
    assert all(re.match(r'time=\S+Z level=info source=\w+ msg="[^\n]+"$', line) for line in lines), log
    messages = [json.loads(line.partition("msg=")[2]) for line in lines]
    assert any(message.startswith("watching the host ") for message in messages)
    absent = [message for message in messages if message.startswith("nothing to watch for ")]
    assert any("container_state" in message for message in absent)
    assert len(absent) == len(set(absent)) < 12


@pytest.mark.parametrize(
    ("arguments", "warned"), [((), True), (("--host", "web-2"), False), (("--host", "web-1"), False)]
)
def test_a_machine_that_is_not_found_in_hosts_is_told_how_to_say_it(tmp_path, arguments, warned):
    hosts = "hosts: [{name: web-1, address: 'web-1.invalid:1'}, {name: web-2, address: 'web-2.invalid:1'}]\n"
    (tmp_path / "deckwatch.yaml").write_text(hosts + "watch: {probes: [{service: shop, tcp: '127.0.0.1:1'}]}\n")
    argv = [DECKWATCH, "scrape", "--collect", "app_probe", "--docker-host", "", *arguments]
    completed = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=True)
    assert ("start with --host NAME" in completed.stderr) == warned
    is_elsewhere = "web-2" in arguments
    assert ("nothing to watch for app_probe (shop): probed from web-1" in completed.stderr) == is_elsewhere
    assert ("probe_success{" in completed.stdout) != is_elsewhere


def test_an_unknown_name_of_the_machine_is_reported_in_one_sentence(tmp_path):
    (tmp_path / "deckwatch.yaml").write_text("hosts: [{name: web-1, address: 'web-1.invalid:1'}]\n")
    argv = [DECKWATCH, "serve", "--host", "wbe-1"]
    completed = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False)
    assert completed.returncode == 1
    assert "no host in `hosts:` is called 'wbe-1'; did you mean web-1?" in completed.stderr
    assert "Traceback" not in completed.stderr


def test_a_hanging_source_does_not_delay_shutdown(start, tmp_path):
    listener = socket.create_server(("127.0.0.1", 0))  # accepts connections and never responds
    with listener:
        process, address = start("--docker-host", f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        fetch_text(f"{address}/metrics?collect[]=host")
        seconds, _ = stop_process(process)
    assert process.returncode == 0
    assert seconds < 8


def test_a_port_in_use_is_reported_in_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        completed = subprocess.run(
            [DECKWATCH, "serve", "--listen", f"127.0.0.1:{port}", "--docker-host", ""],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert completed.returncode == 1
    assert completed.stderr == (
        f"deckwatch: cannot listen on 127.0.0.1:{port}: address already in use; choose another with --listen\n"
    )


def test_options_come_from_flag_then_environment_then_file(start, tmp_path):
    for load, name in enumerate(("flag", "environment", "file"), 1):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "loadavg").write_text(f"{load} 0 0 1/2 3\n")
    (tmp_path / "deckwatch.yaml").write_text("serve: {path.procfs: file}\n")

    def read_load(*arguments: str, **environment: str) -> str:
        process, address = start(*arguments, **environment)
        [load] = re.findall(r"^node_load1 (\S+)$", fetch_text(f"{address}/metrics?collect[]=host_load"), re.MULTILINE)
        stop_process(process)
        return load

    assert read_load() == "3.0"
    assert read_load(DECKWATCH_SERVE_PATH_PROCFS="environment") == "2.0"
    assert read_load("--path.procfs", "flag", DECKWATCH_SERVE_PATH_PROCFS="environment") == "1.0"


def test_it_raises_the_limit_of_open_files(start):
    process, address = start()
    wait_ready(address)
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    soft, hard = re.search(r"Max open files\s+(\d+)\s+(\d+)", limits).groups()
    assert soft == hard


def test_without_a_project_file_it_does_not_load_the_generator(start):
    process, address = start()
    wait_ready(address)
    mapped = Path(f"/proc/{process.pid}/maps").read_text()
    assert not re.findall(r"jsonnet|jsonschema|promql|psycopg|orjson|_bcrypt", mapped)
    assert "isal" in mapped or "zlib" in mapped


def test_the_project_can_set_the_web_configuration(start, tmp_path, hash_of):
    (tmp_path / "deckwatch.yaml").write_text("serve: {web.config.file: secrets/web.yml}\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "web.yml").write_text(f"basic_auth_users: {{prometheus: {hash_of()}}}\n")
    process, address = start()
    assert fetch_text(f"{address}/healthz") == "ok\n"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fetch_text(f"{address}/metrics")
    mapped = Path(f"/proc/{process.pid}/maps").read_text()
    assert not re.findall(r"jsonschema|_bcrypt", mapped)  # no password has been checked yet
    stop_process(process)
    process, address = start("--web.config.file", "")
    assert "node_load1" in fetch_text(f"{address}/metrics?collect[]=host_load")


def test_an_invalid_web_configuration_is_reported_with_lines_but_without_secrets(tmp_path):
    (tmp_path / "web.yml").write_text("tls_server_config: {certfile: a}\nbasic_auth_users:\n  prometheus: hunter2\n")
    argv = [DECKWATCH, "serve", "--listen", "127.0.0.1:0", "--web.config.file", "web.yml"]
    completed = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False)
    assert completed.returncode == 1
    assert "web.yml:1:21: error: unknown key certfile (did you mean cert_file?)" in completed.stderr
    assert "    1 | tls_server_config: {certfile: *}\n      |                     ^\n" in completed.stderr
    assert "web.yml:3:3: error: the value of prometheus is not a bcrypt hash" in completed.stderr
    assert "hunter2" not in completed.stderr
