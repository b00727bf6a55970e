"""The exporter on a kernel with control groups of version 2 only, beside an engine of each cgroup driver.

It runs as a process of the machine, and in a container as in the Compose file, with namespaces of its own. Its values
are compared with those of the kernel just before and just after.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import io
import os
import re
import shlex
import sys
import tarfile
import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker.errors
import pytest
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("guest")]

SIZE = 32 << 20
EAT = "x=0123456789abcdef; while :; do x=$x$x; done"
WRITE = f"dd if=/dev/zero of=/data/file bs=1M count={SIZE >> 20} conv=fsync"
READ = "dd if=/data/file of=/dev/null bs=1M count=8 iflag=direct"
# All but those that ask the engine what is on its disk.
SIZES = "container_fs, container_images, container_log, container_reclaimable, container_volumes"
PROJECT = f"watch: {{collectors: {{on: [host, container], off: [{SIZES}]}}}}"
GROUPS = {"systemd": "/system.slice/docker-{}.scope", "cgroupfs": "/docker/{}"}
DECKWATCH = Path(sys.executable).with_name("deckwatch")
WORLDS = Path(__file__).parents[1] / "worlds"
AS_ITSELF, SEEN_INSIDE = "debian12-kernel6.1-docker", "debian12-kernel6.1-in-container"

# Cheap where every instruction is emulated; the exporter's own container has it all.
BARE = {"security_opt": ["seccomp=unconfined"]}
ALONE = {**BARE, "network_mode": "none"}


@dataclass
class Page:
    """What the exporter showed; `before` and `after` are the kernel's own values around that."""

    text: str
    before: str = ""
    after: str = ""
    series: defaultdict[str, list[tuple[dict[str, str], float]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self):
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                self.series[sample.name].append((sample.labels, sample.value))

    def value(self, metric: str, **labels: str) -> float:
        """Return the value of the one series with these labels."""
        [value] = [value for found, value in self.series[metric] if labels.items() <= found.items()]
        return value

    def ids(self) -> dict[str, str]:
        """Return the path of each container that has memory figures, by its name."""
        containers = [labels for labels, _ in self.series["container_memory_usage_bytes"] if "name" in labels]
        return {labels["name"]: labels["id"] for labels in containers}  # without the machine, whose id is /

    def agrees(self, pattern: str, unit: float, metric: str, **labels: str) -> bool:
        """Whether a counter is between the kernel's values before and after."""
        least, most = (float(re.search(pattern, reading)[1]) * unit for reading in (self.before, self.after))
        return least <= self.value(metric, **labels) <= most


@dataclass
class Busy:
    """The guest with containers that did something, by name and id, and pages of the exporter in it."""

    guest: Any
    ids: dict[str, str]
    traffic: int  # what one of them sent

    def page(self, read: Callable[[], str]) -> Page:
        group = f"/sys/fs/cgroup{GROUPS['systemd'].format(self.ids['web'])}"
        script = f"cat {group}/cpu.stat; sed s/^/group-cpu-/ {group}/cpu.pressure; sed s/^/cpu-/ /proc/pressure/cpu; "
        script += "cat /proc/diskstats /proc/net/dev"
        # A reading that came too late for its page is no fault where everything takes twenty times as long.
        for _ in range(8):
            before, text = self.guest.sh(script), read()
            page = Page(text, before, self.guest.sh(script))
            if not failed(page):
                break
        return page


@pytest.fixture(scope="module")
def busy(guest) -> Iterator[Busy]:
    """The exporter as a process of the guest, and containers that are started after it."""
    guest.sh(f"mkdir -p /run/project; echo {shlex.quote(PROJECT)} >/run/project/deckwatch.yaml")
    serve = f"{DECKWATCH} --project=/run/project serve --listen=0.0.0.0:9877 --docker-host=unix:///run/systemd.sock"
    with guest.service(serve):
        yield start_containers(guest)
        for engine in guest.engines.values():
            for container in engine.client.containers.list(all=True):
                container.remove(force=True)


def start_containers(guest) -> Busy:
    engine = guest.engines["systemd"]
    guest.wait("busybox wget -q -O /dev/null http://127.0.0.1:9877/readyz")
    state = "http://127.0.0.1:9877/metrics?collect[]=container_state"
    watches = 'deckwatch_collector_success{collector="container_state"} 1$'
    guest.wait(f"busybox wget -q -O - '{state}' | grep -q '{watches}'")
    # One twentieth of a CPU: it is throttled, and leaves the rest to the others.
    busy_loop = {"script": "while :; do :; done", "name": "web", "cpu_period": 20_000, "cpu_quota": 1_000, **ALONE}
    guest.engines["cgroupfs"].run(**busy_loop, mem_limit="32m")
    web = engine.run(**busy_loop, mem_limit="64m")
    db = engine.run(f"{WRITE}; {READ}; exec httpd -f -h /data", name="db", volumes=["/srv/data:/data"], **BARE)
    killed = engine.run(EAT, name="killed", mem_limit="16m", **ALONE)
    eat = f"sh -c {shlex.quote(EAT)}"
    greedy = engine.run(f"{eat}; {eat}; exec sleep 10000", name="greedy", mem_limit="16m", **ALONE)
    db.reload()
    url = f"http://{db.attrs['NetworkSettings']['IPAddress']}/file"
    guest.wait(f"busybox wget -q -O /run/file {url}")
    size = int(guest.sh("stat -c %s /run/file; rm /run/file"))
    # The kernel's count: both were killed.
    events = f"/sys/fs/cgroup{GROUPS['systemd'].format(greedy.id)}/memory.events"
    guest.wait(f"grep -q 'oom_kill 2' {events}")
    return Busy(guest, {one.name: one.id for one in (web, db, killed, greedy)}, size)


@pytest.fixture
def engine(guest):
    """Where the Compose file's services run in these tests."""
    return guest.engines["systemd"]


@pytest.fixture
def private(busy, compose, guest):
    """The exporter as the Compose file has it: user, rights, and network and control groups of its own."""
    words = compose.services["deckwatch"]["command"]
    command = [re.sub(r"tcp://docker-proxy:\d+", "unix:///engine.sock", word) for word in words]
    exporter = compose.exporter(command, ["/run/project:/project:ro", "/run/systemd.sock:/engine.sock:ro"])
    # From the guest: a command in the container takes ten times the CPU time of a request.
    guest.wait(f"busybox wget -q -O /dev/null {exporter.url}/readyz")
    yield exporter
    with contextlib.suppress(docker.errors.NotFound):
        exporter.container.remove(force=True)


PATIENCE = {"X-Prometheus-Scrape-Timeout-Seconds": "60"}


def get(url: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers=PATIENCE), timeout=120) as response:
        return response.read().decode()


