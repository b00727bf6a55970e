"""Signals, terminals and overlapping runs of `deckwatch job run`: the command receives what it would without us."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DECKWATCH = Path(sys.executable).with_name("deckwatch")
SECONDS = 30


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGPIPE, signal.SIGTERM])
def test_a_signal_that_ends_the_command_is_128_and_its_number(run_job, number, read_job) -> None:
    assert run_job("sh", "-c", f"kill -{int(number)} $$").returncode == 128 + number
    assert read_job()["workflow_last_exit_code"] == 128 + number
    assert read_job()["workflow_executions_total failed"] == 1


def test_a_command_sees_the_terminal_and_the_process_group_of_the_caller(job_folder) -> None:
    code = "import os; print(os.isatty(0), os.isatty(1), os.getpgid(0) == os.getpgid(os.getppid()), flush=True)"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(
            DECKWATCH, [DECKWATCH, "job", "run", "--name", "a", "--textfile", job_folder, sys.executable, "-c", code]
        )
    with os.fdopen(terminal, "rb", buffering=0) as output, contextlib.suppress(OSError):
        assert output.readline().strip() == b"True True True"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_ctrl_c_at_a_terminal_reaches_the_command_once(job_folder, read_job) -> None:
    code = "trap 'echo caught' INT; echo ready; sleep 1; sleep 1; exit 7"
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # what runs in the background may be started with it ignored
        os.execv(DECKWATCH, [DECKWATCH, "job", "run", "--name", "a", "--textfile", job_folder, "sh", "-c", code])
    shown = b""
    with os.fdopen(terminal, "r+b", buffering=0) as output, contextlib.suppress(OSError):
        while b"ready" not in shown:
            shown += output.readline()
        output.write(b"\x03")
        while line := output.readline():
            shown += line
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert shown.count(b"caught") == 1
    assert read_job("a")["workflow_executions_total cancelled"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_is_passed_on_and_cancels(start_job, number, read_job) -> None:
    job = start_job("sh", "-c", f"trap 'exit 9' {int(number)}; echo ready; while :; do sleep 0.1; done")
    job.send_signal(number)
    assert job.wait(SECONDS) == 9
    assert read_job()["workflow_executions_total cancelled"] == 1
    assert read_job()["workflow_executions_running"] == 0


def test_a_signal_to_the_whole_group_arrives_once(start_job, read_job) -> None:
    code = "trap 'echo caught >&2' TERM; echo ready; sleep 1 & wait; sleep 1 & wait; sleep 1 & wait; exit 9"
    job = start_job("bash", "-c", code, start_new_session=True, stderr=subprocess.PIPE)
    os.killpg(job.pid, signal.SIGTERM)
    _, shown = job.communicate(timeout=SECONDS)
    assert (job.returncode, shown) == (9, b"caught\n")
    assert read_job()["workflow_executions_total cancelled"] == 1


def test_timeout_ends_the_command_with_one_signal(job_folder) -> None:
    code = "trap 'echo caught' TERM; sleep 3 & wait; sleep 1 & wait; exit 9"
    words = [
        "timeout",
        "1.5",
        DECKWATCH,
        "job",
        "run",
        "--name",
        "backup",
        "--textfile",
        job_folder,
        "bash",
        "-c",
        code,
    ]
    ran = subprocess.run(words, capture_output=True, check=False, timeout=SECONDS)
    assert (ran.returncode, ran.stdout) == (124, b"caught\n")


def test_the_witness_ends_with_a_wrapper_that_was_killed(start_job, processes_of, wait_until) -> None:
    job = start_job("bash", "-c", "echo ready; exec sleep 60")
    command, witness = processes_of(job)
    assert len(list(Path(f"/proc/{witness}/fd").iterdir())) == 1  # the pipe to us: no stream of the job, no lock
    job.kill()
    wait_until(lambda: not Path(f"/proc/{witness}/stat").exists())
    os.kill(command, signal.SIGKILL)


def test_a_signal_that_the_command_handles_cancels_nothing(start_job, read_job) -> None:
    job = start_job("sh", "-c", "trap 'exit 0' USR1; echo ready; while :; do sleep 0.1; done")
    job.send_signal(signal.SIGUSR1)
    assert job.wait(SECONDS) == 0
    assert read_job()["workflow_executions_total succeeded"] == 1


def test_a_signal_that_the_caller_ignores_is_ignored_by_the_command() -> None:
    words = ["job", "run", "--name", "a", "--textfile", "/proc/nowhere", "sh", "-c", "kill -HUP $$; echo alive"]
    ran = subprocess.run(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", DECKWATCH, *words], capture_output=True, check=False
    )
    assert ran.stdout == b"alive\n"


def test_a_pipe_that_nobody_reads_ends_the_command_as_ever(job_folder) -> None:
    words = f"{DECKWATCH} job run --name a --textfile {job_folder} -- yes | head -1"
    ran = subprocess.run(["bash", "-c", f"{words}; echo ${{PIPESTATUS[0]}}"], capture_output=True, check=True)
    assert ran.stdout == b"y\n141\n"
    assert ran.stderr == b""


def test_overlapping_runs_are_counted(start_job, run_job, read_job) -> None:
    job = start_job("sh", "-c", "echo ready; exec sleep 60")
    assert run_job("true").returncode == 0
    assert read_job()["workflow_executions_running"] == 1
    job.terminate()
    job.wait(SECONDS)
    values = read_job()
    assert values["workflow_executions_running"] == 0
    assert (values["workflow_executions_total succeeded"], values["workflow_executions_total cancelled"]) == (1, 1)


def test_no_overlap_only_where_asked(start_job, run_job, read_job) -> None:
    job = start_job("sh", "-c", "echo ready; exec sleep 60", options=["--no-overlap"])
    ran = run_job("true", options=["--no-overlap"])
    assert ran.returncode == 75
    assert ran.stderr == b"deckwatch: backup is still running, so it does not start again\n"
    assert run_job("true").returncode == 0
    assert run_job("true", options=["--no-overlap"], name="other").returncode == 0
    assert read_job()["workflow_executions_skipped_total"] == 1
    job.terminate()
    job.wait(SECONDS)
    assert run_job("true", options=["--no-overlap"]).returncode == 0


def test_the_lock_is_held_by_a_command_whose_wrapper_was_killed(
    start_job, run_job, job_folder, processes_of, wait_until
) -> None:
    job = start_job("sh", "-c", "echo ready; exec sleep 60", options=["--no-overlap"])
    command, _ = processes_of(job)
    wait_until((job_folder / ".job@backup@default.lock").read_text)
    job.kill()
    job.wait(SECONDS)
    assert run_job("true", options=["--no-overlap"]).returncode == 75
    os.kill(command, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{command}/stat").exists())
    assert run_job("true", options=["--no-overlap"]).returncode == 0


def test_a_process_that_the_job_leaves_behind_does_not_hold_the_lock(run_job) -> None:
    ran = run_job("sh", "-c", "sleep 30 >/dev/null 2>&1 & echo $!", options=["--no-overlap"])
    assert run_job("true", options=["--no-overlap"]).returncode == 0
    os.kill(int(ran.stdout), signal.SIGKILL)


def test_a_run_that_was_killed_is_counted_as_failed_by_the_next(start_job, run_job, read_job, processes_of) -> None:
    job = start_job("sh", "-c", "echo ready; exec sleep 60")
    command, _ = processes_of(job)
    job.kill()
    job.wait(SECONDS)
    os.kill(command, signal.SIGKILL)
    assert read_job()["workflow_executions_running"] == 1
    run_job("true")
    values = read_job()
    assert (values["workflow_executions_running"], values["workflow_executions_total failed"]) == (0, 1)
