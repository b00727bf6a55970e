"""Parsers of the files of /proc/<pid>, with literals and malformed content, and the names of processes and groups."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources import process_files, process_groups
from deckwatch.exporter.sources.process_table import Identity, describe_process, split_arguments

STAT = (
    b"%d (%s) S %d 10 10 0 -1 4194560 %d 0 %d 0 %d %d 0 0 20 0 3 0 %d 10485760 256 18446744073709551615 1 1 0 0 0 0 0 "
    b"16781312 134235647 0 0 0 17 1 0 0 0 0 0\n"
)
STATUS = (
    b"Name:\tnginx\nVmSwap:\t     12 kB\nThreads:\t3\nvoluntary_ctxt_switches:\t%d\nnonvoluntary_ctxt_switches:\t7\n"
)
IO = b"rchar: 9\nwchar: 9\nsyscr: 1\nsyscw: 1\nread_bytes: %d\nwrite_bytes: %d\ncancelled_write_bytes: 0\n"
LIMITS = b"Limit    Soft Limit  Hard Limit  Units\nMax open files            8          4096       files\n"
ID = "0123456789abcdef" * 4
PARSERS = (
    process_files.parse_stat,
    process_files.parse_status,
    process_files.parse_io,
    process_files.parse_open_files_limit,
    process_files.parse_private_pages,
    process_files.parse_rollup,
    process_files.parse_container_id,
)


def test_the_files_are_parsed():
    stat = process_files.parse_stat(STAT % (7, b"a) R (b", 1, 11, 12, 13, 14, 15))
    assert stat == (b"a) R (b", b"S", 1, 11, 12, 13, 14, 3, 15, 10485760, 256)
    assert process_files.parse_status(STATUS % 5) == (12 * 1024, 5, 7)
    assert process_files.parse_io(IO % (3, 4)) == (3, 4)
    assert process_files.parse_open_files_limit(LIMITS) == 8
    assert process_files.parse_open_files_limit(LIMITS.replace(b"  8 ", b"  unlimited ")) == float("inf")
    assert process_files.parse_private_pages(b"2560 256 56 1 0 9 0") == 200
    rollup = b"5-7 ---p 0 0:0 0 [rollup]\nRss: 9 kB\nPss:                 5 kB\nPss_Dirty: 1 kB\nSwapPss: 2 kB\n"
    assert process_files.parse_rollup(rollup) == (5 * 1024, 2 * 1024)
    assert process_files.parse_container_id(f"0::/docker/{ID}/init".encode()) == ID
    assert process_files.parse_container_id(f"3:cpu:/\n0::/libpod-conmon-{ID}.scope".encode()) == ""
    assert split_arguments(b"nginx: worker process") == ("nginx: worker process",)
    assert split_arguments(b"a\0\0b\0\0") == ("a", "", "b")


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(data=st.binary() | st.lists(st.sampled_from([*STAT.split(), b"(", b")", b"\nPss:", b"\nread_bytes:", b"9"])))
def test_malformed_files_raise_value_errors_only(parse, data):
    data = data if isinstance(data, bytes) else b" ".join(data)
    with contextlib.suppress(ValueError):
        parse(data)


@given(st.binary(max_size=15), st.lists(st.integers(0, 1 << 62), min_size=5, max_size=5))
def test_every_name_is_found_in_a_stat_file(name, numbers):
    stat = process_files.parse_stat(STAT % (7, name, 1, *numbers))
    assert (stat.comm, stat.minor_faults, stat.start_ticks) == (name, numbers[0], numbers[4])


@pytest.mark.parametrize(
    ("comm", "line", "name"),
    [
        ("nginx", ["nginx: worker process"], "nginx"),
        ("kworker/0:1-events", [], "kworker"),
        ("ksoftirqd/3", [], "ksoftirqd"),
        ("python3", ["/usr/bin/python3", "-u", "/srv/shop/manage.py", "--password=x"], "python3 manage.py"),
        ("python3.11", ["python3.11", "-m", "celery", "worker"], "python3.11 celery"),
        ("java", ["java", "-Xmx1g", "-jar", "/opt/shop.jar"], "java shop.jar"),
        ("node", ["node", "server.js"], "node server.js"),
        ("bash", ["bash", "-c", "mysql -psecret"], "bash"),
        ("gunicorn", ["/usr/bin/python3", "gunicorn"], "gunicorn"),
        ("php", ["php", "user:pass@host"], "php"),
        ("bash", ["bash", "/dev/fd/3"], "bash"),
    ],
)
def test_a_process_is_named_by_its_program_and_script(comm, line, name):
    assert describe_process(Identity(comm, tuple(line), 0, "")) == name


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"name": "a", "comm": ["nginx", "python3"]}, "a"),
        ({"name": "a", "exe": "python3.11"}, "a"),
        ({"name": "a", "exe": "/usr/bin/python3.11"}, "a"),
        ({"name": "a", "exe": "/opt/python3.11"}, None),
        ({"name": "a", "comm": "nginx"}, None),
        ({"name": "a", "comm": "python3", "cmdline": "nothing"}, None),
        ({"name": "a", "cmdline": ["manage", r"--port=\d+"]}, "a"),
        ({"name": "{comm}:{exe}:{exe_path}:{user}", "cmdline": "."}, "python3:python3.11:/usr/bin/python3.11:root"),
        ({"name": "{port}{missing}", "cmdline": r"--port=(?P<port>\d+)(?P<missing>x)?"}, "8000"),
    ],
)
def test_all_conditions_of_a_group_must_hold(entry, name):
    identity = Identity("python3", ("/usr/bin/python3.11", "manage.py", "--port=8000"), 0, "")
    assert process_groups.GroupRule(entry).name_group(identity) == name