def failed(page: Page) -> set[str]:
    return {labels["collector"] for labels, value in page.series["deckwatch_collector_success"] if value != 1}


def check_containers(page: Page, busy: Busy) -> None:
    """What must hold however the exporter runs."""
    running = {name: busy.ids[name] for name in ("web", "db", "greedy")}
    assert {name: page.ids()[name] for name in running} == {
        name: GROUPS["systemd"].format(id_) for name, id_ in running.items()
    }
    assert "killed" not in page.ids()
    assert page.value("deckwatch_container_state", name="killed", state="exited") == 1
    assert page.value("deckwatch_container_exit_code", name="killed") == 137

    # The limits, and what the kernel made of them.
    cpu = "container_cpu_usage_seconds_total"
    assert page.agrees(r"usage_usec (\d+)", 1e-6, cpu, name="web")
    assert page.agrees(r"nr_periods (\d+)", 1, "container_cpu_cfs_periods_total", name="web")
    assert page.agrees(r"nr_throttled (\d+)", 1, "container_cpu_cfs_throttled_periods_total", name="web")
    assert page.agrees(r"throttled_usec (\d+)", 1e-6, "container_cpu_cfs_throttled_seconds_total", name="web")
    assert page.value("container_cpu_cfs_throttled_periods_total", name="web") > 10
    assert page.value("container_spec_cpu_quota", name="web") == 1_000
    assert page.value("container_spec_memory_limit_bytes", name="web") == 64 << 20
    assert 0 < page.value("container_memory_working_set_bytes", name="web") < 64 << 20
    assert page.value("container_memory_max_usage_bytes", name="greedy") == 16 << 20
    assert page.value("container_oom_events_total", name="greedy") == 2
    assert page.value("container_oom_events_total", name="web") == 0

    # A disk and a network of its own; `dd` read 8 MiB around the cache.
    assert page.value("container_fs_writes_bytes_total", name="db", device="/dev/vdb") == pytest.approx(SIZE, rel=0.05)
    assert page.value("container_fs_reads_bytes_total", name="db", device="/dev/vdb") == 8 << 20
    sent = page.value("container_network_transmit_bytes_total", name="db", interface="eth0")
    assert sent == pytest.approx(busy.traffic, rel=0.05)
    assert busy.traffic == SIZE

    waiting = r"group-cpu-some .*total=(\d+)"
    assert page.agrees(waiting, 1e-6, "container_pressure_cpu_waiting_seconds_total", name="web")
    assert page.value("container_pressure_cpu_waiting_seconds_total", name="web") > 0
    assert page.value("container_pressure_io_waiting_seconds_total", name="db") > 0


