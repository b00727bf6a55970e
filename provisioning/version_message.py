"""The message of a dashboard's version in Grafana: with a mark if we saved it."""

from __future__ import annotations

from deckwatch.core.problems import DeckwatchError

MARK = "(deckwatch)"
_MAX_BYTES = 500  # ValidateBasicDashboardProperties in Grafana's dashboard_service.go


def mark_message(message: str) -> str:
    """Return the message of a version that we save; raises DeckwatchError if Grafana would refuse it."""
    text = f"{message} {MARK}".strip()
    if (size := len(text.encode())) > _MAX_BYTES:
        raise DeckwatchError(f"the message has {size} bytes with our mark; Grafana accepts {_MAX_BYTES}")
    return text
