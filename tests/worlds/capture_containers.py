"""Write this machine's containers into `tests/worlds/NAME`: what the container collectors read, and `engine.json`.

Of the engine's answers only those fields are kept that are read; names and labels go in as they are, so look through
the result before you commit it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import docker
from capture import arguments

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

FILES = """
cgroup.procs cpu.stat cpu.pressure memory.pressure io.pressure memory.current memory.stat memory.events memory.peak
memory.swap.current io.stat pids.current pids.max cpuacct.usage cpuacct.stat memory.usage_in_bytes memory.oom_control
memory.max_usage_in_bytes memory.failcnt blkio.throttle.io_service_bytes_recursive
blkio.throttle.io_serviced_recursive
""".split()
HOST_CONFIG = """
NetworkMode RestartPolicy CgroupParent Memory MemorySwap MemoryReservation NanoCpus CpuQuota CpuPeriod CpuShares
""".split()
STATE = "Status Pid ExitCode OOMKilled StartedAt FinishedAt".split()


def main(given: argparse.Namespace) -> None:
    world = given.worlds / given.name
    client = docker.from_env().api
    inspects = [client.inspect_container(entry["Id"]) for entry in client.containers(all=True)]
    for data in inspects:
        if pid := data["State"]["Pid"]:
            copy_container(given, data["Id"], pid)
    info, version = client.info(), client.version()
    facts = {
        "version": {"Version": version["Version"]},
        "info": {"CgroupDriver": info["CgroupDriver"], "SystemTime": info["SystemTime"]},
        "containers": [kept(data) for data in inspects],
        "events": [],
    }
    (world / "engine.json").write_text(json.dumps(facts, indent=2) + "\n")


def copy_container(given: argparse.Namespace, id_: str, pid: int) -> None:
    """Copy what the collectors read of a running container."""
    world = given.worlds / given.name
    for file in ("cgroup", "net/dev"):
        copy(given.procfs / f"{pid}/{file}", world / f"proc/{pid}/{file}")
    for disk in (given.sysfs / "dev/block").iterdir():
        link = world / "sys/dev/block" / disk.name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(disk.readlink())
    for folder in (given.sysfs / "fs/cgroup").glob(f"**/*{id_}*/"):
        for file in FILES:
            copy(folder / file, world / "sys" / folder.relative_to(given.sysfs) / file)


def kept(data: dict[str, Any]) -> dict[str, Any]:
    health = data["State"].get("Health")
    return {
        **{key: data[key] for key in ("Id", "Name", "Created", "RestartCount")},
        "State": {key: data["State"][key] for key in STATE}
        | ({"Health": {key: health[key] for key in ("Status", "FailingStreak")}} if health else {}),
        "Config": {key: data["Config"][key] for key in ("Image", "Labels")},
        "HostConfig": {key: data["HostConfig"].get(key) for key in HOST_CONFIG},
    }


def copy(source: Path, target: Path) -> None:
    try:
        data = source.read_bytes()
    except OSError:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


if __name__ == "__main__":
    main(arguments())