def check_host(page: Page) -> None:
    assert page.agrees(r"\ncpu-some .*total=(\d+)", 1e-6, "node_pressure_cpu_waiting_seconds_total")
    written = r" vdb (?:\d+ ){6}(\d+) "
    assert page.agrees(written, 512, "node_disk_written_bytes_total", device="vdb")
    assert page.value("node_disk_written_bytes_total", device="vdb") >= SIZE
    # The host's card, and not the one of the same name in the exporter's own network.
    assert page.agrees(r"eth0: *(\d+)", 1, "node_network_receive_bytes_total", device="eth0")
    assert page.value("node_network_receive_bytes_total", device="docker0") > 0
    assert page.value("node_filesystem_size_bytes", mountpoint="/srv", device="/dev/vdb") > 1 << 30


def kills(client: docker.DockerClient, id_: str) -> int:
    """Return how many OOM kills of a container the engine reports."""
    filters = {"event": "oom", "container": id_}
    until = dt.datetime.fromisoformat(client.info()["SystemTime"]).timestamp()
    events = list(client.events(since=1, until=int(until) + 1, filters=filters, decode=True))
    return max(len(events), int(client.api.inspect_container(id_)["State"]["OOMKilled"]))


def test_as_a_process(busy, guest):
    page = busy.page(lambda: get(f"{guest.url}/metrics"))
    assert failed(page) == set()
    assert set(page.ids()) == {"web", "db", "greedy"}
    check_containers(page, busy)
    check_host(page)
    # It watched when they were killed, and has it from the engine, which does not hear of each: its shim is woken
    # after the kill, when the group may be gone with its last process.
    counted = {name: kills(guest.engines["systemd"].client, busy.ids[name]) for name in ("killed", "greedy")}
    for name, count in counted.items():
        assert page.value("deckwatch_container_oom_kills_total", name=name) == count
    assert sum(counted.values()) > 0


def test_in_a_container_with_namespaces_of_its_own(busy, private, guest):
    patience = [f"--header={name}: {value}" for name, value in PATIENCE.items()]
    fetch = shlex.join(["busybox", "wget", "-q", "-O", "-", *patience, f"{private.url}/metrics"])
    page = busy.page(lambda: guest.sh(fetch))
    assert failed(page) == set()
    assert set(page.ids()) == {"web", "db", "greedy", "deckwatch"}
    check_containers(page, busy)
    check_host(page)
    # It is in such a container: that group is not below its own, and that card not in its network.
    pid = guest.engines["systemd"].client.api.inspect_container("web")["State"]["Pid"]
    _, counted = private.container.exec_run(["cat", f"/host/proc/{pid}/cgroup"])
    assert counted.decode() == f"0::/../docker-{busy.ids['web']}.scope\n"
    assert "docker0" not in private.container.exec_run(["cat", "/proc/net/dev"])[1].decode()


def test_groups_of_the_other_driver(busy, guest):
    web = guest.engines["cgroupfs"].client.containers.get("web")
    scrape = f"{DECKWATCH} scrape --timeout 60 --docker-host unix:///run/cgroupfs.sock --collect container 2>/dev/null"
    page = Page(guest.sh(scrape))
    assert failed(page) == set()
    assert page.ids() == {"web": GROUPS["cgroupfs"].format(web.id)}
    assert page.value("container_spec_memory_limit_bytes", name="web") == 32 << 20
    assert page.value("container_cpu_cfs_throttled_periods_total", name="web") > 10


@pytest.mark.skipif(os.environ.get("DECKWATCH_WORLD") != "refresh", reason="DECKWATCH_WORLD=refresh captures the guest")
def test_capture(busy, private, guest):
    """Write the guest into tests/worlds: as itself, and as it is seen from that container."""

    def capture(name: str, *options: str) -> str:
        scripts = [WORLDS / "capture.py", WORLDS / "capture_containers.py"]
        return "; ".join(shlex.join([sys.executable, str(script), name, *options]) for script in scripts)

    roots = ("--procfs=/host/proc", "--sysfs=/host/sys", "--rootfs=/host/root", "--worlds=/dev/shm")
    inner = f"set -e; {capture(SEEN_INSIDE, *roots)}; cd /dev/shm; tar -c {SEEN_INSIDE}"
    code, (tar, reading) = private.container.exec_run(
        ["sh", "-c", inner], environment={"DOCKER_HOST": "unix:///engine.sock"}, demux=True
    )
    assert code == 0, reading
    private.container.remove(force=True)
    outer = f"export DOCKER_HOST=unix:///run/systemd.sock; {capture(AS_ITSELF, '--worlds=/run/worlds')}"
    packed = guest.sh(f"{outer}; cd /run/worlds; tar -cz {AS_ITSELF} | base64 -w0")
    for data in (tar, base64.b64decode(packed)):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(WORLDS, filter="fully_trusted")
