"""Kept descriptors: current content, a bounded number, and none left open."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from deckwatch.exporter.sources import files
from deckwatch.exporter.sources.files import KeptFile, KeptFiles, read_once
from deckwatch.exporter.world import World


@pytest.fixture
def kept():
    with World() as world:
        yield world.source(KeptFiles)


def descriptors() -> set[str]:
    paths = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            paths.add(str(descriptor.readlink()))
        except FileNotFoundError:
            continue  # the descriptor of the listing itself
    return paths


def test_the_current_content_is_read(kept: KeptFiles, tmp_path: Path) -> None:
    file = tmp_path / "value"
    for content in (b"1\n", b"2", b"", b"x" * 100_000):
        file.write_bytes(content)
        assert kept.read(str(file)) == content
        assert read_once(str(file)) == content


def test_large_kernel_tables_are_read_completely(kept: KeptFiles) -> None:
    for path in ("/proc/crypto", "/proc/filesystems", "/proc/version", "/proc/sys/kernel/ostype"):
        assert kept.read(path) == read_once(path) == Path(path).read_bytes()


@pytest.mark.parametrize("size", [0, 1, 63, 64, 2047, 2048, 4000, 16_383, 16_384, 16_385, 50_000])
def test_unchanged_content_is_the_same_object(kept: KeptFiles, tmp_path: Path, size: int) -> None:
    file = tmp_path / "value"
    file.write_bytes(b"a" * size)
    first = kept.read(str(file))
    assert kept.read(str(file)) is first
    assert read_once(str(file), last=first) is first
    longer = [b"a" * (size + more) for more in (1, 63, 64, 65, 40_000)]
    for content in (*longer, b"a" * size + b"b", b"b" * size, b"", b"a" * size):
        file.write_bytes(content)
        assert kept.read(str(file)) == read_once(str(file), last=first) == content


def test_a_content_that_outgrew_its_room_is_read_again_from_its_start(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "value"
    file.write_bytes(b"old")
    kept, real = KeptFile(str(file)), os.pread
    assert kept.read() == b"old"
    file.write_bytes(b"1" * 100)

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        data = real(descriptor, size, offset)
        file.write_bytes(b"2" * 100)
        return data

    monkeypatch.setattr(os, "pread", pread)
    assert kept.read() == b"2" * 100
    kept.close()


def test_an_absent_file_raises(kept: KeptFiles, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            kept.read(str(tmp_path / "no"))


def test_the_file_of_a_replaced_device_is_reopened(kept: KeptFiles, tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "carrier"
    file.write_bytes(b"1")
    kept.read(str(file))
    real, gone = os.pread, [errno.ENODEV]

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        if gone:
            raise OSError(gone.pop(), "gone")
        return real(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", pread)
    file.rename(tmp_path / "old")
    file.write_bytes(b"2")
    assert kept.read(str(file)) == b"2"
    gone.append(errno.EINVAL)  # the carrier of an interface that is down: the file need not be reopened
    with pytest.raises(OSError, match="gone"):
        kept.read(str(file))


def test_the_oldest_descriptor_is_closed_first_and_all_at_close(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(KeptFiles, "max_open", 3)
    paths = [tmp_path / str(number) for number in range(6)]
    with World() as world:
        for _ in range(2):
            for path in paths:
                path.write_bytes(b"x")
                assert world.source(KeptFiles).read(str(path)) == b"x"
        assert descriptors() & set(map(str, paths)) == set(map(str, paths[-3:]))
    assert not descriptors() & set(map(str, paths))


def test_many_threads_share_few_descriptors(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(KeptFiles, "max_open", 2)
    monkeypatch.setattr(files, "_CHUNK", 64)
    paths = [tmp_path / str(number) for number in range(4)]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
    failures: list[object] = []
    with World() as world:
        kept = world.source(KeptFiles)

        def read() -> None:
            try:
                for path in paths * 50:
                    if kept.read(str(path)) != path.name.encode() * 1000:
                        failures.append(path)
            except OSError as error:
                failures.append(error)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures
