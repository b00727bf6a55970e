"""Interrupts by source and CPU, from /proc/interrupts (kernel/irq/proc.c)."""

from __future__ import annotations

from typing import NamedTuple

from deckwatch.exporter.sources.procfs import ParseError, decode_text


class Interrupt(NamedTuple):
    """A source of interrupts: its number or name, its chip or purpose, its devices, and its count per CPU."""

    name: str
    info: str
    devices: str
    counts: dict[str, int]


def parse_interrupts(data: bytes) -> list[Interrupt]:
    """Return all sources that count by CPU; ERR and MIS, which only count over all, are left out."""
    heading, *lines = data.splitlines() or [b""]
    cpus = [decode_text(word.removeprefix(b"CPU")) for word in heading.split()]
    if not cpus or not heading.split()[0].startswith(b"CPU"):
        raise ParseError("/proc/interrupts: its heading is missing")
    interrupts = []
    for line in lines:
        name, colon, rest = line.partition(b":")
        words = rest.split(None, len(cpus))
        if not colon:
            raise ParseError(f"/proc/interrupts: {decode_text(line[:80])!r}")
        if len(words) <= len(cpus):
            continue
        *counts, about = words
        info, devices = " ".join(decode_text(about).split()), ""
        label = decode_text(name.strip())
        if label.isdecimal():
            info, _, devices = info.partition(" ")
        interrupts.append(Interrupt(label, info, devices, dict(zip(cpus, map(int, counts), strict=True))))
    return interrupts
