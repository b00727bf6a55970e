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
    """Return the CPUs of /proc/cpuinfo; if it lists no cores (ARM), each CPU counts as a core of a single socket."""
    cpus = 0
    cores: set[tuple[bytes, bytes]] = set()
    for block in data.split(b"\n\n"):
        fields = {
            name.strip(): value.strip() for name, _, value in (line.partition(b":") for line in block.splitlines())
        }
        if b"processor" not in fields:
            continue
        cpus += 1
        if b"core id" in fields:
            cores.add((fields.get(b"physical id", b"0"), fields[b"core id"]))
    if not cpus:
        raise ParseError("/proc/cpuinfo: no processor")
    return Topology(cpus, len(cores) or cpus, len({socket for socket, _ in cores}) or 1)
