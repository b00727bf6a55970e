"""The host's figures beside what other programs say of it, under known loads, within 5 %."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.request
from datetime import datetime
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

MEGA = 1 << 20
# What `free` calls it, and our metrics that make it up.
FREE = {
    "total": ("node_memory_MemTotal_bytes",),
    "free": ("node_memory_MemFree_bytes",),
    "shared": ("node_memory_Shmem_bytes",),
    "buff/cache": ("node_memory_Buffers_bytes", "node_memory_Cached_bytes", "node_memory_SReclaimable_bytes"),
    "available": ("node_memory_MemAvailable_bytes",),
    "swap total": ("node_memory_SwapTotal_bytes",),
    "swap free": ("node_memory_SwapFree_bytes",),
}
# What `df` calls it, our metric, and how much counts as a difference where there is nearly nothing.
DF = {
    "size": ("node_filesystem_size_bytes", 0),
    "avail": ("node_filesystem_avail_bytes", MEGA),
    "itotal": ("node_filesystem_files", 0),
    "iavail": ("node_filesystem_files_free", 10),
}


@pytest.fixture
def host(exporting):
    return exporting("--docker-host", "unix:///nonexistent")


def test_memory_is_what_free_says(host, run_program, between, agrees):
    def free() -> dict[str, int]:
        head, memory, swap = (line.split() for line in run_program("free", "--bytes").splitlines())
        found = dict(zip(head, map(int, memory[1:]), strict=True))
        return found | {"swap total": int(swap[1]), "swap free": int(swap[3])}

    def reading() -> dict[str, object]:
        before, page, after = free(), host.page("host_memory"), free()
        ours = {name: sum(page.value(metric) for metric in metrics) for name, metrics in FREE.items()}
        return {
            name: (before[name], ours[name], after[name])
            for name in FREE
            if not between(ours[name], before[name], after[name], MEGA)
        }

    agrees(reading)  # other programs take and give back memory between the readings


def test_memory_that_is_taken_is_counted(host, run_program, agrees):
    """A file of 200 MB that lies in memory alone."""
    size = 200 * MEGA
    file = Path("/dev/shm") / f"deckwatch-{os.getpid()}"

    def reading() -> dict[str, object]:
        before = host.page("host_memory").value("node_memory_Shmem_bytes")
        try:
            run_program("dd", "if=/dev/zero", f"of={file}", "bs=1M", f"count={size // MEGA}")
            during = host.page("host_memory").value("node_memory_Shmem_bytes")
        finally:
            file.unlink(missing_ok=True)
        return {} if during - before == pytest.approx(size, rel=0.05) else {"taken": during - before}

    agrees(reading)  # other programs share memory too


def test_file_systems_are_as_df_says(host, run_program, between, agrees, tmp_path):
    """A file system of 64 MB that holds a file of 20 MB, and whatever else is mounted."""
    point = tmp_path / "known"
    point.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "known", str(point)], check=False)

    def df() -> dict[str, dict[str, int]]:
        lines = run_program("df", "-B1", f"--output={','.join(DF)},target").splitlines()[1:]
        rows = {line.split(maxsplit=4)[4]: line.split()[:4] for line in lines}
        return {target: dict(zip(DF, map(int, row), strict=True)) for target, row in rows.items() if "-" not in row}

    def reading() -> dict[str, object]:
        before, page, after = df(), host.page("host_filesystem"), df()
        shown = {labels["mountpoint"] for labels, _ in page.series["node_filesystem_size_bytes"]}
        both = shown & set(before) & set(after)
        assert "/" in both
        return {
            f"{target} {name}": (before[target][name], page.value(metric, mountpoint=target), after[target][name])
            for target in both
            for name, (metric, least) in DF.items()
            if not between(page.value(metric, mountpoint=target), before[target][name], after[target][name], least)
        }

    try:
        agrees(reading)  # other programs write between the readings
        if mounted.returncode == 0:
            (point / "file").write_bytes(b"x" * 20 * MEGA)
            page = host.page("host_filesystem")
            size = page.value("node_filesystem_size_bytes", mountpoint=str(point))
            free = page.value("node_filesystem_avail_bytes", mountpoint=str(point))
            assert (size, size - free) == pytest.approx((64 * MEGA, 20 * MEGA), rel=0.01)
            assert page.value("node_filesystem_files", mountpoint=str(point)) - page.value(
                "node_filesystem_files_free", mountpoint=str(point)
            ) == pytest.approx(2)
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(point)], check=True)


def test_load_and_uptime_are_what_uptime_and_the_kernel_say(host, run_program, between, agrees):
    names = ("node_load1", "node_load5", "node_load15")

    def uptime() -> list[float]:
        found = re.search(r"load average: ([\d.]+), ([\d.]+), ([\d.]+)", run_program("uptime"))
        assert found
        return [float(one) for one in found.groups()]

    def reading() -> dict[str, object]:
        before, page, after = uptime(), host.page("host_load"), uptime()
        proc = [float(one) for one in Path("/proc/loadavg").read_text().split()[:3]]
        ours = [page.value(name) for name in names]
        good = all(between(*three, 0.01) for three in zip(ours, before, after, strict=True))
        good &= all(between(*three, 0.01) for three in zip(ours, before, proc, strict=True))
        return {} if good else {"loads": (before, ours, after, proc)}

    agrees(reading)  # the kernel counts anew every 5 seconds

    page = host.page("host_stat", "host_time")
    booted = datetime.strptime(run_program("uptime", "--since").strip(), "%Y-%m-%d %H:%M:%S").astimezone()
    assert page.value("node_boot_time_seconds") == pytest.approx(booted.timestamp(), abs=2)
    up = float(Path("/proc/uptime").read_text().split()[0])
    assert page.value("node_time_seconds") - page.value("node_boot_time_seconds") == pytest.approx(up, abs=2, rel=0.001)


def test_every_second_of_a_cpu_is_counted_once(host, agrees):
    """What a CPU does is one of the modes at each moment: all together are the time that passed."""

    def modes(page) -> dict[str, float]:
        sums: dict[str, float] = {}
        for labels, value in page.series["node_cpu_seconds_total"]:
            sums[labels["cpu"]] = sums.get(labels["cpu"], 0.0) + value
        return sums

    def reading() -> dict[str, object]:
        start, before = time.monotonic(), modes(host.page("host_cpu"))
        time.sleep(4)
        passed, after = time.monotonic() - start, modes(host.page("host_cpu"))
        off = {cpu: after[cpu] - before[cpu] for cpu in before}
        return {cpu: (spent, passed) for cpu, spent in off.items() if spent != pytest.approx(passed, rel=0.05)}

    agrees(reading)  # between the clock's reading and the page's, others may have the CPU


def test_work_in_user_mode_is_counted_as_such(host):
    """A program that says how long it computed; others may have computed besides."""
    work = "import resource\nwhile resource.getrusage(resource.RUSAGE_SELF).ru_utime < 2: sum(range(100_000))\n"
    work += "print(resource.getrusage(resource.RUSAGE_SELF).ru_utime)"
    before = host.page("host_cpu").values("node_cpu_seconds_total", mode="user")
    spent = float(subprocess.run([sys.executable, "-c", work], capture_output=True, text=True, check=True).stdout)
    after = host.page("host_cpu").values("node_cpu_seconds_total", mode="user")
    assert spent >= 2
    assert sum(after) - sum(before) > spent * 0.95


def test_what_dd_writes_is_what_the_disk_wrote(host, tmp_path, run_program, agrees):
    number = tmp_path.stat().st_dev
    link = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    if not link.exists():
        pytest.skip("the folder of tests is not on a disk")
    device, size = link.resolve().name, 64 * MEGA
    file = tmp_path / "file"

    def written() -> tuple[float, float]:
        page = host.page("host_disk")
        return (
            page.value("node_disk_written_bytes_total", device=device),
            page.value("node_disk_writes_completed_total", device=device),
        )

    def reading() -> dict[str, object]:
        before = written()
        run_program("dd", "if=/dev/zero", f"of={file}", "bs=1M", f"count={size // MEGA}", "oflag=direct", "conv=fsync")
        grown = written()[0] - before[0]
        assert written()[1] > before[1]
        return {} if grown == pytest.approx(size, rel=0.05) else {device: grown}

    agrees(reading, times=20)  # others write to the same disk


@pytest.fixture
def wire(need, tmp_path):
    """A wire from this host to a network of its own, where a file of 20 MB is served."""
    ip = need("ip", get="apt-get install iproute2")
    name, ours, theirs = "deckwatch-test", "dwt-near", "dwt-far"
    subprocess.run([ip, "netns", "delete", name], check=False, capture_output=True)  # of a run that was killed
    made = subprocess.run([ip, "netns", "add", name], check=False, capture_output=True)
    need.luck(made.returncode == 0, "this machine lets nobody make a network namespace")
    with contextlib.ExitStack() as undo:
        undo.callback(subprocess.run, [ip, "netns", "delete", name], check=True)
        for command in (
            f"link add {ours} type veth peer name {theirs} netns {name}",
            f"address add 198.18.0.1/30 dev {ours}",
            f"link set {ours} up",
            f"-n {name} address add 198.18.0.2/30 dev {theirs}",
            f"-n {name} link set {theirs} up",
        ):
            subprocess.run([ip, *command.split()], check=True)
        (tmp_path / "file").write_bytes(b"x" * 20 * MEGA)
        inside = [ip, "netns", "exec", name, sys.executable, "-m", "http.server", "8000", "--directory", str(tmp_path)]
        server = undo.enter_context(subprocess.Popen(inside, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        undo.callback(server.terminate)
        yield ours, "http://198.18.0.2:8000/file"


def test_a_download_is_what_the_interface_received(wire, host, eventually):
    device, url = wire
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def download() -> int:
        try:
            with opener.open(url, timeout=20) as answer:
                return len(answer.read())
        except OSError:
            return 0  # the server is not up yet

    eventually(download)
    before = host.page("host_network").value("node_network_receive_bytes_total", device=device)
    size = download()
    assert size == 20 * MEGA
    after = host.page("host_network").value("node_network_receive_bytes_total", device=device)
    assert after - before == pytest.approx(size, rel=0.05)  # with the packets' headers
