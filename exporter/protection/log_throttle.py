"""What anybody can cause from outside is logged seldom, or the log would be the attack."""

from __future__ import annotations

import time

_INTERVAL_SECONDS = 60.0
_MAX_KINDS = 200


class LogThrottle:
    """Says whether a thing of one kind may be told again: once a minute, with how often it was not."""

    def __init__(self) -> None:
        self._last_logged: dict[str, tuple[float, int]] = {}

    def __call__(self, kind: str) -> str | None:
        """Return what to add to the message (mostly nothing), or None where it was told a moment ago."""
        now = time.monotonic()
        told, left_out = self._last_logged.get(kind, (-_INTERVAL_SECONDS, 0))
        if now - told < _INTERVAL_SECONDS:
            self._last_logged[kind] = (told, left_out + 1)
            return None
        if kind not in self._last_logged and len(self._last_logged) >= _MAX_KINDS:
            self._last_logged.pop(next(iter(self._last_logged)))
        self._last_logged[kind] = (now, 0)
        return f" ({left_out} more in the last minutes)" if left_out else ""
