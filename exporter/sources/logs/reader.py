"""Reads the new lines of one log, across rotation, truncation and compression, each line once."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources.logs import positions as at
from deckwatch.exporter.sources.logs.lines import LineTaker, set_head
from deckwatch.exporter.sources.logs.positions import CHUNK_BYTES, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.sources.logs.files import Listing, LogFile
    from deckwatch.exporter.sources.logs.lines import Envelope

MAX_GONE = 100  # files that are gone and still recognised in copies
LINGER_SECONDS = 10.0  # for which a file without new lines stays open: a deleted one is then released


class _Open:
    """An open file, and when it last had new lines, on the monotonic clock."""

    __slots__ = ("busy", "descriptor")

    def __init__(self, file: LogFile) -> None:
        self.descriptor = at.open_log(file)
        self.busy = time.monotonic()


class LogReader:
    """The positions in all files of one log. `take_lines` gets whole lines as bytes, each ending with a newline."""

    def __init__(
        self, take_lines: Callable[[bytes], None], envelope: Envelope | None = None, *, from_start: bool = False
    ) -> None:
        self.positions: list[Position] = []
        self.is_known = False  # whether there was a reading: what exists before counts as read
        self.linger = LINGER_SECONDS
        self.unread = 0  # bytes
        self.faults: dict[str, str] = {}
        self._lines = LineTaker(take_lines, envelope)
        self._from_start = from_start
        self._unknown: list[LogFile] = []  # listed files without a position
        self._listed: dict[str, tuple[int, int]] = {}  # size and modification time at the last reading
        self._open: dict[tuple[int, int], _Open] = {}

    def to_state(self) -> dict[str, Any]:
        """Return the positions as a JSON value."""
        return {"known": self.is_known, "positions": [position.to_state() for position in self.positions]}

    def load_state(self, value: dict[str, Any]) -> None:
        """Continue at these positions."""
        self.is_known = value["known"]
        self.positions = [Position.from_state(each) for each in value["positions"]]

    def close(self) -> None:
        """Close all files."""
        while self._open:
            os.close(self._open.popitem()[1].descriptor)

    @property
    def too_long(self) -> int:
        """The number of lines that were left out because they are too long."""
        return self._lines.too_long

    @too_long.setter
    def too_long(self, value: int) -> None:
        self._lines.too_long = value

    @property
    def open_count(self) -> int:
        """The number of files that are open."""
        return len(self._open)

    def read_new(self, listing: Listing) -> bool:
        """Read new lines of the files; return whether there are more of them right now."""
        self.faults, self._lines.has_more = {}, False
        present = {(file.device, file.inode): file for file in listing.files}
        known = self._known_identities()
        self._unknown = [file for file in listing.files if (file.device, file.inode) not in known]
        if not self.is_known:
            if not listing.is_complete:
                return False
            self.is_known = True
            for file in listing.files:
                if not (self._from_start and file.is_live):
                    self._start_at_end(file)
        for position in list(self.positions):
            with self._report_faults(position.path):
                self._follow_file(position, present.get(position.identity))
        known = self._known_identities()  # with those of copies, without those of replaced files
        paths = {file.path for file in listing.files}
        for file in listing.files:
            # A compressed file is incomplete as long as the original exists.
            is_incomplete = file.is_compressed and file.path.removesuffix(".gz") in paths
            if (file.device, file.inode) not in known and not is_incomplete:
                with self._report_faults(file.path):
                    self._adopt_file(file, present)
        self._listed = {file.path: (file.size, file.changed) for file in listing.files}
        self._forget_old(present)
        self.unread = sum(
            max(0, present[position.identity].size - position.offset)
            for position in self.positions
            if position.identity in present and not position.done
        )
        return self._lines.has_more

    @contextlib.contextmanager
    def _report_faults(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            pass  # it has been renamed or deleted since the listing: the next reading finds it
        except OSError as fault:
            self.faults[path] = os.strerror(fault.errno or 0).lower()

    def _start_at_end(self, file: LogFile) -> None:
        """Add the position of a file whose present content is not counted."""
        position = Position(file.path, file.device, file.inode, changed=file.changed)
        with self._report_faults(file.path):
            head = at.read_head(file)
            if file.is_compressed:
                position.offset, position.done = at.content_length(file), True
            else:
                position.offset = self._last_line_end(file)
            set_head(position, head)
            self.positions.append(position)

    def _last_line_end(self, file: LogFile) -> int:
        descriptor = at.open_log(file)
        try:
            end = os.fstat(descriptor).st_size
            start = max(0, end - CHUNK_BYTES)
            return start + os.pread(descriptor, end - start, start).rfind(b"\n") + 1
        finally:
            os.close(descriptor)

    def _known_identities(self) -> set[tuple[int, int]]:
        return {position.identity for position in self.positions if position.inode}

    def _follow_file(self, position: Position, file: LogFile | None) -> None:
        """Read on in a file with a position, wherever it is now."""
        opened = self._open.get(position.identity)
        if file is not None:
            is_unchanged = opened is None and file.changed == position.changed
            if is_unchanged and (position.done or file.size == position.offset):
                return  # the usual case of a rotated file
            position.path, position.changed = file.path, file.changed
            if opened is None:
                if not self._still_matches(position, file):
                    self._give_up(position)
                    return
                if position.done:
                    return
                opened = self._open[position.identity] = _Open(file)
        if opened is None:
            if position.done:
                position.device = position.inode = 0
            else:
                self._find_copy(position)  # without one it may come back, with a file system or an engine
            return
        about = os.fstat(opened.descriptor)
        if about.st_size < position.offset or not _has_head(position, opened.descriptor):
            self._give_up(position)  # it was truncated
        elif self._lines.read_plain(position, opened.descriptor):
            opened.busy = time.monotonic()
        elif time.monotonic() - opened.busy >= self.linger:
            self._end_file(position, opened.descriptor, file)

    def _still_matches(self, position: Position, file: LogFile) -> bool:
        """Return whether a file that has the device and inode of a position is the same one, as far as known."""
        if not position.head_length:
            return False
        if file.is_compressed:
            return position.done and _matches_head(position, at.read_head(file))
        descriptor = at.open_log(file)
        try:
            is_long = position.done or os.fstat(descriptor).st_size >= position.offset
            return is_long and _has_head(position, descriptor)
        finally:
            os.close(descriptor)

    def _end_file(self, position: Position, descriptor: int, file: LogFile | None) -> None:
        """Close a file that has no new lines; `file` is None if it is not listed any more."""
        is_deleted = os.fstat(descriptor).st_nlink == 0
        if is_deleted or (file is not None and not file.is_live):
            self._lines.take_rest(position, os.pread(descriptor, CHUNK_BYTES, position.offset))
        self._close_position(position)
        if is_deleted:
            position.device = position.inode = 0
            position.done = True

    def _adopt_file(self, file: LogFile, present: dict[tuple[int, int], LogFile]) -> None:
        """Decide about a file without a position: a copy or a compressed form of a known one, or a new one."""
        head = at.read_head(file)
        is_short = len(head) < at.HEAD_BYTES and not file.is_live
        if is_short and (not head or self._listed.get(file.path) != (file.size, file.changed)):
            return  # it may be a copy that is being made
        # A log that is written to may begin like an earlier one, with the same requests in the same second.
        original = None if file.is_live else self._find_by_head(head)
        known = present.get(original.identity) if original else None
        if original and known and original.done and not _matches_head(original, at.read_head(known)):
            original.device = original.inode = 0  # another file has got its inode
            known = None
        if known and not known.is_live and not at.have_same_end(known, file):
            original = None
        if original is None:
            position = Position(file.path, file.device, file.inode, changed=file.changed)
            self.positions.append(position)
            self._read_from(position, file)
        elif original.identity not in present and original.identity not in self._open:
            self._read_rest_of_copy(original, file)
        # Else it is a copy of a file that is still read. It matters once that one is truncated.

    def _give_up(self, position: Position) -> None:
        """Read what a copy has of content that was truncated or replaced; the position remains, to recognise a copy."""
        self._close_position(position)
        was_done, position.done = position.done, True
        position.device = position.inode = 0
        if not was_done:
            self._find_copy(position)

    def _find_copy(self, position: Position) -> None:
        """Continue in an unknown file that is a copy or a compressed form of the position's, if there is one."""
        for file in self._unknown:
            if file.is_live and not _may_replace(position, file):
                continue
            if _matches_head(position, at.read_head(file)):
                self._unknown.remove(file)
                self._read_rest_of_copy(position, file)
                return

    def _read_rest_of_copy(self, position: Position, copy: LogFile) -> None:
        position.path, position.device, position.inode = copy.path, copy.device, copy.inode
        position.changed = copy.changed
        size = at.content_length(copy) if copy.is_compressed else copy.size
        if copy.is_compressed:
            position.done = size == position.offset % (1 << 32)
        else:
            position.done = size <= position.offset and not copy.is_live
        if not position.done:
            self._read_from(position, copy)

    def _read_from(self, position: Position, file: LogFile) -> None:
        """Read a file from its position; one that is not written to also to its unfinished last line."""
        if file.is_compressed:
            if not self._lines.read_compressed(position, file):
                self.faults[file.path] = "its compressed content is damaged"
            return
        opened = self._open[position.identity] = _Open(file)
        self._lines.read_plain(position, opened.descriptor)

    def _find_by_head(self, head: bytes) -> Position | None:
        """Return the newest position of a file that begins with these bytes."""
        return next((position for position in reversed(self.positions) if _matches_head(position, head)), None)

    def _close_position(self, position: Position) -> None:
        opened = self._open.pop(position.identity, None)
        if opened is not None:
            os.close(opened.descriptor)

    def _forget_old(self, present: dict[tuple[int, int], LogFile]) -> None:
        """Drop the oldest positions of files that are gone, beyond the limit."""
        gone = [each for each in self.positions if each.identity not in present and each.identity not in self._open]
        for position in gone[:-MAX_GONE]:
            self.positions.remove(position)


def _has_head(position: Position, descriptor: int) -> bool:
    return _matches_head(position, os.pread(descriptor, position.head_length, 0)) or not position.head_length


def _may_replace(position: Position, file: LogFile) -> bool:
    """Return whether a log may be the position's under the same path, restored or edited, with another inode."""
    return file.path == position.path and position.head_length == at.HEAD_BYTES and file.size >= position.offset


def _matches_head(position: Position, head: bytes) -> bool:
    """Return whether a file that begins with these bytes may be the position's, or a copy of it."""
    length = position.head_length
    return bool(length) and length <= len(head) and at.hash_head(head[:length]) == position.head
