"""Counts the messages of applications' logs by level, errors by class, and slow queries by database."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deckwatch.exporter.sources.logs.format import Message

NO_TYPE = "none"  # an error that names no exception
OTHER = "_OTHER"
_MAX_TYPES = 50
_MAX_DATABASES = 100

LEVELS = ("debug", "info", "warning", "error", "critical")
_LEVEL_BY_WORD = {
    **dict.fromkeys(("trace", "debug", "verbose", "finest", "finer", "fine", "silly", "d", "10", "20"), "debug"),
    **dict.fromkeys(("info", "information", "informational", "notice", "log", "statement", "i", "30"), "info"),
    **dict.fromkeys(("warn", "warning", "w", "40"), "warning"),
    **dict.fromkeys(("error", "err", "severe", "eror", "e", "50"), "error"),
    **dict.fromkeys(("critical", "crit", "fatal", "alert", "emerg", "emergency", "panic", "c", "f", "60"), "critical"),
}
SERIOUS = frozenset(("error", "critical"))


def normalize_level(word: Any) -> str:
    """Return one of LEVELS for what programs write, or `_OTHER`; numbers are those of pino and bunyan."""
    return _LEVEL_BY_WORD.get(str(word).strip().strip(":[]<>()").lower(), OTHER)


class MessageCounts:
    """The messages of one service.

    An error is counted by its class. If the line has none, the exception may follow in the lines after it; so the error
    counts when the next message begins, or after `end_pending`.
    """

    def __init__(self, slow_seconds: float = 0.0) -> None:
        self.levels: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.slow_queries: Counter[str] = Counter()
        self.is_used = False
        self.has_queries = False
        self._slow_seconds = slow_seconds
        self._pending = False  # whether the last message is an error without an exception so far
        self._is_typed = False  # whether an exception was counted since the last message: its causes may follow

    def start_at_zero(self, *, queries: bool) -> None:
        """Create the series of failures, so that the first one is seen as an increase."""
        self.is_used = True
        self.has_queries = self.has_queries or queries
        for level in LEVELS:
            self.levels[level] += 0
        self.errors[NO_TYPE] += 0

    def add_messages(self, messages: Iterable[Message]) -> None:
        """Count messages, in their order."""
        for message in messages:
            if message.level is None:
                continue
            if not message.level:
                if message.type and (self._pending or not self._is_typed):
                    self._count_error(message.type)
                continue
            self.end_pending()
            self._is_typed = False
            self.levels[message.level] += 1
            if message.level in SERIOUS:
                if message.type:
                    self._count_error(message.type)
                else:
                    self._pending = True
            if message.database:
                self.slow_queries[message.database] += 0
            if message.seconds is not None and message.seconds >= self._slow_seconds:
                self.slow_queries[
                    self._bound_label(self.slow_queries, message.database or NO_TYPE, _MAX_DATABASES)
                ] += 1

    def end_pending(self) -> None:
        """Count the last error if no exception has followed."""
        if self._pending:
            self._pending = False
            self.errors[NO_TYPE] += 1

    def _count_error(self, kind: str) -> None:
        self._pending, self._is_typed = False, True
        self.errors[self._bound_label(self.errors, kind, _MAX_TYPES)] += 1

    @staticmethod
    def _bound_label(known: Counter[str], label: str, most: int) -> str:
        return label if label in known or len(known) < most else OTHER

    def to_state(self) -> dict[str, Any]:
        """Return the counts as a JSON value."""
        return {
            "levels": self.levels,
            "errors": self.errors,
            "slow_queries": self.slow_queries,
            "pending": [self._pending, self._is_typed],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue with these counts."""
        self.levels.update(state["levels"])
        self.errors.update(state["errors"])
        self.slow_queries.update(state["slow_queries"])
        self._pending, self._is_typed = state["pending"]
