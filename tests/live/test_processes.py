"""Groups of real processes: their values, and those of process-exporter on the same machine at the same time."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from deckwatch.provisioning.program import Program, free_port

pytestmark = pytest.mark.live

WORK = """
import os, sys, time
held = open(os.devnull), open(os.devnull)
memory = bytearray(48 << 20)
begun = time.process_time()
while time.process_time() - begun < 0.5: pass
with open(sys.argv[1], "wb") as file:
    file.write(memory[:8 << 20]); file.flush(); os.fsync(file.fileno())
print("done", flush=True)
time.sleep(120)
"""
# Groups are of the whole machine, where several runs of this file may be at work at a time.
WORD = f"deck{secrets.token_hex(4)}"
PEER_CONFIGURATION = f"""
process_names:
  - name: "deck-{{{{.Matches.kind}}}}"
    cmdline: ['{WORD}_(?P<kind>[a-z]+)']
"""
GROUPS = f"groups: [{{name: 'deck-{{kind}}', cmdline: '{WORD}_(?P<kind>[a-z]+)'}}]"


@contextlib.contextmanager
def working(tmp_path, kind: str):
    """Run a process with `WORD_KIND` in its command line, from the moment at which its work is done."""
    script = tmp_path / f"{WORD}_{kind}.py"
    script.write_text(WORK)
    command = [sys.executable, str(script), str(tmp_path / f"{kind}.data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"done\n"
            yield process
        finally:
            process.kill()


def series(metric: str, group: str, **labels: str) -> str:
    pairs = ",".join(f'{key}="{value}"' for key, value in {"groupname": group, **labels}.items())
    return f"namedprocess_namegroup_{metric}{{{pairs}}}"


def test_a_process_is_counted_and_its_counters_stay_after_its_end(tmp_path, watch_sources):
    watched = watch_sources(f"  processes: {{top: 50, {GROUPS}}}\n")
    watched.page()
    before = time.time()
    with working(tmp_path, "mail") as process:
        time.sleep(1.2)
        page, elapsed = watched.page(), time.time() - before
        assert page[series("num_procs", "deck-mail")] == 1
        cpu = sum(page[series("cpu_seconds_total", "deck-mail", mode=mode)] for mode in ("user", "system"))
        assert 0.45 < cpu < 1.5
        assert page[series("memory_bytes", "deck-mail", memtype="resident")] > 48 << 20
        assert page[series("write_bytes_total", "deck-mail")] >= 0
        assert page[series("open_filedesc", "deck-mail")] == len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
        assert before - 1 < page[series("oldest_start_time_seconds", "deck-mail")] < time.time() + 1
        (name,) = (each for each in page if each.startswith("deckwatch_top_memory_bytes") and f"{WORD}_mail.py" in each)
        assert page[name] > 48 << 20
        (name,) = (each for each in page if each.startswith("deckwatch_top_cpu_cores") and f"{WORD}_mail.py" in each)
        assert 0.4 < page[name] * elapsed < 1.5  # its CPU seconds, over the time between the two pages
    after = watched.page()
    user = series("cpu_seconds_total", "deck-mail", mode="user")
    assert after[series("num_procs", "deck-mail")] == 0
    assert after[user] == page[user]
    assert not watched.errors()


def test_proportional_memory_is_read_only_if_it_is_asked_for(tmp_path, watch_sources):
    with working(tmp_path, "mail"):
        watched = watch_sources(f"  processes: {{top: 0, smaps: 1m, {GROUPS}}}\n")
        page, deadline = watched.page(), time.monotonic() + 10
        proportional = series("memory_bytes", "deck-mail", memtype="proportionalResident")
        while proportional not in page and time.monotonic() < deadline:
            time.sleep(0.2)
            page = watched.page()
        assert 48 << 20 < page[proportional] <= page[series("memory_bytes", "deck-mail", memtype="resident")]
        (tmp_path / "without").mkdir()
        without = watch_sources(f"  processes: {{top: 0, {GROUPS}}}\n", folder=tmp_path / "without")
        assert not [key for key in without.page() if "proportional" in key]


def sort_labels(key: str) -> str:
    name, _, pairs = key.removesuffix("}").partition("{")
    return f"{name}{{{','.join(sorted(pairs.split(',')))}}}"


def peer_page(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    found = (line.rpartition(" ") for line in lines if "{" in line and not line.startswith("#"))
    return {sort_labels(key): float(value) for key, _, value in found}


@contextlib.contextmanager
def process_exporter(need, tmp_path):
    """Run process-exporter on the groups `deck-…`; its address."""
    names = ("process-exporter", "prometheus-process-exporter")
    program = need(*names, get="apt-get install prometheus-process-exporter")
    (tmp_path / "peer.yml").write_text(PEER_CONFIGURATION)
    url = f"http://127.0.0.1:{free_port()}/metrics"
    options = ("-config.path", str(tmp_path / "peer.yml"), f"-web.listen-address={url[7:].partition('/')[0]}")
    server = Program("process-exporter", (program, *options), tmp_path / "peer.log", url, end_with_parent=True)
    server.start().wait_ready(60)
    try:
        yield url
    finally:
        server.stop()


def test_the_values_are_those_of_process_exporter(need, tmp_path, watch_sources):
    watched = watch_sources(f"  processes: {{top: 0, {GROUPS}}}\n")
    with process_exporter(need, tmp_path) as url:
        watched.page()
        peer_page(url)
        # The peer knows starts to a second or two, and takes what began just after its own start for older.
        time.sleep(3.0)
        with working(tmp_path, "mail"), working(tmp_path, "pdf"):
            time.sleep(0.5)
            before, page, after = peer_page(url), watched.page(), peer_page(url)
    ours = {sort_labels(key): value for key, value in page.items()}
    compared = [
        key for key in before if key in after and key.startswith("namedprocess_namegroup_") and "thread" not in key
    ]
    compared = [key for key in compared if "proportional" not in key]
    assert len(compared) >= 2 * 19
    missing = [key for key in compared if key not in ours]
    assert not missing
    # Processes work meanwhile: our value lies between theirs before and after it.
    different = {}
    for key in compared:
        low, high = sorted((before[key], after[key]))
        slack = 0.05 * high + (0.05 if "seconds" in key else 2)
        if not low - slack <= ours[key] <= high + slack:
            different[key] = (low, ours[key], high)
    assert not different


THREADED = """
import os, sys, threading
# WORD_threaded
begin, ends, finished = threading.Event(), threading.Event(), threading.Barrier(4)
def work(path):
    with open("/proc/thread-self/comm", "w") as file: file.write(path.rpartition("-")[2])
    begun.wait()
    begin.wait()
    import time
    until = time.thread_time() + 0.4
    while time.thread_time() < until: pass
    with open(path, "wb") as file:
        file.write(bytes(4 << 20)); file.flush(); os.fsync(file.fileno())
    finished.wait()
    ends.wait()
