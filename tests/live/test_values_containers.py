"""Containers' figures beside what `docker stats` says, and under known loads, within 5 %."""

from __future__ import annotations

import json
import re
import time

import pytest

pytestmark = pytest.mark.live

MEGA = 1 << 20
# The units of `docker stats`: of memory by 1024, of all else by 1000.
UNITS = {"B": 1, "kB": 10**3, "KiB": 1 << 10, "MB": 10**6, "MiB": 1 << 20, "GB": 10**9, "GiB": 1 << 30}
FILE = "/tmp/file"  # in the container
QUOTA, PERIOD = 1_000, 20_000  # of CPU time, in millionths of a second


@pytest.fixture
def exporter(engine, exporting):
    return exporting("--docker-host", engine.url)


@pytest.fixture
def stats(engine, need, run_program):
    """What `docker stats` says of a container: shares in percent, sizes in bytes."""
    docker = need("docker", get="apt-get install docker.io")

    def read(name: str) -> dict[str, float]:
        [line] = run_program(
            docker, "-H", engine.url, "stats", "--no-stream", "--format", "{{json .}}", name
        ).splitlines()
        row = json.loads(line)
        used, limit = map(size, row["MemUsage"].split(" / "))
        received, sent = map(size, row["NetIO"].split(" / "))
        read, written = map(size, row["BlockIO"].split(" / "))
        return {
            "cpu": float(row["CPUPerc"].removesuffix("%")),
            "memory": float(row["MemPerc"].removesuffix("%")),
            "used": used,
            "limit": limit,
            "received": received,
            "sent": sent,
            "read": read,
            "written": written,
            "pids": float(row["PIDs"]),
        }

    return read


def size(text: str) -> float:
    found = re.fullmatch(r"([\d.]+)([kKMG]?i?B)", text)
    assert found, text
    return float(found[1]) * UNITS[found[2]]


def shown(page, name: str, container: str, **labels: str) -> float:
    return page.value(f"container_{name}", name=container, **labels)


def test_memory_that_a_container_holds(engine, exporter, stats, agrees, between):
    """50 MB of its own and a file of 30 MB in the page cache, under a limit of 128 MB."""
    hold = f"dd if=/dev/zero bs={50 * MEGA} count=1 2>/dev/null | sleep 1000"
    # The machine may take the file's pages away at any time.
    cache = f"dd if=/dev/zero of={FILE} bs=1M count=30 conv=fsync; while :; do cat {FILE} >/dev/null; sleep 1; done"
    engine.run(f"{hold} & {cache}", name="holder", mem_limit="128m")
    known = {"rss": 50 * MEGA, "cache": 30 * MEGA, "usage_bytes": 80 * MEGA}

    def reading() -> dict[str, object]:
        before, page, after = stats("holder"), exporter.page("container"), stats("holder")
        if not page.values("container_memory_rss", name="holder"):
            return {"holder": "not seen yet"}
        found = {name: (shown(page, f"memory_{name}", "holder"), size) for name, size in known.items()}
        differs = {name: pair for name, pair in found.items() if pair[0] != pytest.approx(pair[1], rel=0.05)}
        assert shown(page, "spec_memory_limit_bytes", "holder") == before["limit"] == 128 * MEGA
        # What Docker calls used is what cAdvisor calls the working set.
        working_set = shown(page, "memory_working_set_bytes", "holder")
        if not between(working_set, before["used"], after["used"]):
            differs["working set"] = before["used"], working_set, after["used"]
        share = 100 * working_set / (128 * MEGA)
        if not between(share, before["memory"], after["memory"]):
            differs["share"] = before["memory"], share, after["memory"]
        if shown(page, "processes", "holder") != before["pids"]:
            differs["processes"] = shown(page, "processes", "holder"), before["pids"]
        return differs

    agrees(reading, times=15)  # it must have come so far, and the kernel adds its CPUs' figures up every two seconds


def test_cpu_time_is_what_the_program_itself_says(engine, exporter, eventually):
    """Some seconds of work, of which `time` says afterwards how many they were."""
    work = "i=0; while [ $i -lt 2000000 ]; do i=$((i+1)); done; dd if=/dev/zero of=/dev/null bs=1M count=20000"
    container = engine.run(f"time -p sh -c '{work}'; sleep 1000", name="worker")
    eventually(lambda: b"\nsys" in container.logs(), 200)
    user, system = (
        float(one) for one in re.findall(r"^(?:user|sys) ([\d.]+)$", container.logs().decode(), re.MULTILINE)
    )
    assert user + system > 2
    page = exporter.page("container")
    usage = container.stats(stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]
    total = shown(page, "cpu_usage_seconds_total", "worker", cpu="total")
    assert total == pytest.approx(user + system, rel=0.05)
    assert total == pytest.approx(usage["total_usage"] / 1e9, rel=0.05)
    for metric, docker in (("cpu_user", "usage_in_usermode"), ("cpu_system", "usage_in_kernelmode")):
        assert shown(page, f"{metric}_seconds_total", "worker") == pytest.approx(usage[docker] / 1e9, rel=0.05)


