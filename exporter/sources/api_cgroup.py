"""An engine's statistics of a container, converted back into the kernel files that they come from.

Docker Engine API, `GET /containers/{id}/stats`; moby daemon/stats_unix.go names the file of each figure. In that form
the parsers of the files read them. The call does not report the number of processes, operations on disks with version
2, swap, or pressure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deckwatch.exporter.sources.cgroup_files import Files, Raw

_COLUMNS = 16  # of net/dev; the second half is for sent traffic
_MICRO, _NANO = 1_000, 1_000_000_000  # nanoseconds
_UNLIMITED = 1 << 62  # the kernel's own highest number of threads is far below, and Go's highest number is "no limit"


class Stats(NamedTuple):
    """Files of a control group by controller (empty for version 2) and name, and of /proc/<pid>/net."""

    version: int
    files: Mapping[tuple[str, ...], bytes]
    net_dev: bytes


def parse_stats(data: Mapping[str, Any], user_hz: int) -> Stats | None:
    """Return the statistics of an answer; None for a container that does not run.

    `user_hz` is what the reader of the files takes for the system's USER_HZ. Raises one of container.UNREADABLE.
    """
    usage = (data.get("cpu_stats") or {}).get("cpu_usage") or {}
    if not usage.get("total_usage"):
        return None  # an engine reports unknown values as zero
    memory = data.get("memory_stats") or {}
    version = 1 if "total_inactive_file" in (memory.get("stats") or {}) else 2
    files = dict(_cgroup_v1_files(data, user_hz) if version == 1 else _cgroup_v2_files(data))
    return Stats(
        version, {key: text.encode() for key, text in files.items()}, _format_net_dev(data.get("networks") or {})
    )


def _cgroup_v1_files(data: Mapping[str, Any], user_hz: int) -> Iterator[tuple[tuple[str, ...], str]]:
    cpu, memory = data["cpu_stats"], data["memory_stats"]
    usage = cpu["cpu_usage"]
    yield ("cpuacct", "cpuacct.usage"), str(int(usage["total_usage"]))
    ticks = {word: usage[f"usage_in_{word}mode"] * user_hz // _NANO for word in ("user", "kernel")}
    yield ("cpuacct", "cpuacct.stat"), f"user {ticks['user']}\nsystem {ticks['kernel']}\n"
    yield ("cpu", "cpu.stat"), _format_pairs(_quota_values(cpu, "throttled_time", 1))
    yield ("memory", "memory.stat"), _format_pairs(memory["stats"])
    for key, name in (("usage", "usage_in_bytes"), ("max_usage", "max_usage_in_bytes"), ("failcnt", "failcnt")):
        # Go leaves a zero out; these three are never absent with version 1.
        yield ("memory", f"memory.{name}"), str(int(memory.get(key) or 0))
    blkio = data.get("blkio_stats") or {}
    for name in ("io_service_bytes", "io_serviced"):
        lines = [
            f"{e['major']}:{e['minor']} {e['op']} {int(e['value'])}\n" for e in blkio.get(f"{name}_recursive") or ()
        ]
        yield ("blkio", f"blkio.throttle.{name}_recursive"), "".join(lines)
    yield from _pids_files(data, "pids")


def _cgroup_v2_files(data: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    cpu, memory = data["cpu_stats"], data.get("memory_stats") or {}
    usage = cpu["cpu_usage"]
    times = {
        "usage_usec": usage["total_usage"],
        "user_usec": usage["usage_in_usermode"],
        "system_usec": usage["usage_in_kernelmode"],
    }
    spent = {key: time // _MICRO for key, time in times.items()}
    yield ("", "cpu.stat"), _format_pairs({**spent, **_quota_values(cpu, "throttled_usec", _MICRO)})
    if "usage" in memory:
        yield ("", "memory.current"), str(int(memory["usage"]))
    if memory.get("stats"):
        yield ("", "memory.stat"), _format_pairs(memory["stats"])
    devices: dict[str, list[str]] = {}
    for entry in (data.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ():
        key = {"read": "rbytes", "write": "wbytes"}.get(entry["op"].lower())
        if key:
            devices.setdefault(f"{entry['major']}:{entry['minor']}", []).append(f"{key}={int(entry['value'])}")
    yield ("", "io.stat"), "".join(f"{number} {' '.join(words)}\n" for number, words in devices.items())
    yield from _pids_files(data, "")


def _quota_values(cpu: Mapping[str, Any], name: str, unit: int) -> dict[str, int]:
    """Return the throttling counters; the time under the name and in the unit of its file."""
    throttling = cpu.get("throttling_data") or {}
    return {
        "nr_periods": throttling.get("periods") or 0,
        "nr_throttled": throttling.get("throttled_periods") or 0,
        name: (throttling.get("throttled_time") or 0) // unit,
    }


def _pids_files(data: Mapping[str, Any], controller: str) -> Iterator[tuple[tuple[str, ...], str]]:
    pids = data.get("pids_stats") or {}
    if "current" in pids:
        limit = int(pids.get("limit") or 0)
        yield (controller, "pids.current"), str(int(pids["current"]))
        yield (controller, "pids.max"), str(limit) if 0 < limit < _UNLIMITED else "max"


def _format_pairs(pairs: Mapping[str, Any]) -> str:
    return "".join(f"{key} {int(value)}\n" for key, value in pairs.items())


def _format_net_dev(networks: Mapping[str, Any]) -> bytes:
    """Return /proc/<pid>/net/dev with two lines of headings and a line for each interface."""
    lines = ["Inter-|   Receive                                                |  Transmit\n", " face |bytes\n"]
    for interface, counters in networks.items():
        if not interface.isprintable() or ":" in interface or " " in interface:
            continue  # no name that the kernel would give
        values = [0] * _COLUMNS
        for direction, first in (("rx", 0), ("tx", _COLUMNS // 2)):
            for column, word in enumerate(("bytes", "packets", "errors", "dropped")):
                values[first + column] = int(counters[f"{direction}_{word}"])
        lines.append(f"{interface}: {' '.join(map(str, values))}\n")
    return "".join(lines).encode()


class ApiCgroup:
    """A control group known from the engine's statistics, where its files cannot be read."""

    __slots__ = ("_files", "net_dev", "path", "version")

    def __init__(self, path: str, stats: Stats, oom_kills: int) -> None:
        """`oom_kills` were counted from the engine's events, since the statistics have none."""
        self.path = path
        self.version = stats.version
        self.net_dev = stats.net_dev
        name = ("memory", "memory.oom_control") if stats.version == 1 else ("", "memory.events")
        self._files: dict[tuple[str, ...], bytes] = {**stats.files, name: b"oom_kill %d\n" % oom_kills}

    def make_reader(self, files: Files) -> Callable[[], Raw]:
        """Return a function as Cgroup.make_reader does; its content is None for files that are not reported."""
        raw = (self.version, *(self._files.get(file[:2]) for file in files[self.version]))
        return lambda: raw
