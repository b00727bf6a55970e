"""Parsers for the host's /proc/1/net; as in `procfs.py`, they return the kernel's own units."""

from __future__ import annotations

from exporter.sources.procfs import ParseError, text


def parse_dev(data: bytes) -> dict[str, tuple[int, ...]]:
    """Return from net/dev for each interface 16 counters.

    Received: bytes, packets, errs, drop, fifo, frame, compressed, multicast; sent: bytes, packets, errs, drop, fifo,
    colls, carrier, compressed (net/core/net-procfs.c).
    """
    devices = {}
    lines = data.splitlines()
    if not lines or b"|" not in lines[0]:
        raise ParseError("net/dev: its heading is missing")
    for line in lines[2:]:
        name, _, rest = line.partition(b":")
        counters = tuple(map(int, rest.split()))
        if len(counters) != 16:
            raise ParseError(f"net/dev: {len(counters)} counters, not 16, in {text(line)!r}")
        devices[text(name.strip())] = counters
    return devices


def parse_headed(data: bytes) -> dict[bytes, dict[bytes, int]]:
    """Return net/snmp or net/netstat: protocol → field → number, from pairs of lines with names and with values."""
    found: dict[bytes, dict[bytes, int]] = {}
    lines = data.splitlines()
    if len(lines) % 2:
        raise ParseError("net/snmp or net/netstat: a line of names without values")
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        protocol, _, fields = names.partition(b":")
        same, _, numbers = values.partition(b":")
        keys, figures = fields.split(), numbers.split()
        if protocol != same or len(keys) != len(figures):
            raise ParseError(f"net/snmp or net/netstat: names and values of {text(protocol)} differ")
        found[protocol] = dict(zip(keys, map(int, figures), strict=True))
    return found


def parse_sockstat(data: bytes) -> dict[bytes, dict[bytes, int]]:
    """Return net/sockstat or net/sockstat6: protocol → key → number; `mem` is in pages, `memory` in bytes."""
    found = {}
    for line in data.splitlines():
        protocol, colon, rest = line.partition(b":")
        words = rest.split()
        if not colon or len(words) % 2:
            raise ParseError(f"net/sockstat: {text(line)!r}")
        found[protocol] = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    return found
