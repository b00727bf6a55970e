"""The host collectors: an absent source is no data, an unreadable or malformed one a failure; special cases of each."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deckwatch.exporter import collector
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.sources.files import KeptFiles
from deckwatch.exporter.timex import Timex, adjtimex
from deckwatch.exporter.world import World

if TYPE_CHECKING:
    from deckwatch.exporter.outcome import Outcome

HOST = {name: declared for name, declared in collector.load_collectors().items() if name.startswith("host_")}
NEEDING = [name for name, declared in HOST.items() if declared.needs]
STRUCTURED = [name for name in NEEDING if not HOST[name].free_text]


def run(world: World, name: str) -> Outcome:
    (outcome,) = Scraper(world, {name: HOST[name]}).scrape(seconds=30)
    return outcome


def values(outcome: Outcome) -> dict[tuple[str, ...], float]:
    assert outcome.error is None
    return {(sample.metric.name, *sample.labels): sample.value for sample in outcome.samples}


def spoil(path: Path, content: bytes) -> None:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        file.write_bytes(content)


def needed(machine: Path, name: str) -> list[Path]:
    """List the paths on a machine that match the collector's `needs`."""
    return list(machine.glob(str(HOST[name].needs)))


@pytest.mark.parametrize("name", NEEDING)
def test_absent_is_no_data(machine, tmp_path: Path, name: str) -> None:
    assert not run(machine(), name).error
    for path in needed(tmp_path, name):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    outcome = run(machine(), name)
    assert outcome.absent
    assert not outcome.error
    assert not outcome.samples


@pytest.mark.parametrize("name", STRUCTURED)
def test_malformed_is_a_failure(machine, tmp_path: Path, name: str) -> None:
    world = machine()
    for path in needed(tmp_path, name):
        spoil(path, b"nonsense: x y z\n\xff\n")
    outcome = run(world, name)
    assert outcome.error in ("ParseError", "ValueError")


@pytest.mark.parametrize("name", NEEDING)
def test_unreadable_is_a_failure(machine, tmp_path: Path, name: str, monkeypatch) -> None:
    # The tests may run as root, who may read files of any mode.
    world, real = machine(), os.open
    unreadable = tuple(map(str, needed(tmp_path, name)))

    def denied(file: str, *rest: Any, **more: Any) -> int:
        if str(file).startswith(unreadable):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(file, *rest, **more)

    monkeypatch.setattr(os, "open", denied)
    assert run(world, name).error == "PermissionError"


def test_all_collectors_succeed_on_this_machine() -> None:
    with World(docker_host="") as world:
        outcomes = Scraper(world, HOST).scrape(seconds=30)
    assert {outcome.collector.name: outcome.error for outcome in outcomes if outcome.error} == {}
    assert sum(len(outcome.samples) for outcome in outcomes) > 150


def test_cpu_seconds_decrease_only_for_a_new_cpu(machine, tmp_path: Path) -> None:
    world = machine()

    def seconds(*lines: str) -> dict[tuple[str, str], float]:
        (tmp_path / "proc/stat").write_text("\n".join(["cpu  0 0 0 0", *lines, "intr 0", ""]))
        return {key[1:]: v for key, v in values(run(world, "host_cpu")).items() if key[0] == "node_cpu_seconds_total"}

    before = seconds("cpu0 100 0 0 1000 50 0 0 0 0 0", "cpu1 100 0 0 1000 50 0 0 0 0 0")
    assert before["0", "idle"] == 10
    step_back = seconds("cpu0 110 0 0 999 49 0 0 0 0 0", "cpu1 100 0 0 1000 50 0 0 0 0 0")
    assert (step_back["0", "user"], step_back["0", "idle"], step_back["0", "iowait"]) == (1.1, 10, 0.5)
    # The counters of a CPU that was off start again, and a CPU that is off is not shown.
    came_back = seconds("cpu0 1 0 0 5 0 0 0 0 0 0")
    assert (came_back["0", "user"], came_back["0", "idle"]) == (0.01, 0.05)
    assert not [cpu for cpu, _ in came_back if cpu == "1"]
    assert seconds("cpu0 2 0 0 6 0", "cpu1 1 0 0 2 0")["1", "idle"] == 0.02


def test_disabled_pressure_information_is_no_data(machine, monkeypatch) -> None:
    def off(_files: KeptFiles, _path: str) -> bytes:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(KeptFiles, "read", off)
    assert run(machine(), "host_pressure").absent


def test_irq_pressure_is_exposed_where_available(machine, tmp_path: Path) -> None:
    (tmp_path / "proc/pressure/irq").write_text("full avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n")
    assert values(run(machine(), "host_pressure"))["node_pressure_irq_stalled_seconds_total",] == 1.5


def test_unknown_meminfo_fields_are_exposed(machine, tmp_path: Path) -> None:
    with (tmp_path / "proc/meminfo").open("a") as file:
        file.write("Marvels(new):      3 kB\nMarvels_Total:     7\n")
    memory = values(run(machine(), "host_memory"))
    assert memory["node_memory_Marvels_new_bytes",] == 3072
    assert memory["node_memory_Marvels_Total",] == 7


@pytest.mark.parametrize("show", [True, False])
def test_veth_interfaces_are_shown_if_configured(machine, show: bool) -> None:
    world = machine(config={"host": {"veth": show}})
    for name in ("host_network", "host_network_device"):
        devices = {sample.labels[0] for sample in run(world, name).samples}
        assert ("veth3f1c2aa" in devices) is show
        assert {"lo", "eth0", "docker0"} <= devices


