"""How many CPUs, cores and sockets there are, from /proc/cpuinfo (arch/*/kernel/cpu/proc.c)."""

from __future__ import annotations

from typing import NamedTuple

from deckwatch.exporter.sources.procfs import ParseError


class Topology(NamedTuple):
    """Numbers of logical CPUs, of cores and of sockets."""

    cpus: int
    cores: int
    sockets: int


def parse_cpuinfo(data: bytes) -> Topology:
    """Return the CPUs of /proc/cpuinfo; where it names no cores (ARM), each CPU is one, in one socket."""
    cpus = 0
    cores: set[tuple[bytes, bytes]] = set()
    for block in data.split(b"\n\n"):
        found = {
            name.strip(): value.strip() for name, _, value in (line.partition(b":") for line in block.splitlines())
        }
        if b"processor" not in found:
            continue
        cpus += 1
        if b"core id" in found:
            cores.add((found.get(b"physical id", b"0"), found[b"core id"]))
    if not cpus:
        raise ParseError("/proc/cpuinfo: no processor")
    return Topology(cpus, len(cores) or cpus, len({socket for socket, _ in cores}) or 1)