begun = threading.Barrier(4)
for name in ("first-mill", "second-mill", "third-press"):
    threading.Thread(target=work, args=(sys.argv[1] + name,), daemon=True).start()
begun.wait()
print("ready", flush=True)
sys.stdin.readline()
begin.set()
finished.wait()
print("done", flush=True)
sys.stdin.readline()
"""


def test_the_threads_are_those_of_process_exporter(need, tmp_path, watch_sources):
    argv = [sys.executable, "-c", THREADED.replace("WORD", WORD), str(tmp_path / "file-")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"ready\n"
            watched = watch_sources(f"  processes: {{top: 0, threads: 5, {GROUPS}}}\n")
            with process_exporter(need, tmp_path) as url:
                peer_page(url)
                watched.page()
                peer_page(url)  # at its first reading of a thread it counts nothing
                process.stdin.write(b"\n")
                process.stdin.flush()
                assert process.stdout.readline() == b"done\n"
                page, theirs = watched.page(), peer_page(url)
        finally:
            process.kill()
    ours = {sort_labels(key): value for key, value in page.items() if "_thread_" in key}
    compared = {key: value for key, value in theirs.items() if "_namegroup_thread_" in key}
    assert ours.keys() == compared.keys()
    assert len(ours) == 3 * 9  # mill, press and the main thread
    different = {
        key: (ours[key], value)
        for key, value in compared.items()
        if abs(ours[key] - value) > 0.05 * value + (0.03 if "seconds" in key else 2)
    }
    assert not different
    mill = {"threadname": "mill"}
    cpu = [series("thread_cpu_seconds_total", "deck-threaded", mode=mode, **mill) for mode in ("user", "system")]
    assert 0.7 < sum(ours[sort_labels(key)] for key in cpu) < 1.5
    assert ours[sort_labels(series("thread_count", "deck-threaded", **mill))] == 2
    assert not watched.errors()


def test_the_largest_user_of_a_container_has_its_name(engine, watch_sources, eventually):
    engine.run("while :; do :; done", name="shop-web-1")
    watched = watch_sources("  processes: {top: 3}\n")
    watched.world.docker_host = engine.url

    def busy() -> bool:
        time.sleep(1.0)
        page = watched.page()
        return page.get('deckwatch_top_cpu_cores{name="shop-web-1",process="sh"}', 0) > 0.1

    eventually(busy)
    assert not watched.errors()