def test_unreadable_attributes_of_an_interface_are_omitted(machine, tmp_path: Path, monkeypatch) -> None:
    """`carrier` and `speed` of an interface that is down exist, but reading them fails with EINVAL."""
    real = os.pread
    down = {(tmp_path / f"sys/class/net/eth0/{name}").stat().st_ino for name in ("carrier", "speed", "duplex")}

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        if os.fstat(descriptor).st_ino in down:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return real(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", pread)
    interfaces = values(run(machine(), "host_network_device"))
    assert not {
        key for key in interfaces if key[:2] in (("node_network_carrier", "eth0"), ("node_network_speed_bytes", "eth0"))
    }
    assert interfaces["node_network_mtu_bytes", "eth0"] == 1400
    assert interfaces["node_network_carrier", "lo"] == 1


def test_names_are_those_of_the_host_not_of_the_container(machine, tmp_path: Path) -> None:
    container = os.uname_result(("Linux", "4f66ad9a0b2e", "6.18.44", "#1 SMP", "x86_64"))

    def nodename(**more: Any) -> str:
        (sample,) = run(machine(uname=lambda: container, **more), "host_uname").samples
        return sample.labels[sample.metric.labels.index("nodename")]

    assert nodename() == "web-1"
    assert nodename(rootfs=Path("/")) == "4f66ad9a0b2e"
    (tmp_path / "root/etc/hostname").write_text("# a comment\n\ndb-1.example\n")
    assert nodename() == "db-1.example"
    (tmp_path / "root/etc/hostname").unlink()
    assert nodename() == "4f66ad9a0b2e"


def test_process_1_may_be_hidden_on_the_host(machine, tmp_path: Path) -> None:
    (tmp_path / "proc/1").rename(tmp_path / "proc/self")  # like the mount option hidepid
    assert ("node_network_receive_bytes_total", "eth0") in values(run(machine(rootfs=Path("/")), "host_network"))
    # In a container, the container's own network would be shown as the host's.
    assert run(machine(), "host_network").absent


def test_full_and_broken_file_systems(machine) -> None:
    def statvfs(path: str) -> os.statvfs_result:
        if path.endswith("/customer files"):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return os.statvfs_result((1 << 20, 4096, 1000, 300, 200, 50, 5, 5, 0, 255))

    filesystems = values(run(machine(statvfs=statvfs), "host_filesystem"))
    root = ("/dev/vda", "/", "ext4", "")
    # Blocks are counted in fragments (f_frsize), not in the preferred I/O size (f_bsize).
    assert [filesystems[f"node_filesystem_{name}", *root] for name in ("size_bytes", "free_bytes", "avail_bytes")] == [
        *(4096 * 1000, 4096 * 300, 4096 * 200),
    ]
    assert (filesystems["node_filesystem_files", *root], filesystems["node_filesystem_files_free", *root]) == (50, 5)
    broken = ("/dev/vdb", "/srv/customer files", "ext4", "stale file handle")
    assert filesystems["node_filesystem_device_error", *broken] == 1
    assert filesystems["node_filesystem_readonly", *broken] == 1
    assert ("node_filesystem_size_bytes", *broken) not in filesystems
    assert not [
        key for key in filesystems if key[0] == "node_filesystem_mount_info" and key[-1] == "/srv/customer files"
    ]
    mounted = {key[2] for key in filesystems if key[0] == "node_filesystem_device_error"}
    assert mounted == {"/", "/var/lib/docker", "/srv/customer files"}  # none of /dev, /proc, /sys, overlay, nsfs


def test_an_unreadable_sensor_is_omitted_alone(machine, tmp_path: Path, monkeypatch) -> None:
    real = os.pread
    silent = {
        (tmp_path / f"sys/class/{name}").stat().st_ino
        for name in ("hwmon/hwmon1/fan2_input", "thermal/thermal_zone0/temp")
    }

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        if os.fstat(descriptor).st_ino in silent:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))
        return real(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", pread)
    sensors = values(run(machine(), "host_hwmon")) | values(run(machine(), "host_thermal"))
    assert ("node_hwmon_fan_rpm", "nct6779", "fan2") not in sensors
    assert sensors["node_hwmon_in_volts", "nct6779", "in0"] == 0.792
    assert not [key for key in sensors if key[0] == "node_thermal_zone_temp"]
    assert sensors["node_cooling_device_max_state", "0", "Processor"] == 3


def test_chips_with_the_same_device_or_name_are_distinguished(machine, tmp_path: Path) -> None:
    hwmon = tmp_path / "sys/class/hwmon"
    (hwmon / "hwmon3/name").write_text("asus\n")
    chips = {
        sample.labels[0] for sample in run(machine(), "host_hwmon").samples if sample.metric.name.startswith("node")
    }
    assert chips == {
        *("platform_coretemp_0", "nct6779", "platform_asus_nb_wmi_hwmon2", "platform_asus_nb_wmi_hwmon3"),
    }


def test_reading_the_clock_may_be_forbidden(machine) -> None:
    def denied() -> Timex:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    assert run(machine(adjtimex=denied), "host_timex").absent
    clock = adjtimex()
    timex = values(run(machine(adjtimex=lambda: clock._replace(status=0x2001, offset=1_500_000_000)), "host_timex"))
    assert timex["node_timex_offset_seconds",] == 1.5
    timex = values(run(machine(adjtimex=lambda: clock._replace(status=1, offset=500_000, state=5)), "host_timex"))
    assert (timex["node_timex_offset_seconds",], timex["node_timex_sync_status",]) == (0.5, 0)


def test_the_kernel_clock_is_plausible() -> None:
    """A wrong struct layout would return other fields here."""
    clock = adjtimex()
    assert 9_000 <= clock.tick <= 11_000
    assert -512 << 16 <= clock.freq <= 512 << 16
    assert 0 <= clock.tai < 100
    assert 0 <= clock.state <= 5
