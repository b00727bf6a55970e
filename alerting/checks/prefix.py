"""Names of alerts begin with a prefix of their topic, where the topic declares one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.alerting.routes import as_tuple
from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts whose names have another prefix."""
    for alert in context.iter_alerts():
        prefixes = as_tuple(alert.document.data.get("prefix"))
        if prefixes and not alert.name.startswith(prefixes):
            message = f"the name {alert.name} does not begin with {' or '.join(prefixes)}"
            yield Problem(alert.place, message, "the prefix of this topic", check="prefix")
