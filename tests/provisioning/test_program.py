from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning.program import NotReady, Program, find_program, free_port, is_answering


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        return stat.rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(holds, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def web(tmp_path: Path, **options) -> tuple[Program, str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    return Program("web", argv, tmp_path / "log" / "web.log", url, folder=tmp_path, **options), url


@pytest.mark.parametrize("end_with_parent", [False, True])
def test_a_program_is_started_waited_for_and_stopped(tmp_path: Path, end_with_parent: bool) -> None:
    program, url = web(tmp_path, end_with_parent=end_with_parent)
    with program:
        assert program.process is not None
        pid = program.process.pid
        assert is_answering(url)
        assert not is_answering(url + "nothing-here")
        assert os.getsid(pid) == pid  # Ctrl-C at our terminal does not reach it
    assert not alive(pid)
    assert not is_answering(url)
    program.stop()  # does nothing


def test_the_error_for_an_exited_program_has_its_last_log_lines(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys; print('no such file: x.yml'); sys.exit(3)"]
    with pytest.raises(NotReady, match=r"web exited with code 3\nno such file: x\.yml"):
        Program("web", argv, tmp_path / "web.log", lambda: False).start().wait_ready(5)


def test_a_program_that_is_never_ready_is_an_error(tmp_path: Path) -> None:
    program = Program("web", ["sleep", "60"], tmp_path / "web.log", lambda: False).start()
    try:
        with pytest.raises(NotReady, match=r"web was not ready within 0\.2 s"):
            program.wait_ready(0.2)
    finally:
        program.stop()


def test_a_program_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    log = tmp_path / "deaf.log"
    program = Program("deaf", [sys.executable, "-c", deaf], log, lambda: log.read_text() == "deaf\n")
    program.start().wait_ready()
    assert program.process is not None
    pid = program.process.pid
    program.stop(0.2)
    assert not alive(pid)


def test_a_suspended_program_can_be_stopped(tmp_path: Path) -> None:
    program = Program("sleeper", ["sleep", "60"], tmp_path / "log", lambda: True).start()
    assert program.process is not None
    pid = program.process.pid
    os.kill(pid, signal.SIGSTOP)
    program.stop(5)
    assert not alive(pid)


@pytest.mark.parametrize("end_with_parent", [False, True])
def test_a_program_ends_with_its_killed_parent_if_asked_to(tmp_path: Path, end_with_parent: bool) -> None:
    code = f"""
        import time
        from pathlib import Path
        from deckwatch.provisioning.program import Program
        log = Path({str(tmp_path / "log")!r})
        program = Program("sleeper", ["sleep", "60"], log, lambda: True, end_with_parent={end_with_parent})
        program.start()
        print(program.process.pid, flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert eventually(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
        parent.kill()
    ended = eventually(lambda: not alive(pid), 5.0 if end_with_parent else 0.5)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    assert ended is end_with_parent


def test_a_preferred_port_is_used_unless_it_is_taken(tmp_path: Path) -> None:
    program, url = web(tmp_path)
    port = int(url.rpartition(":")[2].rstrip("/"))
    choose_port = getattr(free_port, "__wrapped__", free_port)  # not the one that parallel tests use (conftest.py)
    assert choose_port(port) == port
    with program:
        other = choose_port(port)
        assert other not in (0, port)
    with pytest.raises(DeckwatchError, match="no port is free"):
        choose_port(host="192.0.2.1")  # TEST-NET-1: no machine has it


def test_programs_are_found_in_debians_sbin_folders(tmp_path: Path) -> None:
    tool = tmp_path / "sbin" / "a-server"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    folders = [str(tool.parent)]
    assert find_program("not-there", "a-server", folders=folders) == str(tool)
    assert find_program("not-there", folders=folders) is None
