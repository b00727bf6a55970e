"""Files that are replaced as a whole."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from deckwatch.core import whole_file
from deckwatch.core.whole_file import replace_file


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_former_content(tmp_path, monkeypatch, failing):
    target = tmp_path / "a.md"
    target.write_bytes(b"before")

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((whole_file.os, "fsync") if failing == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OSError, match="No space left"):
        replace_file(target, b"after")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.md", b"before")]


def test_a_mode_does_not_depend_on_the_umask(tmp_path):
    previous = os.umask(0o077)
    try:
        replace_file(tmp_path / "shared", b"", mode=0o644)
        replace_file(tmp_path / "own", b"")
    finally:
        os.umask(previous)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("shared", "own")] == [0o644, 0o600]


def test_a_link_under_the_temporary_name_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"unchanged")
    (tmp_path / f".a.{os.getpid()}-{threading.get_ident()}.new").symlink_to(victim)
    replace_file(tmp_path / "a", b"new")
    assert victim.read_bytes() == b"unchanged"
    assert (tmp_path / "a").read_bytes() == b"new"
    assert not (tmp_path / "a").is_symlink()


def test_two_threads_replace_a_file_at_once(tmp_path):
    target = tmp_path / "a"
    contents = [bytes([65 + index]) * 100_000 for index in range(4)]
    threads = [threading.Thread(target=replace_file, args=(target, content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_device_is_written_to_and_stays(tmp_path):
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root can create devices")
    replace_file(device, b"content")
    assert stat.S_ISCHR(device.stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["null"]


def test_a_pipe_is_written_to_if_something_reads_it(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No such device"):
        replace_file(pipe, b"content")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        link = tmp_path / "link"
        link.symlink_to(pipe)
        replace_file(link, b"content")
        assert os.read(reader, 100) == b"content"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert link.is_symlink()
