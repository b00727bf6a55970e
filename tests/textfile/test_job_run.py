"""`deckwatch job run`: the command notices nothing of it, and its metrics go on from run to run."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from deckwatch.provisioning.program import free_port as find_port
from deckwatch.textfile import job_run, process_identity
from deckwatch.textfile.job_record import JobRecord, Run, parse_record

DECKWATCH = Path(sys.executable).with_name("deckwatch")
SECONDS = 30


@pytest.mark.parametrize("code", [0, 1, 2, 42, 75, 125, 126, 127, 130, 255])
def test_the_exit_code_is_unchanged(run_job, code, read_job) -> None:
    assert run_job("sh", "-c", f"exit {code}").returncode == code
    assert read_job()["workflow_last_exit_code"] == code
    assert read_job()[f"workflow_executions_total {'failed' if code else 'succeeded'}"] == 1


def test_streams_arguments_environment_and_descriptors_are_unchanged(run_job, tmp_path) -> None:
    data = bytes(range(256)) * 5000
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as there:
        code = 'cat; echo "$1" "$OWN" >&2; pwd >&' + str(write_end)
        ran = run_job(
            "bash", "-c", code, "bash", "a  b\n*", input=data, env=_environment(tmp_path), pass_fds=[write_end]
        )
        os.close(write_end)
        assert there.read().strip() == str(Path.cwd())
    assert ran.stdout == data
    assert ran.stderr == b"a  b\n* \xe9\n"


def _environment(tmp_path):
    return os.environ | {"OWN": "\udce9", "DECKWATCH_PROJECT": str(tmp_path)}


def test_without_a_locale_as_under_cron_the_environment_is_unchanged(job_folder) -> None:
    words = [DECKWATCH, "job", "run", "--name", "a", "--textfile", job_folder, "env"]
    given = {"PATH": os.environ["PATH"], "HOME": "/root"}
    shown = subprocess.run(words, env=given, capture_output=True, check=True, text=True).stdout
    assert dict(line.split("=", 1) for line in shown.splitlines()) == given
    given["LC_CTYPE"] = "C.UTF-8"
    shown = subprocess.run(words, env=given, capture_output=True, check=True, text=True).stdout
    assert dict(line.split("=", 1) for line in shown.splitlines()) == given


def test_options_of_the_command_need_no_dashes(job_folder) -> None:
    words = [DECKWATCH, "job", "run", "--name", "a", "--textfile", job_folder, "echo", "--name", "-x", "--help"]
    assert subprocess.run(words, capture_output=True, check=True).stdout == b"--name -x --help\n"


def test_a_command_that_cannot_start(run_job, tmp_path, read_job) -> None:
    ran = run_job("no-such-command")
    assert (ran.returncode, ran.stderr) == (127, b"deckwatch: no-such-command: No such file or directory\n")
    (tmp_path / "plain").write_text("echo plain")
    assert run_job(tmp_path / "plain").returncode == 126
    (tmp_path / "plain").chmod(0o755)
    assert run_job(tmp_path / "plain", "x").stdout == b"plain\n"  # without #!, as from a shell
    assert read_job()["workflow_executions_total failed"] == 2
    assert read_job()["workflow_executions_total succeeded"] == 1


def test_counters_and_the_last_success_survive_failures(run_job, read_job) -> None:
    for code in (0, 0, 1, 3):
        run_job("sh", "-c", f"sleep 0.1; exit {code}", options=["--every", "24h"])
        if not code:
            success = read_job()["workflow_last_success_timestamp_seconds"]
    values = read_job()
    assert values["workflow_executions_total succeeded"] == 2
    assert values["workflow_executions_total failed"] == 2
    assert values["workflow_executions_total cancelled"] == 0
    assert values["workflow_execution_duration_seconds_count"] == 4
    assert values["workflow_execution_duration_seconds_bucket 0.1"] == 0
    assert values["workflow_execution_duration_seconds_bucket 5"] == 4
    assert values["workflow_execution_duration_seconds_bucket +Inf"] == 4
    assert 0.4 <= values["workflow_execution_duration_seconds_sum"] < 10
    assert values["workflow_last_success_timestamp_seconds"] == success
    assert success < values["workflow_last_start_timestamp_seconds"] < values["workflow_last_end_timestamp_seconds"]
    assert values["workflow_last_end_timestamp_seconds"] <= time.time()
    assert values["workflow_expected_interval_seconds"] == 86400


def test_a_job_that_never_succeeded_has_no_last_success(run_job, read_job) -> None:
    run_job("false")
    assert "workflow_last_success_timestamp_seconds" not in read_job()


def test_other_exit_codes_can_mean_success(run_job, read_job) -> None:
    options = ["--success-code", "0", "--success-code", "24"]
    assert run_job("sh", "-c", "exit 24", options=options).returncode == 24
    assert read_job()["workflow_executions_total succeeded"] == 1


def test_the_size_of_the_output(run_job, tmp_path, read_job) -> None:
    (tmp_path / "dumps").mkdir()
    old = tmp_path / "dumps" / "old.sql"
    old.write_text("x" * 500)
    os.utime(old, (1, 1))
    options = ["--output", tmp_path / "dumps", "--output", f"{tmp_path}/*.log", "--output", tmp_path / "dumps/new.sql"]
    run_job("sh", "-c", f"printf %100s > {tmp_path}/dumps/new.sql; printf %7s > {tmp_path}/a.log", options=options)
    assert read_job()["workflow_last_output_bytes"] == 107
    os.utime(tmp_path / "dumps" / "new.sql", (1, 1))
    os.utime(tmp_path / "a.log", (1, 1))
    run_job("true", options=options)
    assert read_job()["workflow_last_output_bytes"] == 0


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null/x"])
def test_a_folder_that_cannot_be_written_does_not_fail_the_job(run_job, place) -> None:
    ran = run_job("sh", "-c", "echo out; exit 3", options=["--textfile", place])
    assert (ran.returncode, ran.stdout) == (3, b"out\n")
    lines = ran.stderr.decode().splitlines()
    assert len(lines) == 2
    assert all(re.match(r"deckwatch: the metrics are incomplete: \S+ cannot be written: ", line) for line in lines)


def test_a_full_disk_does_not_fail_the_job(run_job, job_folder) -> None:
    ran = run_job("sh", "-c", "echo out; exit 3", preexec_fn=_forbid_large_files)
    assert (ran.returncode, ran.stdout) == (3, b"out\n")
    assert b"the metrics are incomplete" in ran.stderr
    assert not list(job_folder.glob("*.prom"))


def _forbid_large_files():
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))


def test_a_hung_file_system_does_not_hold_up_the_job(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setattr(job_run, "_RECORD_SECONDS", 0.1)
    job_run._try_within(lambda: time.sleep(5))
    assert "has not answered" in capsys.readouterr().err


def test_a_damaged_file_is_replaced_with_a_note(run_job, job_folder, read_job) -> None:
    run_job("true")
    (job_folder / "job@backup@default.prom").write_text("\x00 garbage {")
    ran = run_job("true")
    assert ran.returncode == 0
    assert b"is replaced, and its counters start again" in ran.stderr
    assert read_job()["workflow_executions_total succeeded"] == 1


def test_a_broken_project_does_not_keep_a_job_from_running(run_job, tmp_path) -> None:
    (tmp_path / "deckwatch.yaml").write_text("watch: [")
    assert run_job("echo", "ran", cwd=tmp_path).stdout == b"ran\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--every", "soon"], b"'soon' is not a duration"),
        (["--evrey", "1h"], b"No such option"),
        (["--listen", "nowhere"], b"is not an address such as"),
        (["--success-code", "300"], b"300 is not in the range"),
        (["--name", " "], b"the name is empty"),
    ],
)
def test_a_mistake_in_our_options_has_its_own_exit_code(run_job, options, message) -> None:
    ran = run_job("echo", "ran", options=options)
    assert (ran.returncode, ran.stdout) == (125, b"")
    assert message in ran.stderr


def test_standard_error_may_be_closed() -> None:
    words = f"exec 2>&-; {DECKWATCH} job run --name a --textfile /proc/nowhere -- sh -c 'exit 4'"
    assert subprocess.run(["bash", "-c", words], check=False).returncode == 4


def test_a_page_while_the_job_runs(wait_until) -> None:
    port = find_port()
    words = [DECKWATCH, "job", "run", "--name", "a", "--listen", f"127.0.0.1:{port}", "--linger", "20s"]
    job = subprocess.Popen([*words, "--", "sh", "-c", "echo ready; read line; exit 5"], stdin=-1, stdout=-1, stderr=-1)
    assert job.stdout.readline() == b"ready\n"
    url = f"http://127.0.0.1:{port}/metrics"
    page = urllib.request.urlopen(url, timeout=SECONDS).read().decode()
    assert 'workflow_executions_running{tenant="default",workflow="a"} 1' in page
    job.stdin.write(b"\n")
    job.stdin.flush()
    wait_until(lambda: b'failed"} 1' in urllib.request.urlopen(url, timeout=SECONDS).read())
    job.terminate()
    assert job.communicate(timeout=SECONDS) == (b"", b"")
    assert job.returncode == 5


def test_a_port_that_is_taken_does_not_fail_the_job(run_job) -> None:

    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = run_job("echo", "ran", options=["--listen", f"127.0.0.1:{taken.getsockname()[1]}"])
    assert (ran.returncode, ran.stdout) == (0, b"ran\n")
    assert b"cannot listen on 127.0.0.1" in ran.stderr


def test_names_are_labels_and_files_of_their_own(job_folder) -> None:
    for name, tenant in (("a/b", "x"), ("a_b", "x"), ("a/b", "y"), ('ü"\n', "")):
        words = ["--name", name, "--tenant", tenant, "--textfile", job_folder, "true"]
        subprocess.run([DECKWATCH, "job", "run", *words], check=True)
    files = sorted(job_folder.glob("*.prom"))
    assert len(files) == 4
    text = "".join(path.read_text() for path in files)
    assert '{tenant="y",workflow="a/b",status="succeeded"} 1' in text
    assert '{workflow="ü\\"\\n",status="succeeded"} 1' in text


def test_promtool_finds_no_fault(run_job, job_folder, need) -> None:
    need("promtool", get="apt-get install prometheus")
    run_job("true", options=["--every", "1h", "--output", job_folder])
    page = (job_folder / "job@backup@default.prom").read_bytes()
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_buckets_of_another_version_are_kept() -> None:
    text = "\n".join(
        f'workflow_execution_duration_seconds_bucket{{workflow="a",le="{bound}"}} {count}'
        for bound, count in (("5", 2), ("42", 3), ("60", 5), ("+Inf", 6))
    )
    record = parse_record(text, "a", "")
    assert sum(record.buckets) == 6
    assert parse_record(record.render(), "a", "").buckets == record.buckets


def test_a_run_before_a_restart_of_the_machine_has_ended() -> None:
    own = process_identity.identify(os.getpid())
    record = JobRecord("a", "")
    record.runs = [Run(own._replace(boot="another"), 1.0), Run(own._replace(start="1"), 1.0), Run(own, 1.0)]
    record = parse_record(record.render(), "a", "")
    record.start_run(Run(own, 2.0))
    assert len(record.runs) == 2
    assert record.executions["failed"] == 2


def test_a_run_in_another_container_may_still_run() -> None:
    other = process_identity.identify(os.getpid())._replace(namespace="pid:[1]")
    record = JobRecord("a", "")
    record.runs = [Run(other, time.time() - 3600), Run(other._replace(pid=7), time.time() - 30 * 86400)]
    record.start_run(Run(process_identity.identify(os.getpid()), time.time()))
    assert [run.process.pid for run in record.runs] == [other.pid, os.getpid()]
    assert record.executions["failed"] == 1


def test_it_imports_little() -> None:
    """A cron job every minute on a small machine should not load the exporter or a YAML parser."""
    code = (
        "import sys, json\n"
        "sys.argv = ['deckwatch', 'job', 'run', '--name', 'a', '--textfile', '/proc/nowhere', 'true']\n"
        "from deckwatch.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(json.dumps(sorted(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    modules = set(json.loads(ran.stdout))
    assert modules & {"yaml", "prometheus_client", "deckwatch.exporter", "http.server", "ssl", "jsonschema_rs"} == set()
