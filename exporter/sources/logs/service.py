"""The logs of one service: what is read of them, the counters, and the state that both are stored in."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.core.masking import mask_secret_forms, mask_secrets
from deckwatch.exporter.sources.logs.format import AccessFormat
from deckwatch.exporter.sources.logs.handlers import Handlers
from deckwatch.exporter.sources.logs.messages import MessageCounts
from deckwatch.exporter.sources.logs.reader import LogReader
from deckwatch.exporter.sources.logs.requests import RequestCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deckwatch.exporter.sources.logs.files import Listing
    from deckwatch.exporter.sources.logs.format import Format
    from deckwatch.exporter.sources.logs.lines import Envelope
    from deckwatch.exporter.sources.logs.state import StateFile

log = logging.getLogger("deckwatch.logs")

_MAX_EXAMPLES = 3
_MAX_EXAMPLE_LENGTH = 120


@dataclass(frozen=True)
class LogSettings:
    """One log of a service: `key` identifies it in the state; `list_files` returns its present files.

    One that is optional may be missing.
    """

    key: str
    format: Format
    list_files: Callable[[], Listing]
    envelope: Envelope | None = None
    from_start: bool = False
    is_optional: bool = False


@dataclass(frozen=True)
class ServiceSettings:
    """The logs of a service, the rules for its handlers, and the duration from which a query counts as slow."""

    logs: Sequence[LogSettings]
    handlers: Sequence[str] = ()
    most_handlers: int = 200
    slow_seconds: float = 0.0


class Progress(NamedTuple):
    """Counts of lines: all, those of no known form, and the unread bytes."""

    lines: int
    unmatched: int
    unread: int


class _Log:
    """One log with its reader."""

    def __init__(self, settings: LogSettings, service: ServiceLogs) -> None:
        self.settings = settings
        self.reader = LogReader(self._take_lines, settings.envelope, from_start=settings.from_start)
        self.lines = 0
        self.unmatched = 0
        self.examples: list[str] = []
        self._service = service

    def _take_lines(self, text: bytes) -> None:
        found, unmatched = self.settings.format, 0
        self.lines += text.count(b"\n")
        if isinstance(found, AccessFormat):
            rows, others = found.parse(text)
            if rows:
                self._service.requests.add_rows(found.fields, rows)
            unmatched = len(others)
        else:
            messages = list(found.parse(text))
            self._service.messages.add_messages(messages)
            others = [message.line for message in messages if message.level is None]
            unmatched = len(others)
        if unmatched:
            self.unmatched += unmatched
            missing = _MAX_EXAMPLES - len(self.examples)
            self.examples += [describe_line(line) for line in others[: max(0, missing)]]


class ServiceLogs:
    """Reads the logs of one service and counts their lines. Not thread-safe: its thread alone uses it."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.requests = RequestCounts(Handlers(settings.handlers, settings.most_handlers))
        self.messages = MessageCounts(settings.slow_seconds)
        self._logs = [_Log(each, self) for each in settings.logs]
        self.has_requests = any(isinstance(each.format, AccessFormat) for each in settings.logs)
        message_formats = [each.format for each in settings.logs if not isinstance(each.format, AccessFormat)]
        if message_formats:
            self.messages.start_at_zero(queries=any(each.has_queries for each in message_formats))
        self.faults: dict[str, str] = {}
        self.missing: list[str] = []
        self.file_count = 0

    def read_new(self) -> bool:
        """Read new lines of every log; return whether there are more of them right now. Never raises OSError."""
        self.faults, self.missing, self.file_count, more = {}, [], 0, False
        for each in self._logs:
            listing = each.settings.list_files()
            more = each.reader.read_new(listing) or more
            self.faults |= listing.faults | each.reader.faults
            self.missing += [] if each.settings.is_optional else listing.missing
            self.file_count += len(listing.files)
        return more

    def progress(self) -> Progress:
        """Return the counts of lines."""
        too_long = sum(each.reader.too_long for each in self._logs)
        return Progress(
            sum(each.lines for each in self._logs) + too_long,
            sum(each.unmatched for each in self._logs) + too_long,
            sum(each.reader.unread for each in self._logs),
        )

    def examples(self) -> list[str]:
        """Return the first lines that have no known form, masked and shortened."""
        return [example for each in self._logs for example in each.examples][:_MAX_EXAMPLES]

    @property
    def open_files(self) -> int:
        """The number of files that are open."""
        return sum(each.reader.open_count for each in self._logs)

    def identify_state(self) -> object:
        """Return a value that differs whenever the state does."""
        positions = [
            (position.path, position.identity, position.offset, position.done, position.head_length)
            for each in self._logs
            for position in each.reader.positions
        ]
        return self.progress(), self.messages.errors.total(), positions

    def to_state(self) -> dict[str, Any]:
        """Return positions and counters as a JSON value."""
        logs = {
            each.settings.key: {
                "reader": each.reader.to_state(),
                "lines": each.lines,
                "unmatched": each.unmatched,
                "too_long": each.reader.too_long,
                "examples": each.examples,
            }
            for each in self._logs
        }
        return {"logs": logs, "requests": self.requests.to_state(), "messages": self.messages.to_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue where a process left off. Raises KeyError, TypeError or ValueError if it is not a state."""
        self.requests.load_state(state["requests"])
        self.messages.load_state(state["messages"])
        for each in self._logs:
            stored = state["logs"].get(each.settings.key)
            if stored:
                each.reader.load_state(stored["reader"])
                each.lines, each.unmatched = stored["lines"], stored["unmatched"]
                each.reader.too_long, each.examples = stored["too_long"], stored["examples"]

    def close(self) -> None:
        """Close all files."""
        for each in self._logs:
            each.reader.close()


def load_stored(logs: ServiceLogs, file: StateFile, name: str) -> None:
    """Continue with the stored state; a damaged one is reported, and reading starts at the end of the files."""
    try:
        if state := file.read():
            logs.load_state(state)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        log.warning("logs of %s: the stored positions in %s cannot be used: %s", name, file.path, type(fault).__name__)


def describe_line(line: bytes, length: int = _MAX_EXAMPLE_LENGTH) -> str:
    """Return a line for people: shortened, printable, secrets masked."""
    text = line[: 4 * length].decode("utf-8", "backslashreplace").replace("\t", "    ")
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    text = mask_secret_forms(mask_secrets(text))
    return text if len(text) <= length else text[:length] + "…"