@pytest.fixture
def limited(engine, exporter, eventually):
    """A program that would use a whole CPU and may use QUOTA; what gives the moment and figures of it."""
    engine.run("while :; do :; done", name="limited", cpu_quota=QUOTA, cpu_period=PERIOD)
    eventually(lambda: exporter.page("container").values("container_cpu_cfs_periods_total", name="limited"))
    names = ("cpu_usage_seconds_total", "cpu_cfs_periods_total", "cpu_cfs_throttled_periods_total")

    def figures() -> tuple[float, ...]:
        page = exporter.page("container")
        assert shown(page, "spec_cpu_quota", "limited") == QUOTA
        assert shown(page, "spec_cpu_period", "limited") == PERIOD
        return time.monotonic(), *(shown(page, name, "limited") for name in names)

    return figures


def test_what_a_container_uses_of_a_cpu_under_a_quota(limited, between):
    """It uses its quota in each period in which it is held up, and in the others not more than that.

    On a machine with time to spare it is held up in all periods, and they are the time that passed.
    """
    before = limited()
    time.sleep(6)
    passed, spent, periods, throttled = (now - then for now, then in zip(limited(), before, strict=True))
    assert between(spent, throttled * QUOTA / 1e6, periods * QUOTA / 1e6)
    assert periods <= passed * 1e6 / PERIOD * 1.05 + 1


def test_its_share_of_a_cpu_is_what_docker_stats_says(limited, stats, agrees):
    def reading() -> dict[str, object]:
        before = limited()
        docker = stats("limited")["cpu"]
        passed, spent, *_ = (now - then for now, then in zip(limited(), before, strict=True))
        share = 100 * spent / passed
        return {} if share == pytest.approx(docker, rel=0.05) else {"share": (share, docker)}

    agrees(reading, times=15)  # where the machine has more to do, what the container gets changes from second to second


def test_what_dd_reads_and_writes_in_a_container(engine, exporter, stats, eventually):
    disk = engine.disk
    write, read = 64 * MEGA, 16 * MEGA
    script = (
        f"dd if=/dev/zero of={FILE} bs=1M count={write // MEGA} oflag=direct; "
        f"dd if={FILE} of=/dev/null bs=1M count={read // MEGA} iflag=direct; touch /tmp/done"
    )
    # With version 1, kernels from 6.10 on count only once a limit was set on the disk.
    limit = [{"Path": disk, "Rate": 1 << 40}]
    container = engine.run(f"{script}; sleep 1000", name="writer", device_write_bps=limit)
    eventually(lambda: container.exec_run(["test", "-e", "/tmp/done"])[0] == 0, 120)
    page, docker = exporter.page("container"), stats("writer")
    written = shown(page, "fs_writes_bytes_total", "writer", device=disk)
    assert written == pytest.approx(write, rel=0.05)
    assert written == pytest.approx(docker["written"], rel=0.05)
    taken = shown(page, "fs_reads_bytes_total", "writer", device=disk)
    assert taken == pytest.approx(read, rel=0.05)
    assert taken == pytest.approx(docker["read"], rel=0.05)


def test_a_download_from_one_container_to_another(engine, exporter, stats, eventually):
    amount = 40 * MEGA
    script = f"dd if=/dev/zero of={FILE} bs=1M count={amount // MEGA}; exec httpd -f -p 8000 -h /tmp"
    server = engine.run(script, name="server")
    client = engine.run("sleep 1000", name="client")
    server.reload()
    address = server.attrs["NetworkSettings"]["IPAddress"]
    eventually(lambda: client.exec_run(["wget", "-q", "--spider", f"http://{address}:8000/file"])[0] == 0, 60)

    def traffic(name: str, what: str) -> float:
        return shown(exporter.page("container"), f"network_{what}_bytes_total", name, interface="eth0")

    before = traffic("client", "receive"), traffic("server", "transmit")
    code, output = client.exec_run(["wget", "-q", "-O", "/dev/null", f"http://{address}:8000/file"])
    assert code == 0, output
    received, sent = traffic("client", "receive") - before[0], traffic("server", "transmit") - before[1]
    assert received == pytest.approx(amount, rel=0.05)  # with the packets' headers
    assert sent == pytest.approx(amount, rel=0.05)
    assert traffic("client", "receive") == pytest.approx(stats("client")["received"], rel=0.05)
    assert traffic("server", "transmit") == pytest.approx(stats("server")["sent"], rel=0.05)
