"""What anybody can cause from outside is logged seldom, or the log would be the attack."""

from __future__ import annotations

import time

_SECONDS = 60.0
_MOST_KINDS = 200


class Seldom:
    """Says whether a thing of one kind may be told again: once a minute, with how often it was not."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[float, int]] = {}

    def __call__(self, kind: str) -> str | None:
        """Return what to add to the message (mostly nothing), or None where it was told a moment ago."""
        now = time.monotonic()
        told, left_out = self._since.get(kind, (-_SECONDS, 0))
        if now - told < _SECONDS:
            self._since[kind] = (told, left_out + 1)
            return None
        if kind not in self._since and len(self._since) >= _MOST_KINDS:
            self._since.pop(next(iter(self._since)))
        self._since[kind] = (now, 0)
        return f" ({left_out} more in the last minutes)" if left_out else ""
