"""Compressed pages are whatever was kept of earlier ones the same text, in one gzip member."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter import crc32
from deckwatch.exporter import gzip as packing
from deckwatch.exporter.exposition import Family, render_chunks, render_families
from deckwatch.exporter.gzip import PageCompressor
from deckwatch.exporter.metric import Lines, Metric

if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS = [Metric(f"x_{number}", "gauge", "A test.", ("name",)) for number in range(6)]
LIBRARIES = {"fastest": (packing.deflate, packing.combine_crc32), "zlib": (zlib, crc32.combine_crc32)}


@pytest.fixture(params=LIBRARIES)
def library(request, monkeypatch) -> None:
    deflate, combine = LIBRARIES[request.param]
    monkeypatch.setattr(packing, "deflate", deflate)
    monkeypatch.setattr(packing, "combine_crc32", combine)


def make_lines(metric: Metric, value: int, count: int) -> Lines:
    return Lines(metric, [b'%s{name="%d"} %d\n' % (metric.name.encode(), row, value) for row in range(count)], count)


def unpack(page: bytes) -> bytes:
    """Return the text of the first member, which must be all there is."""
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    text = reader.decompress(page)
    assert reader.eof, "the length and the checksum are right"
    assert reader.unused_data == b"", "nothing follows"
    assert gzip.decompress(page) == text
    return text


def pack(compressor: PageCompressor, samples: list, request: str = "") -> tuple[bytes, bytes]:
    """Return the compressed page and its text."""
    page = compressor.compress_page(request, render_families(samples))
    return page, unpack(page)


# What happens to each family from a page to the next: the same, new values, other values of samples, or it is left out.
STEPS = st.lists(st.lists(st.sampled_from(["same", "new", "samples", "gone"]), min_size=6, max_size=6), max_size=12)
SIZES = st.lists(st.sampled_from([0, 1, 30, 300, 3000]), min_size=6, max_size=6)


@pytest.mark.usefixtures("library")
@given(STEPS, SIZES, st.sampled_from(["one", "two"]))
def test_any_history_of_families_has_the_same_text_as_without_segments(steps, sizes, other):
    compressor = PageCompressor()
    lines = [make_lines(metric, 0, size) for metric, size in zip(METRICS, sizes, strict=True)]
    extra = [[] for _ in METRICS]
    for number, step in enumerate(steps):
        samples = []
        for index, change in enumerate(step):
            if change == "new":
                lines[index] = make_lines(METRICS[index], number, sizes[index])
            if change == "samples":
                extra[index] = [METRICS[index](number, "sample")]
            if change != "gone":
                samples += [lines[index], *extra[index]]
        _, text = pack(compressor, samples, other if number % 3 else "one")
        assert text == b"".join(render_chunks(samples))


@pytest.fixture
def deflated(monkeypatch) -> Iterator[list[str]]:
    """The names of the families compressed as segments, in order."""
    names: list[str] = []
    original = packing._Member.deflate_alone

    def record(member: packing._Member, family: Family) -> packing._Segment:
        names.append(family.name)
        return original(member, family)

    monkeypatch.setattr(packing._Member, "deflate_alone", record)
    return names


@pytest.mark.usefixtures("library")
def test_an_unchanged_family_is_compressed_once_more_and_then_kept(deflated):
    compressor = PageCompressor()
    still, moving = make_lines(METRICS[0], 1, 500), METRICS[1]
    pages = [pack(compressor, [still, make_lines(moving, number, 500), METRICS[2](number, "")]) for number in range(5)]
    assert deflated == ["x_0"]
    assert len({len(page) for page, _ in pages[1:]}) == 1
    changed = make_lines(METRICS[0], 2, 500)
    assert b'x_0{name="7"} 2\n' in pack(compressor, [changed])[1]
    assert deflated == ["x_0"], "what changes is compressed with its neighbours"


def test_small_families_are_no_segments(deflated):
    compressor, lines = PageCompressor(), make_lines(METRICS[0], 1, 5)
    for _ in range(4):
        pack(compressor, [lines])
    assert deflated == []
    assert compressor._pages == {}


def test_a_family_that_vanishes_is_no_longer_kept(deflated):
    compressor = PageCompressor()
    first, second = make_lines(METRICS[0], 1, 500), make_lines(METRICS[1], 1, 500)
    for _ in range(3):
        pack(compressor, [first, second])
    pack(compressor, [second])
    [(_, kept)] = compressor._pages.values()
    assert list(kept) == ["x_1"]
    pack(compressor, [])
    assert compressor._pages == {}
    assert deflated == ["x_0", "x_1"]


def test_another_selection_of_collectors_leaves_the_page_alone(deflated):
    compressor = PageCompressor()
    first, second = make_lines(METRICS[0], 1, 500), make_lines(METRICS[1], 1, 500)
    for _ in range(3):
        pack(compressor, [first, second])
        pack(compressor, [second], "other")
    assert deflated == ["x_0", "x_1", "x_1"]


def test_the_pages_kept_are_bounded_in_number_and_age(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(packing.time, "monotonic", lambda: now[0])
    compressor, lines = PageCompressor(), make_lines(METRICS[0], 1, 500)
    for number in range(100):
        pack(compressor, [lines], str(number))
    assert list(compressor._pages) == [str(number) for number in range(84, 100)]
    now[0] = 301.0
    pack(compressor, [lines], "new")
    assert list(compressor._pages) == ["new"]


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_checksums_are_combined(first, second):
    combined = crc32.combine_crc32(zlib.crc32(first), zlib.crc32(second), len(second))
    assert combined == zlib.crc32(first + second)
    assert packing.combine_crc32(zlib.crc32(first), zlib.crc32(second), len(second)) == combined


def test_the_checksum_of_a_long_text():
    first, second = b"a" * 3_000_001, b"b" * 5_000_003
    assert crc32.combine_crc32(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)
