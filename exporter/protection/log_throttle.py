"""Rate limit for log messages that clients can trigger, so that nobody can flood the log."""

from __future__ import annotations

import time

_INTERVAL_SECONDS = 60.0
_MAX_KINDS = 200


class LogThrottle:
    """Allows one message per kind and minute, and counts those suppressed."""

    def __init__(self) -> None:
        self._last_logged: dict[str, tuple[float, int]] = {}

    def __call__(self, kind: str) -> str | None:
        """Return a suffix for the message (mostly empty), or None if the message is to be suppressed."""
        now = time.monotonic()
        logged_at, suppressed = self._last_logged.get(kind, (-_INTERVAL_SECONDS, 0))
        if now - logged_at < _INTERVAL_SECONDS:
            self._last_logged[kind] = (logged_at, suppressed + 1)
            return None
        if kind not in self._last_logged and len(self._last_logged) >= _MAX_KINDS:
            self._last_logged.pop(next(iter(self._last_logged)))
        self._last_logged[kind] = (now, 0)
        return f" ({suppressed} more in the last minutes)" if suppressed else ""
