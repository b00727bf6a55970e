"""How many CPUs, cores and sockets there are, from /proc/cpuinfo (arch/*/kernel/cpu/proc.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.procfs import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROCESSOR = re.compile(rb"processor( \d+)?")  # s390x writes a line `processor 0: version = FF, …` for each
# Architectures without a block per CPU write their number: sparc64, alpha and xtensa. `Processor` is of ARM with a
# single CPU; m68k, microblaze and nios2 name their only CPU.
_NUMBERS = (b"ncpus active", b"cpus active", b"CPU count", b"cpus detected")
_SINGLE = (b"Processor", b"CPU", b"CPU-Family", b"cpu")


class Topology(NamedTuple):
    """Numbers of logical CPUs, of cores and of sockets."""

    cpus: int
    cores: int
    sockets: int


def parse_cpuinfo(data: bytes) -> Topology:
    """Return the CPUs of /proc/cpuinfo; if it lists no cores (ARM), each CPU counts as a core of a single socket."""
    cpus = 0
    cores: set[tuple[bytes, bytes]] = set()
    fields: dict[bytes, bytes] = {}
    for block in _parse_blocks(data):
        cpus += sum(_PROCESSOR.fullmatch(name) is not None for name in block)
        fields = block | fields
        core = block.get(b"core id", block.get(b"core"))  # `core` and `package` on MIPS and LoongArch
        if core is not None and (b"processor" in block or b"cpu number" in block):  # `cpu number` on s390x
            # A socket of s390x is numbered within its book, and that within its drawer.
            socket = block.get(b"physical id", block.get(b"package", b"0"))
            cores.add((b"/".join((block.get(b"drawer id", b""), block.get(b"book id", b""), socket)), core))
    cpus = cpus or _count_of_machine(fields)
    if not cpus:
        raise ParseError("/proc/cpuinfo: no processor")
    return Topology(cpus, len(cores) or cpus, len({socket for socket, _ in cores}) or 1)


def _parse_blocks(data: bytes) -> Iterator[dict[bytes, bytes]]:
    """Yield the fields of each block of lines."""
    for block in data.split(b"\n\n"):
        yield {name.strip(): value.strip() for name, _, value in (line.partition(b":") for line in block.splitlines())}


def _count_of_machine(fields: dict[bytes, bytes]) -> int:
    """Return the number of CPUs where no block of the file is of one CPU; 0 if there is none."""
    for name in _NUMBERS:
        if fields.get(name, b"").isdigit():
            return int(fields[name])
    return int(any(name in fields for name in _SINGLE))
