"""A log's lines are read once each, whatever happens to its files: random sequences against the true count."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deckwatch.exporter.sources.logs import positions
from deckwatch.exporter.sources.logs.files import Listing, LogFiles
from deckwatch.exporter.sources.logs.reader import LogReader
from deckwatch.exporter.world import World

OPERATIONS = (
    "write",
    "write",
    "half",
    "read",
    "read",
    "restart",
    "crash",
    "rename",
    "date",
    "copy",
    "compress",
    "reopen",
    "blind",
    "stale_rename",
    "stale_copy",
    "stale_compress",
)


class Machine:
    """A log with its writer, and a reader that stores positions and lines together at each reading."""

    def __init__(self, folder: Path, *, linger: float = 0.0) -> None:
        self.folder = folder
        self.log = folder / "access.log"
        self.linger = linger
        self.written: Counter[bytes] = Counter()
        self.number = 0
        self.half = b""
        self.clock = 1_700_000_000_000_000_000
        self.writer = self.open_writer()
        self.files = LogFiles(World(), [str(self.log)])
        self.stored: tuple[str, Counter[bytes]] = ("", Counter())
        self.start()
        self.read()

    def open_writer(self) -> int:
        return os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def start(self) -> None:
        self.seen = Counter(self.stored[1])
        self.reader = LogReader(lambda text: self.seen.update(text.splitlines()))
        self.reader.linger = self.linger
        if self.stored[0]:
            self.reader.load_state(json.loads(self.stored[0]))

    def put(self, text: bytes) -> None:
        os.write(self.writer, text)
        self.clock += 10_000_000
        os.utime(self.writer, ns=(self.clock, self.clock))

    def write(self) -> None:
        self.finish_half()
        lines = [self.make_line() for _ in range(3)]
        self.put(b"".join(line + b"\n" for line in lines))

    def make_line(self) -> bytes:
        self.number += 1
        line = b"line %d %s" % (self.number, b"x" * (self.number * 7 % 50))
        self.written[line] += 1
        return line

    def write_half(self) -> None:
        """Write the start of a line, as only a file that is still written to has one."""
        self.reopen()
        line = self.make_line()
        self.put(line[:5])
        self.half = line[5:] + b"\n"

    def finish_half(self) -> None:
        if self.half:
            self.put(self.half)
            self.half = b""

    def read(self) -> None:
        while self.reader.read_new(self.files.list_files()):
            pass
        assert not self.reader.faults
        self.stored = (json.dumps(self.reader.to_state()), Counter(self.seen))

    def blind(self) -> None:
        """Read while no file can be seen."""
        self.reader.read_new(Listing())
        self.stored = (json.dumps(self.reader.to_state()), Counter(self.seen))

    def read_stale(self, *operations: str) -> None:
        """Read with a listing that is out of date, as files change between listing and reading."""
        listing = self.files.list_files()
        for operation in operations:
            self.run(operation)
        self.reader.read_new(listing)
        self.stored = (json.dumps(self.reader.to_state()), Counter(self.seen))

    def stale_rename(self) -> None:
        self.read_stale("rename", "reopen", "write")

    def stale_copy(self) -> None:
        self.read_stale("copy", "write")

    def stale_compress(self) -> None:
        self.read_stale("rename", "reopen", "compress", "write")

    def restart(self) -> None:
        self.read()
        self.crash()

    def crash(self) -> None:
        self.reader.close()
        self.start()

    def rename(self) -> None:
        self.finish_half()
        self.shift_rotated()
        if self.log.exists():
            self.log.rename(f"{self.log}.1")

    def date(self) -> None:
        self.finish_half()
        if self.log.exists():
            self.clock += 1
            self.log.rename(f"{self.log}-{self.clock}")

    def copy(self) -> None:
        """Rotate as logrotate does with copytruncate; the writer must have opened the log again by then."""
        self.reopen()
        self.shift_rotated()
        shutil.copy(self.log, f"{self.log}.1")
        os.truncate(self.log, 0)

    def shift_rotated(self) -> None:
        numbered = {path: int(path.name.split(".")[2]) for path in self.folder.glob("access.log.*")}
        for path, number in sorted(numbered.items(), key=lambda each: -each[1]):
            path.rename(str(path).replace(f".log.{number}", f".log.{number + 1}"))

    def compress(self) -> None:
        """Compress every rotated file that is not written to."""
        inode = os.fstat(self.writer).st_ino
        for path in self.folder.glob("access.log[.-]*"):
            if path.suffix != ".gz" and path.stat().st_ino != inode:
                about = path.stat()
                packed = Path(f"{path}.gz")
                packed.write_bytes(gzip.compress(path.read_bytes()))
                os.utime(packed, ns=(about.st_atime_ns, about.st_mtime_ns))
                path.unlink()

    def reopen(self) -> None:
        self.finish_half()
        os.close(self.writer)
        self.writer = self.open_writer()

    def settle(self) -> None:
        self.finish_half()
        for _ in range(4):
            self.read()

    def close(self) -> None:
        self.reader.close()
        os.close(self.writer)

    def run(self, operation: str) -> None:
        {"half": self.write_half}.get(operation, getattr(self, operation, None))()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(st.sampled_from(OPERATIONS), min_size=5, max_size=40), linger=st.sampled_from([0.0, 60.0]))
def test_every_line_is_read_once(tmp_path_factory, operations, linger):
    folder = tmp_path_factory.mktemp("log")
    machine = Machine(folder, linger=linger)
    try:
        for operation in operations:
            machine.run(operation)
        machine.settle()
        assert machine.seen == machine.written
    finally:
        machine.close()
        shutil.rmtree(folder)


def test_a_long_random_life(tmp_path):
    chance = random.Random(7)
    machine = Machine(tmp_path)
    for _ in range(600):
        machine.run(chance.choice(OPERATIONS))
        if len(list(tmp_path.iterdir())) > 30:
            machine.settle()
            for path in sorted(tmp_path.glob("access.log[.-]*"), key=lambda each: each.stat().st_mtime)[:20]:
                if path.stat().st_ino != os.fstat(machine.writer).st_ino:
                    path.unlink()
    machine.settle()
    machine.close()
    assert machine.seen == machine.written


def read_all(reader: LogReader, *patterns: str) -> None:
    files = LogFiles(World(), patterns)
    while reader.read_new(files.list_files()):
        pass


@pytest.fixture
def lines():
    return []


@pytest.fixture
def reader(lines):
    reader = LogReader(lambda text: lines.extend(text.splitlines()))
    reader.linger = 0.0
    yield reader
    reader.close()


def test_lines_from_before_the_first_start_are_not_counted(tmp_path, reader, lines):
    log = tmp_path / "a.log"
    log.write_bytes(b"old\nolder\nbeg")
    (tmp_path / "a.log.1").write_bytes(b"oldest\n")
    read_all(reader, str(log))
    assert lines == []
    with log.open("ab") as file:
        file.write(b"inning\nnew\n")
    read_all(reader, str(log))
    assert lines == [b"beginning", b"new"]


def test_with_begin_start_they_are(tmp_path, lines):
    (tmp_path / "a.log").write_bytes(b"old\n")
    (tmp_path / "a.log.1").write_bytes(b"oldest\n")
    reader = LogReader(lines.append, from_start=True)
    read_all(reader, str(tmp_path / "a.log"))
    reader.close()
    assert lines == [b"old\n"]


def test_a_rotated_file_is_closed_once_it_is_read(tmp_path, reader, lines):
    log = tmp_path / "a.log"
    log.write_bytes(b"")
    read_all(reader, str(log))
    log.write_bytes(b"one\n")
    read_all(reader, str(log))
    log.rename(tmp_path / "a.log.1")
    log.write_bytes(b"two\n")
    for _ in range(3):
        read_all(reader, str(log))
    assert lines == [b"one", b"two"]
    assert reader.open_count == 0
    with (tmp_path / "a.log.1").open("ab") as late:
        late.write(b"late\n")
    read_all(reader, str(log))
    assert lines == [b"one", b"two", b"late"]


def test_a_deleted_file_is_read_to_its_end_and_closed(tmp_path, reader, lines):
    log = tmp_path / "a.log"
    log.write_bytes(b"")
    reader.linger = 60.0
    read_all(reader, str(log))
    log.write_bytes(b"one\n")
    read_all(reader, str(log))
    writer = log.open("ab", buffering=0)
    log.unlink()
    writer.write(b"two\n")
    log.write_bytes(b"three\n")
    read_all(reader, str(log))
    assert sorted(lines) == [b"one", b"three", b"two"]
    reader.linger = 0.0
    for _ in range(2):
        read_all(reader, str(log))
    assert reader.open_count == 0
    writer.close()


def test_a_line_that_is_too_long_is_counted_and_left_out(tmp_path, reader, lines):
    log = tmp_path / "a.log"
    log.write_bytes(b"")
    read_all(reader, str(log))
    log.write_bytes(b"before\n" + b"x" * (3 * positions.CHUNK_BYTES) + b"\nafter\n")
    read_all(reader, str(log))
    assert lines == [b"before", b"after"]
    assert reader.too_long == 1


def test_a_hole_at_the_start_of_a_truncated_file_is_no_line(tmp_path, reader, lines):
    log = tmp_path / "a.log"
    log.write_bytes(b"")
    read_all(reader, str(log))
    with log.open("r+b") as file:  # not in append mode: it goes on at its old offset
        file.seek(5 * positions.CHUNK_BYTES + 17)
        file.write(b"after the hole\n")
    read_all(reader, str(log))
    assert lines == [b"after the hole"]
    assert reader.too_long == 0


def test_a_new_log_that_begins_like_the_rotated_one_is_another(tmp_path, reader, lines):
    log = tmp_path / "a.log"
    log.write_bytes(b"")
    read_all(reader, str(log))
    for number in range(1, 4):
        log.write_bytes(b"the same line\n" * 200)
        read_all(reader, str(log))
        log.rename(tmp_path / f"a.log.{number}")
    for _ in range(3):
        read_all(reader, str(log))
    assert len(lines) == 600


def test_a_log_that_was_edited_is_read_on_where_it_was(tmp_path, reader, lines):
    log = tmp_path / "a.log"
    log.write_bytes(b"")
    read_all(reader, str(log))
    log.write_bytes(b"".join(b"line %d\n" % number for number in range(300)))
    for _ in range(2):
        read_all(reader, str(log))
    edited = tmp_path / "a.log.tmp"
    edited.write_bytes(log.read_bytes() + b"added\n")
    edited.replace(log)
    for _ in range(3):
        read_all(reader, str(log))
    with log.open("ab") as file:
        file.write(b"more\n")
    read_all(reader, str(log))
    assert lines[300:] == [b"added", b"more"]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_files_that_come_back_are_read_on(tmp_path, reader, lines, is_restarted):
    log = tmp_path / "a.log"
    log.write_bytes(b"")
    read_all(reader, str(log))
    log.write_bytes(b"one\n")
    read_all(reader, str(log))
    if is_restarted:
        state = json.loads(json.dumps(reader.to_state()))
        reader.close()
        reader.load_state(state)
    for _ in range(3):
        reader.read_new(Listing())  # of an engine that has not answered, or a file system that is not mounted
    with log.open("ab") as file:
        file.write(b"two\n")
    read_all(reader, str(log))
    assert lines == [b"one", b"two"]


def test_what_is_there_when_the_first_listing_is_complete_does_not_count(tmp_path, reader, lines):
    (tmp_path / "a.log").write_bytes(b"old\n")
    reader.read_new(Listing(is_complete=False))
    read_all(reader, str(tmp_path / "a.log"))
    assert lines == []


def test_a_file_that_is_renamed_before_it_is_opened_is_not_taken_for_the_new_one(tmp_path, reader, lines):
    log = tmp_path / "a.log"
    files = LogFiles(World(), [str(log)])
    reader.read_new(files.list_files())
    for number in range(1, 4):
        log.write_bytes(b"first %d\n" % number)
        listing = files.list_files()
        log.rename(tmp_path / f"a.log-{number}")
        log.write_bytes(b"second %d\n" % number)
        reader.read_new(listing)
        for _ in range(3):
            reader.read_new(files.list_files())
        log.rename(tmp_path / f"a.log.{number}")
    assert sorted(lines) == sorted(b"%s %d" % (word, number) for word in (b"first", b"second") for number in (1, 2, 3))


def test_a_new_file_of_a_pattern_is_read_from_its_start(tmp_path, reader, lines):
    pattern = str(tmp_path / "shop-*.log")
    (tmp_path / "shop-2026-01-01.log").write_bytes(b"old\n")
    read_all(reader, pattern)
    (tmp_path / "shop-2026-01-02.log").write_bytes(b"new\n")
    read_all(reader, pattern)
    assert lines == [b"new"]


def test_two_rotations_while_nothing_was_read(tmp_path, reader, lines):
    log = tmp_path / "a.log"
    log.write_bytes(b"")
    read_all(reader, str(log))
    log.write_bytes(b"one\n")
    read_all(reader, str(log))
    state = reader.to_state()
    with log.open("ab") as file:
        file.write(b"two\n")
    (tmp_path / "a.log.2.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    (tmp_path / "a.log.1").write_bytes(b"three\n")
    log.write_bytes(b"four\n")
    again = LogReader(lambda text: lines.extend(text.splitlines()))
    again.load_state(json.loads(json.dumps(state)))
    for _ in range(2):
        read_all(again, str(log))
    again.close()
    assert sorted(lines) == sorted([b"one", b"two", b"three", b"four"])


def test_a_compressed_file_that_is_still_being_written_is_left_alone(tmp_path, reader, lines):
    log = tmp_path / "a.log"
    log.write_bytes(b"")
    read_all(reader, str(log))
    log.write_bytes(b"one\n")
    read_all(reader, str(log))
    log.rename(tmp_path / "a.log.1")
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(b"one\n")[:8])
    for _ in range(3):
        read_all(reader, str(log))
    assert lines == [b"one"]
    assert not reader.faults


def test_a_damaged_compressed_file_is_reported(tmp_path, reader, lines):
    log = tmp_path / "a.log"
    log.write_bytes(b"")
    read_all(reader, str(log))
    whole = gzip.compress(b"".join(b"%d\n" % number for number in range(50_000)))
    (tmp_path / "a.log.1.gz").write_bytes(whole[:20_000] + b"\xff" * 500 + whole[20_500:])
    read_all(reader, str(log))
    assert list(reader.faults.values()) == ["its compressed content is damaged"]
    assert lines[:2] == [b"0", b"1"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.mkdir(), "a folder, not a file"),
        (os.mkfifo, "a pipe, not a file"),
        (lambda path: path.symlink_to("/etc/passwd"), "a link to /etc/passwd, which is outside the folders"),
        (lambda path: path.symlink_to("/dev/null"), "a link to /dev/null, which is outside the folders"),
        (lambda path: path.symlink_to(path), "too many levels of symbolic links"),
    ],
)
def test_what_is_no_file_is_reported_and_the_others_are_read(tmp_path, reader, lines, make, reason):
    read_all(reader, str(tmp_path / "*.log"))
    make(tmp_path / "bad.log")
    (tmp_path / "good.log").write_bytes(b"fine\n")
    started = time.monotonic()
    listing = LogFiles(World(), [str(tmp_path / "*.log")]).list_files()
    reader.read_new(listing)
    assert time.monotonic() - started < 5
    assert lines == [b"fine"]
    (fault,) = listing.faults.items()
    assert fault[0].endswith("/bad.log")
    assert reason in fault[1]


def test_a_link_within_the_folder_or_to_an_allowed_one_is_followed(tmp_path):
    elsewhere = tmp_path / "pods"
    elsewhere.mkdir()
    (elsewhere / "real.txt").write_bytes(b"")
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "current").write_bytes(b"")
    (logs / "a.log").symlink_to("current")
    (logs / "b.log").symlink_to("../pods/real.txt")
    plain = LogFiles(World(), [str(logs / "*.log")]).list_files()
    assert [Path(file.path).name for file in plain.files] == ["current"]
    assert len(plain.faults) == 1
    allowed = LogFiles(World(), [str(logs / "*.log")], [str(elsewhere)]).list_files()
    assert {Path(file.path).name for file in allowed.files} == {"current", "real.txt"}
    assert not allowed.faults


def test_links_are_resolved_below_the_hosts_root(tmp_path):
    logs = tmp_path / "var/log/shop"
    logs.mkdir(parents=True)
    (logs / "real").write_bytes(b"")
    (logs / "a.log").symlink_to("/var/log/shop/real")
    listing = LogFiles(World(rootfs=tmp_path), ["/var/log/shop/a.log"]).list_files()
    assert [file.path for file in listing.files] == [str(logs / "real")]
