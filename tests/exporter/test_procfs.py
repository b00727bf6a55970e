"""Parsers of /proc and of the host's files, on kernel output; `test_parsers.py` tests them on arbitrary input."""

from __future__ import annotations

import pytest

from deckwatch.exporter.sources import interrupts, mounts, process, procfs, procnet, rootfs
from deckwatch.exporter.sources.procfs import Amount, Disk, ParseError


def test_cpus() -> None:
    data = b"cpu  3 0 3 8 0 0 4 0 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu12 1 2 3 4\nintr 99 1\n"
    assert procfs.parse_cpus(data) == {"0": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10), "12": (1, 2, 3, 4)}


@pytest.mark.parametrize("data", [b"", b"cpu  1 2 3 4\n", b"cpu0 1 2 3\n", b"cpu0 1 2 x 4\n"])
def test_cpus_malformed(data: bytes) -> None:
    with pytest.raises(ValueError):
        procfs.parse_cpus(data)


def test_stat_reads_only_the_sum_of_interrupts() -> None:
    data = b"cpu  1 2 3 4\ncpu0 1 2 3 4\nintr 2831114 0 13 0\nctxt 7\nbtime 1795199583\n"
    assert procfs.parse_stat(data) == {b"intr": 2831114, b"ctxt": 7, b"btime": 1795199583}


def test_meminfo_in_bytes_and_counts() -> None:
    data = b"MemTotal:         983496 kB\nActive(anon):       1708 kB\nHugePages_Total:       4\n"
    assert procfs.parse_meminfo(data) == {
        b"MemTotal": Amount(983496 * 1024, True),
        b"Active(anon)": Amount(1708 * 1024, True),
        b"HugePages_Total": Amount(4, False),
    }


@pytest.mark.parametrize("data", [b"MemTotal: kB\n", b"MemTotal:\n", b"MemTotal\n"])
def test_meminfo_malformed(data: bytes) -> None:
    with pytest.raises(ValueError):
        procfs.parse_meminfo(data)


def test_diskstats_of_all_kernel_versions() -> None:
    old = b"   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n"
    new = b" 254       0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"
    assert procfs.parse_diskstats(old + new) == [
        Disk("8", "0", "sda", tuple(range(1, 12))),
        Disk("254", "0", "vda", tuple(range(1, 18))),
    ]
    with pytest.raises(ParseError, match="7 columns"):
        procfs.parse_diskstats(b"   8       1 sda1 1 2 3 4\n")


def test_pressure() -> None:
    data = b"some avg10=21.67 avg60=4.50 avg300=0.96 total=3391678\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
    assert procfs.parse_pressure(data) == {"some": 3391678, "full": 7}
    with pytest.raises(ParseError, match="no total for some"):
        procfs.parse_pressure(b"some avg10=21.67\n")


def test_net_dev() -> None:
    head = b"Inter-|   Receive\n face |bytes\n"
    row = b" ".join(b"%d" % number for number in range(16))
    # Old kernels write no space between the colon and a large number.
    assert procnet.parse_dev(head + b"  eth0:" + row + b"\n") == {"eth0": tuple(range(16))}
    with pytest.raises(ParseError, match="15 counters"):
        procnet.parse_dev(head + b"  eth0:" + row[:-3] + b"\n")


def test_snmp_pairs_names_with_values() -> None:
    data = b"Ip: Forwarding DefaultTTL\nIp: 2 64\nTcp: MaxConn\nTcp: -1\n"
    assert procnet.split_headed(data) == {
        b"Ip": {b"Forwarding": b"2", b"DefaultTTL": b"64"},
        b"Tcp": {b"MaxConn": b"-1"},
    }


@pytest.mark.parametrize("data", [b"Ip: A B\nIp: 1\n", b"Ip: A\nTcp: 1\n", b"Ip: A\n", b"\n\n"])
def test_snmp_malformed(data: bytes) -> None:
    with pytest.raises(ParseError):
        procnet.split_headed(data)


def test_sockstat() -> None:
    data = b"sockets: used 15\nFRAG: inuse 0 memory 4096\n"
    assert procnet.parse_sockstat(data) == {b"sockets": {b"used": 15}, b"FRAG": {b"inuse": 0, b"memory": 4096}}


def test_softnet_uses_the_kernels_cpu_numbers() -> None:
    old = b"0000000a 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n"
    assert procnet.parse_softnet(old * 2) == {"0": [10, 1, *[0] * 9], "1": [10, 1, *[0] * 9]}
    new = old.rstrip() + b" 00000002 00000003\n"
    assert list(procnet.parse_softnet(new)) == ["3"]


def test_udp_queues_are_summed() -> None:
    data = b"  sl  local_address\n 1: 0:0 0:0 07 00000100:00000010 00:0\n 2: 0:0 0:0 07 00000001:00000000 00:0\n"
    assert procnet.parse_udp(data) == (0x101, 0x10)


TCP = b"  sl  local_address rem_address   st tx_queue rx_queue\n"


