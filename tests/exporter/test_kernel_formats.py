"""Files as the kernels of the last ten years write them, on any architecture: every form is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.collector import load_collectors
from deckwatch.exporter.collectors import container_machine
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.sources.cgroup_values import Io, parse_blkio, parse_io_stat
from deckwatch.exporter.sources.cpuinfo import Topology, parse_cpuinfo
from deckwatch.exporter.sources.kstat import parse_kstat
from deckwatch.exporter.sources.procfs import (
    ParseError,
    parse_cpus,
    parse_diskstats,
    parse_meminfo,
    parse_pressure,
    parse_schedstat,
)

COUNT = st.integers(0, 2**64 - 1)
NUMBER = st.tuples(st.integers(0, 511), st.integers(0, 1 << 20)).map(lambda pair: f"{pair[0]}:{pair[1]}")

# Figures after the first four: discards since Linux 4.18, io.latency since 4.19, io.cost since 5.4 and 5.10.
IO_MORE = (
    "",
    " dbytes=0 dios=0",
    " dbytes=0 dios=0 use_delay=1 delay_nsec=3000",
    " dbytes=0 dios=0 depth=max avg_lat=120 win=100",
    " dbytes=0 dios=0 missed=0 total=4 win=100",
    " dbytes=0 dios=0 cost.vrate=100.00 cost.usage=12 cost.wait=0 cost.indebt=0 cost.indelay=0",
)


@given(
    st.dictionaries(NUMBER, st.tuples(COUNT, COUNT, COUNT, COUNT), max_size=5),
    st.lists(NUMBER, max_size=3),
    st.integers(0, 2),
    st.sampled_from(IO_MORE),
)
def test_io_stat(devices, silent, unknown: int, more: str) -> None:
    figures = "rbytes={} wbytes={} rios={} wios={}".format
    lines = [f"{number} {figures(*counts)}{more}" for number, counts in devices.items()]
    lines += [f"(unknown) {figures(0, 0, 6, 6)}{more}"] * unknown
    # Devices without figures end no line: they stand before the next one, and after the last.
    text = "".join(f"{number} " for number in silent) + "\n".join(lines) + ("\n" if lines else "")
    expected = {number: Io(*counts) for number, counts in devices.items() if any(counts)}
    assert parse_io_stat(text.encode()) == expected
    assert parse_io_stat((text + "".join(f"{number} " for number in silent)).encode()) == expected


@pytest.mark.parametrize("text", ["rbytes=1\n", "8:0 nonsense\n", "sda rbytes=1\n", "(unknown", "8: rbytes=1"])
def test_io_stat_of_no_kernel(text: str) -> None:
    with pytest.raises(ParseError):
        parse_io_stat(text.encode())


def test_blkio_of_a_removed_disk() -> None:
    size = b"8:0 Read 4096\n8:0 Write 0\n8:0 Discard 0\n8:0 Total 4096\n(unknown) Read 7\nTotal 4103\n"
    assert parse_blkio(size, size.replace(b"4096", b"1")) == {"8:0": Io(4096, 0, 1, 0)}


X86 = (
    "processor\t: {n}\nvendor_id\t: X\nphysical id\t: {socket}\nsiblings\t: 4\ncore id\t\t: {core}\ncpu cores\t: 2\n\n"
)
LOONGARCH = "processor\t\t: {n}\npackage\t\t\t: {socket}\ncore\t\t\t: {core}\nCPU Family\t\t: Loongson-64bit\n\n"
S390X = (
    "vendor_id       : IBM/S390\n# processors    : {cpus}\nbogomips per cpu: 3033.00\nmax thread id   : 0\n"
    "features\t: esan3 zarch\ncache0          : level=1 type=Data scope=Private size=128K\n"
)
S390X_LINE = "processor {n}: version = FF,  identification = 33A9B8,  machine = 3906\n"
S390X_BLOCK = (
    "\ncpu number      : {n}\nphysical id     : {socket}\ncore id         : {core}\nbook id         : {book}\n"
    "drawer id       : 0\ncpu MHz dynamic : 5208\n"
)
ONE_SOCKET = {
    "ARM": (
        "processor\t: {n}\nBogoMIPS\t: 50.00\nCPU part\t: 0xd08\n\n",
        "Hardware\t: BCM2835\nModel\t: Raspberry Pi\n",
    ),
    "RISC-V": ("processor\t: {n}\nhart\t\t: {n}\nisa\t\t: rv64imafdc\nmmu\t\t: sv39\n\n", ""),
    "POWER": ("processor\t: {n}\ncpu\t\t: POWER9, altivec supported\nrevision\t: 2.2\n\n", "timebase\t: 512000000\n"),
    "PA-RISC": ("processor\t: {n}\ncpu family\t: PA-RISC 2.0\n\n", ""),
}


@given(st.integers(1, 3), st.integers(1, 8), st.integers(1, 2), st.sampled_from([X86, LOONGARCH]))
def test_cpuinfo_with_sockets_and_cores(sockets: int, cores: int, threads: int, block: str) -> None:
    places = [(socket, core) for socket in range(sockets) for core in range(cores) for _ in range(threads)]
    text = "".join(block.format(n=n, socket=socket, core=core) for n, (socket, core) in enumerate(places))
    assert parse_cpuinfo(text.encode()) == Topology(len(places), sockets * cores, sockets)
    assert parse_cpuinfo(b"system type\t\t: generic\n\n" + text.encode()).cpus == len(places)


@given(st.integers(1, 64), st.sampled_from(sorted(ONE_SOCKET)))
def test_cpuinfo_without_cores(cpus: int, name: str) -> None:
    block, end = ONE_SOCKET[name]
    text = "".join(block.format(n=n) for n in range(cpus)) + end
    assert parse_cpuinfo(text.encode()) == Topology(cpus, cpus, 1)


@given(st.integers(1, 2), st.integers(1, 3), st.integers(1, 4), st.sampled_from(["old", "4.12", "4.20"]))
def test_cpuinfo_of_s390x(books: int, sockets: int, cores: int, kernel: str) -> None:
    places = [(book, socket, core) for book in range(books) for socket in range(sockets) for core in range(cores)]
    text = S390X.format(cpus=len(places)) + "".join(S390X_LINE.format(n=n) for n in range(len(places)))
    expected = Topology(len(places), len(places), 1)
    if kernel == "4.12":
        text += "".join(f"\ncpu number      : {n}\ncpu MHz dynamic : 5208\n" for n in range(len(places)))
    elif kernel == "4.20":
        for n, (book, socket, core) in enumerate(places):
            text += S390X_BLOCK.format(n=n, book=book, socket=socket, core=core)
        expected = Topology(len(places), len(places), books * sockets)
    assert parse_cpuinfo(text.encode()) == expected


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("cpu\t\t: UltraSparc T2\nncpus probed\t: 8\nncpus active\t: 6\nCPU0:\t\tonline\n", 6),  # sparc64
        ("cpu\t\t\t: Alpha\ncpus detected\t\t: 2\ncpus active\t\t: 2\n", 2),
        ("CPU count\t: 2\nCPU list\t: 0-1\nvendor_id\t: Tensilica\n", 2),
        ("Processor\t: ARM926EJ-S rev 5 (v5l)\nBogoMIPS\t: 227.32\n", 1),
        ("CPU:\t\t68040\nMMU:\t\t68040\nFPU:\t\t68040\n", 1),
        ("CPU-Family:\tMicroBlaze\nFPGA-Arch:\tVirtex5\n", 1),
    ],
)
def test_cpuinfo_without_a_block_for_each_cpu(text: str, cpus: int) -> None:
    assert parse_cpuinfo(text.encode()).cpus == cpus


def test_the_machine_on_s390x(machine, tmp_path, found) -> None:
    text = S390X.format(cpus=2) + S390X_LINE.format(n=0) + S390X_LINE.format(n=1)
    (tmp_path / "proc/cpuinfo").write_text(text)
    values = {key[0]: value for key, value in found(machine(), "container_machine").items()}
    assert values[container_machine.CPUS.name] == 2
    assert values[container_machine.MEMORY.name] > 0


@given(st.lists(st.integers(0, 2**63), min_size=17, max_size=20), st.sampled_from([11, 15, 17, 20]))
def test_diskstats_of_all_kernels(counts: list[int], columns: int) -> None:
    figures = (counts * 2)[:columns]
    (disk,) = parse_diskstats(f"   8       0 sda {' '.join(map(str, figures))}\n".encode())
    assert (disk.name, disk.counters) == ("sda", tuple(figures))


@given(st.integers(4, 12), COUNT)
def test_cpu_times_of_all_kernels(columns: int, ticks: int) -> None:
    line = " ".join([str(ticks)] * columns)
    assert parse_cpus(f"cpu  {line}\ncpu0 {line}\nintr 5 0\n".encode()) == {"0": (ticks,) * columns}


@pytest.mark.parametrize("version", [14, 15, 16, 17])
def test_schedstat_of_all_versions(version: int) -> None:
    domain = {17: "domain0 MC 00000000,00000003"}.get(version, "domain0 00000000,00000003")
    text = f"version {version}\ntimestamp 4295\ncpu0 0 0 0 0 0 0 11 12 13\n{domain} 0 1 2\n"
    assert parse_schedstat(text.encode()) == {"0": (11, 12, 13)}


@pytest.mark.parametrize("share", ["some", "full"])
def test_pressure_of_one_share(share: str) -> None:
    assert parse_pressure(f"{share} avg10=0.00 avg60=0.00 avg300=0.00 total=7\n".encode()) == {share: 7}


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Za-z_()0-9]{0,20}", fullmatch=True), COUNT, max_size=9), st.booleans())
def test_meminfo_with_any_fields(fields: dict[str, int], in_kb: bool) -> None:
    text = "".join(f"{name}:{amount:>15}{' kB' if in_kb else ''}\n" for name, amount in fields.items())
    values = {name.decode(): amount.value for name, amount in parse_meminfo(text.encode()).items()}
    assert values == {name: amount * (1024 if in_kb else 1) for name, amount in fields.items()}


def test_the_cache_of_zfs(machine, tmp_path, found) -> None:
    arcstats = tmp_path / "proc/spl/kstat/zfs/arcstats"
    values = found(machine(), "host_zfs")
    assert values["node_zfs_arc_size",] == 6379536384
    assert values["node_zfs_arc_memory_available_bytes",] == -40960
    with arcstats.open("a") as file:
        file.write("note                            7    some text\nnew_field 4 5\n")
    assert found(machine(), "host_zfs") == values | {("node_zfs_arc_new_field",): 5}


@pytest.mark.parametrize("text", ["", "13 1 0x01\n", "13 1 0x01\nname type data\nsize 4\n"])
def test_a_malformed_kstat(text: str) -> None:
    with pytest.raises(ParseError):
        parse_kstat(text.encode())


def test_a_name_that_no_file_can_have_is_a_parse_error(machine, tmp_path) -> None:
    (tmp_path / "sys/class/net/bonding_masters").write_text("9" * 400)
    (outcome,) = Scraper(machine(), {"host_bonding": load_collectors()["host_bonding"]}).scrape(seconds=30)
    assert outcome.error == "ParseError"
