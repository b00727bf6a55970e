"""A summary is a static sentence: it groups alerts that are the same but for their labels and values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context


def check(context: Context) -> Iterator[Problem]:
    """Yield summaries that are no sentence, and texts that hold a template."""
    for alert in context.iter_alerts():
        text = alert.summary.strip()
        if not text[:1].isupper() or text[-1:] not in ".!":
            message = f"the summary of {alert.name} is no sentence"
            hint = "begin with a capital letter and end with a full stop"
            yield Problem(alert.place_of("summary"), message, hint, check="summary")
        for key in ("summary", "means"):
            if "{{" in getattr(alert, key):
                message = f"{key} of {alert.name} holds a template"
                hint = "labels and the value are put into the description by themselves"
                yield Problem(alert.place_of(key), message, hint, check="summary")