def test_tcp_sockets_are_counted_by_state_and_their_queues_summed() -> None:
    row = b"%4d: 0100007F:%04X 0100007F:D431 %02X %08X:%08X 00:00000000 00000000 0 0 16345 1\n"
    rows = [row % (1, 22, 10, 0, 0), row % (20000, 22, 1, 36, 0), row % (3, 23, 1, 36, 2048), row % (4, 24, 1, 0, 1)]
    counted = procnet.count_tcp([TCP, *rows])
    assert counted == ({10: 1, 1: 3}, 72, 2049)


@pytest.mark.parametrize("line", [b"1: a b\n", b"1: a b 0Z 00:00\n", b"1: a b 01 0\n"])
def test_tcp_malformed(line: bytes) -> None:
    with pytest.raises(ValueError):
        procnet.count_tcp([TCP, line])


def test_interrupts_use_the_cpus_of_the_header() -> None:
    data = (
        b"           CPU0       CPU2\n"
        b"  0:         21          9   IO-APIC   2-edge      timer\n"
        b"LOC:         12         15   Local timer interrupts\n"
        b"ERR:          3\n"
    )
    assert interrupts.parse_interrupts(data) == [
        ("0", "IO-APIC", "2-edge timer", {"0": 21, "2": 9}),
        ("LOC", "Local timer interrupts", "", {"0": 12, "2": 15}),
    ]


@pytest.mark.parametrize("data", [b"", b"0: 1 2 x\n", b"CPU0\n0: x IO-APIC\n", b"CPU0\nnonsense\n"])
def test_interrupts_malformed(data: bytes) -> None:
    with pytest.raises(ValueError):
        interrupts.parse_interrupts(data)


def test_the_state_of_a_process_whose_name_looks_like_a_state() -> None:
    fields = b" ".join(b"%d" % number for number in range(4, 53))
    assert process.parse_condition(b"812 (a) D (b) S " + fields) == ("S", 20)


def test_conntrack_counters_are_summed_but_not_entries() -> None:
    data = b"entries  found drop\n00000010  00000001 0000000a\n00000010  00000002 00000000\n"
    entries, counts = procnet.parse_conntrack(data)
    assert (entries, counts["found"], counts["drop"]) == (16, 3, 10)
    with pytest.raises(ParseError):
        procnet.parse_conntrack(b"entries found\n")


def mount(point: str, *, options: str = "rw", source: str = "ext4 /dev/sda", super_options: str = "rw") -> bytes:
    return f"27 1 254:3 / {point} {options} shared:1 master:2 - {source} {super_options}\n".encode()


def test_mountinfo_unescapes_paths() -> None:
    (entry,) = mounts.parse_mountinfo(mount(r"/srv/a\040b\011c\134d", source=r"cifs //nas/My\040Share"))
    assert entry == mounts.Mount("//nas/My Share", "/srv/a b\tc\\d", "cifs", "254", "3", False)


def test_mountinfo_keeps_the_topmost_of_stacked_mounts() -> None:
    entries = mounts.parse_mountinfo(mount("/", source="rootfs rootfs") + mount("/") + mount("/srv"))
    assert [(entry.device, entry.point) for entry in entries] == [("/dev/sda", "/"), ("/dev/sda", "/srv")]


@pytest.mark.parametrize(
    ("options", "super_options", "readonly"),
    [
        ("rw,relatime", "rw,errors=remount-ro", False),
        ("ro,relatime", "rw", True),
        ("rw", "ro,errors=remount-ro", True),
        ("rw", "rw,emergency_ro", True),
    ],
)
def test_mountinfo_readonly(options: str, super_options: str, readonly: bool) -> None:
    (entry,) = mounts.parse_mountinfo(mount("/", options=options, super_options=super_options))
    assert entry.readonly is readonly


@pytest.mark.parametrize("data", [b"27 1 254:3 / / rw\n", b"27 1 254 / / rw - ext4 /dev/sda rw\n", b"1 - ext4 a b\n"])
def test_mountinfo_malformed(data: bytes) -> None:
    with pytest.raises(ParseError, match="mountinfo"):
        mounts.parse_mountinfo(data)


def test_os_release_quotes() -> None:
    data = b'ID=debian\nNAME="Debian \\"X\\""\nVERSION=\'12\'\n# ID=no\n\nnonsense\nEMPTY=\n'
    assert rootfs.parse_os_release(data) == {"ID": "debian", "NAME": 'Debian "X"', "VERSION": "12", "EMPTY": ""}


def test_udev_properties() -> None:
    assert rootfs.parse_udev(b"S:disk/by-id/x=y\nE:ID_MODEL=QEMU_DISK\nE:NO\nE:A=b=c\n") == {
        "ID_MODEL": "QEMU_DISK",
        "A": "b=c",
    }


def test_lines_of_hidden_interfaces_are_not_parsed():
    head = b"Inter-|   Receive\n face |bytes\n"
    lines = b"  eth0: " + b"1 " * 16 + b"\nveth1: unreadable\n veth2:" + b"2 " * 16 + b"\n"
    asked = []

    def is_shown(name: str) -> bool:
        asked.append(name)
        return not name.startswith("veth")

    assert procnet.parse_dev(head + lines, is_shown) == {"eth0": (1,) * 16}
    assert asked == ["eth0", "veth1", "veth2"]
