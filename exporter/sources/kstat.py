"""Statistics of the Solaris Porting Layer, /proc/spl/kstat (module/os/linux/spl/spl-kstat.c of OpenZFS)."""

from __future__ import annotations

from deckwatch.exporter.sources.procfs import ParseError, decode_text

_INTEGERS = (b"1", b"2", b"3", b"4")  # KSTAT_DATA_INT32, UINT32, INT64, UINT64
_HEADING = [b"name", b"type", b"data"]


def parse_kstat(data: bytes) -> dict[str, int]:
    """Return the integers of a table of names, types and values, by name; text is left out."""
    _, *lines = data.splitlines() or [b""]  # the first line describes the table
    if not lines or lines[0].split() != _HEADING:
        raise ParseError("kstat: its heading is missing")
    values = {}
    for line in lines[1:]:
        words = line.split(None, 2)
        if len(words) != len(_HEADING):
            raise ParseError(f"kstat: {decode_text(line)!r}")
        if words[1] in _INTEGERS:
            values[decode_text(words[0])] = int(words[2])
    return values
