"""Parsers for the host's /proc/1/net; as in `procfs.py`, they return the kernel's own units."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.procfs import ParseError, decode_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable


def parse_dev(data: bytes, is_shown: Callable[[str], bool] | None = None) -> dict[str, tuple[int, ...]]:
    """Return from net/dev for each interface 16 counters; only of interfaces for whose name `is_shown` is true.

    The lines of the others, of which a host with containers has hundreds, are not parsed.
    Received: bytes, packets, errs, drop, fifo, frame, compressed, multicast; sent: bytes, packets, errs, drop, fifo,
    colls, carrier, compressed (net/core/net-procfs.c).
    """
    devices = {}
    lines = data.splitlines()
    if not lines or b"|" not in lines[0]:
        raise ParseError("net/dev: its heading is missing")
    for line in lines[2:]:
        before, _, rest = line.partition(b":")
        name = decode_text(before.strip())
        if is_shown is not None and not is_shown(name):
            continue
        counters = tuple(map(int, rest.split()))
        if len(counters) != 16:
            raise ParseError(f"net/dev: {len(counters)} counters, not 16, in {decode_text(line)!r}")
        devices[name] = counters
    return devices


def split_headed(data: bytes) -> dict[bytes, dict[bytes, bytes]]:
    """Return net/snmp or net/netstat: protocol → field → unparsed number, since few of hundreds are needed.

    They are pairs of lines, with names and with values.
    """
    result: dict[bytes, dict[bytes, bytes]] = {}
    lines = data.splitlines()
    if len(lines) % 2:
        raise ParseError("net/snmp or net/netstat: a line of names without values")
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        keys, figures = names.split(), values.split()
        if not keys or keys[:1] != figures[:1] or len(keys) != len(figures):
            raise ParseError(f"net/snmp or net/netstat: names and values of {decode_text(names[:20])} differ")
        result[keys[0].removesuffix(b":")] = dict(zip(keys[1:], figures[1:], strict=True))
    return result


def parse_sockstat(data: bytes) -> dict[bytes, dict[bytes, int]]:
    """Return net/sockstat or net/sockstat6: protocol → key → number; `mem` is in pages, `memory` in bytes."""
    result = {}
    for line in data.splitlines():
        protocol, colon, rest = line.partition(b":")
        words = rest.split()
        if not colon or len(words) % 2:
            raise ParseError(f"net/sockstat: {decode_text(line)!r}")
        result[protocol] = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    return result


def parse_softnet(data: bytes) -> dict[str, list[int]]:
    """Return the columns of net/softnet_stat by CPU; hexadecimal, one line per CPU online."""
    result = {}
    for number, line in enumerate(data.splitlines()):
        columns = [int(word, 16) for word in line.split()]
        if len(columns) < 3:
            raise ParseError(f"net/softnet_stat: {len(columns)} columns")
        # Since Linux 5.10 the 13th column says which CPU; before, the lines of offline CPUs were simply missing.
        result[str(columns[12] if len(columns) > 12 else number)] = columns
    return result


def parse_arp(data: bytes) -> dict[str, int]:
    """Return from net/arp how many neighbours each interface has.

    The column of the hardware address is empty where an interface has none, such as a tunnel's (net/ipv4/arp.c).
    """
    result: dict[str, int] = {}
    for line in data.splitlines()[1:]:
        words = line.split()
        if len(words) not in (5, 6) or words[-2] != b"*":
            raise ParseError(f"net/arp: {decode_text(line)!r}")
        device = decode_text(words[-1])
        result[device] = result.get(device, 0) + 1
    return result


def parse_udp(data: bytes) -> tuple[int, int]:
    """Return from net/udp or net/udp6 the bytes in all sending and in all receiving queues."""
    sent = received = 0
    for line in data.splitlines()[1:]:
        words = line.split()
        if len(words) < 5:
            raise ParseError(f"net/udp: {len(words)} columns")
        sending, _, receiving = words[4].partition(b":")
        sent += int(sending, 16)
        received += int(receiving, 16)
    return sent, received


# In the kernel's order, from 1 (include/net/tcp_states.h).
TCP_STATES = (
    *("established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close", "close_wait"),
    *("last_ack", "listen", "closing"),
)


class Sockets(NamedTuple):
    """TCP sockets by the kernel's number of their state (include/net/tcp_states.h), and the bytes in their queues."""

    states: Counter[int]
    sent: int
    received: int


def count_tcp(lines: Iterable[bytes]) -> Sockets:
    """Count the sockets in net/tcp or net/tcp6, given line by line: a busy server has a hundred thousand of them."""
    words: Counter[bytes] = Counter()
    queues: Counter[bytes] = Counter()
    rest = iter(lines)
    if b"local_address" not in next(rest, b""):
        raise ParseError("net/tcp: its heading is missing")
    for line in rest:
        columns = line.split(None, 5)
        if len(columns) < 5:
            raise ParseError(f"net/tcp: {len(columns)} columns")
        words[columns[3]] += 1
        if columns[4] != b"00000000:00000000":
            queues[columns[4]] += 1
    sent = received = 0
    for queue, times in queues.items():
        sending, _, receiving = queue.partition(b":")
        sent += int(sending, 16) * times
        received += int(receiving, 16) * times
    states: Counter[int] = Counter()
    for word, times in words.items():
        states[int(word, 16)] += times
    return Sockets(states, sent, received)


def count_tcp_by_port(lines: Iterable[bytes], ports: Collection[int]) -> Counter[tuple[int, int]]:
    """Count the sockets in net/tcp or net/tcp6 with one of these local ports, by port and number of the state."""
    wanted = {b"%04X" % port: port for port in ports}
    counts: Counter[tuple[bytes, bytes]] = Counter()
    rest = iter(lines)
    if b"local_address" not in next(rest, b""):
        raise ParseError("net/tcp: its heading is missing")
    for line in rest:
        columns = line.split(None, 4)
        if len(columns) < 5:
            raise ParseError(f"net/tcp: {len(columns)} columns")
        word = columns[1][-4:]
        if word in wanted:
            counts[word, columns[3]] += 1
    return Counter({(wanted[port], int(state, 16)): count for (port, state), count in counts.items()})


def parse_conntrack(data: bytes) -> tuple[int, dict[str, int]]:
    """Return from net/stat/nf_conntrack how many connections are followed, and each counter summed over all CPUs."""
    heading, *lines = data.splitlines() or [b""]
    names = [decode_text(word) for word in heading.split()]
    rows = [[int(word, 16) for word in line.split()] for line in lines]
    if names[:1] != ["entries"] or not rows or any(len(row) != len(names) for row in rows):
        raise ParseError("net/stat/nf_conntrack: not a heading and a line for each CPU")
    counts = {name: sum(row[column] for row in rows) for column, name in enumerate(names)}
    return rows[0][0], counts  # every line has the same number of entries
