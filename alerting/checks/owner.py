"""Every alert has an owner: nobody looks after what belongs to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.place import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alerting.checking import Context


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts without an owner of their own or of their topic."""
    for alert in context.alerts():
        if not alert.owner:
            hint = "say `owner:` here, or once for the whole file"
            yield Problem(alert.place, f"{alert.name} has no owner", hint, check="owner")
