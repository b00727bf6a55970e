"""Rate limit for log messages that clients can trigger, so that nobody can flood the log."""

from __future__ import annotations

import time

_INTERVAL_SECONDS = 60.0
_MAX_KINDS = 200
_LINES_PER_MINUTE = 20


class LogThrottle:
    """Allows one message per kind and minute, and so many of all kinds together; counts those suppressed.

    Clients make kinds, such as their addresses, of which one may have more than anyone can list. Without
    `lines_per_minute`, kinds alone are limited.
    """

    def __init__(self, lines_per_minute: int | None = _LINES_PER_MINUTE) -> None:
        self._limit = lines_per_minute
        self._last_logged: dict[str, tuple[float, int]] = {}
        self._minute_start = -_INTERVAL_SECONDS
        self._lines = 0  # in this minute
        self._others = 0  # suppressed messages of kinds that are not remembered

    def __call__(self, kind: str) -> str | None:
        """Return a suffix for the message (mostly empty), or None if the message is to be suppressed."""
        now = time.monotonic()
        if now - self._minute_start >= _INTERVAL_SECONDS:
            self._minute_start, self._lines = now, 0
        logged_at, suppressed = self._last_logged.get(kind, (-_INTERVAL_SECONDS, 0))
        if now - logged_at < _INTERVAL_SECONDS:
            self._last_logged[kind] = (logged_at, suppressed + 1)
            return None
        if self._limit is not None and self._lines >= self._limit:
            self._others += 1
            return None
        self._lines += 1
        if kind not in self._last_logged and len(self._last_logged) >= _MAX_KINDS:
            _, lost = self._last_logged.pop(next(iter(self._last_logged)))
            self._others += lost
        self._last_logged.pop(kind, None)  # the newest last: the oldest is forgotten first
        self._last_logged[kind] = (now, 0)
        suffixes = [f"{suppressed} more in the last minutes"] if suppressed else []
        if self._others:
            suffixes.append(f"{self._others} of other kinds are not shown")
            self._others = 0
        return f" ({', '.join(suffixes)})" if suffixes else ""
