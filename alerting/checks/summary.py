"""A summary is a static sentence, the same for all alerts of a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context


def check(context: Context) -> Iterator[Problem]:
    """Yield summaries that are not a sentence, and texts that contain a template."""
    for alert in context.iter_alerts():
        text = alert.summary.strip()
        if not text[:1].isupper() or text[-1:] not in ".!":
            message = f"the summary of {alert.name} is not a sentence"
            hint = "begin with a capital letter and end with a full stop"
            yield Problem(alert.place_of("summary"), message, hint, check="summary")
        for key in ("summary", "means"):
            if "{{" in getattr(alert, key):
                message = f"{key} of {alert.name} contains a template"
                hint = "labels and the value are added to the description automatically"
                yield Problem(alert.place_of(key), message, hint, check="summary")
