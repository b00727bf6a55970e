"""Every alert has an owner, and the project's alerts have one that is a team or is routed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context


def check(context: Context) -> Iterator[Problem]:
    """Yield alerts without an owner, and alerts of the project with an unknown one."""
    known = {
        *context.owners,
        *(alert.owner for alert in context.iter_alerts() if alert.document.file in context.shipped),
    }
    reported = set()
    for alert in context.iter_alerts():
        if not alert.owner:
            hint = "add `owner:` here, or once for the whole file"
            yield Problem(alert.place, f"{alert.name} has no owner", hint, check="owner")
        elif context.owners and alert.owner not in known and alert.document.file not in context.shipped:
            own = (*alert.path, "owner")
            place = alert.document.place(own if own in alert.document.values else ("owner",))
            if place not in reported:  # once for all alerts that inherit their topic's owner
                hint = did_you_mean(alert.owner, sorted(known))
                yield Problem(place, f"no team is called {alert.owner}", hint, check="owner")
            reported.add(place)
