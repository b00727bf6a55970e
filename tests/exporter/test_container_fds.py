"""Open files of processes, and the limit."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources import container_fds
from deckwatch.exporter.sources.container_fds import parse_open_files
from deckwatch.exporter.sources.procfs import ParseError

LIMITS = (
    b"Limit                     Soft Limit           Hard Limit           Units\n"
    b"Max cpu time              unlimited            unlimited            seconds\n"
    b"Max open files            1024                 524288               files\n"
)


def test_the_soft_limit():
    assert parse_open_files(LIMITS) == 1024
    assert parse_open_files(LIMITS.replace(b"1024  ", b"unlimited")) == -1
    ours = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert parse_open_files(Path("/proc/self/limits").read_bytes()) == ours


@given(st.binary() | st.just(LIMITS).flatmap(lambda text: st.integers(0, len(text)).map(lambda end: text[:end])))
def test_an_invalid_limits_file_is_a_parse_error(data):
    with contextlib.suppress(ParseError, ValueError):
        parse_open_files(data)


def test_open_files_are_counted():
    before = container_fds.count_open_files(Path("/proc"), [os.getpid()])
    with socket.socket() as first, socket.socket() as second, Path("/dev/null").open() as file:
        after = container_fds.count_open_files(Path("/proc"), [os.getpid()])
        assert first.fileno() != second.fileno() != file.fileno()
    assert before is not None
    assert after is not None
    assert (after.files - before.files, after.sockets - before.sockets) == (3, 2)


def test_an_exited_process_has_no_open_files(tmp_path):
    assert container_fds.count_open_files(tmp_path, [4]) is None
    (tmp_path / "5/fd").mkdir(parents=True)
    assert container_fds.count_open_files(tmp_path, [4, 5]) == (0, 0)


def test_permission_denied_is_an_error(monkeypatch):
    def refuse(folder: str) -> list[str]:
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(os, "listdir", refuse)  # tests may run as root, who may read everything
    assert container_fds.count_open_files(Path("/proc"), [1]) is None
