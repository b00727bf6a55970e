"""Every dashboard has a unique uid that Grafana accepts: a duplicate blocks updates of the whole folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem
from deckwatch.dashboards.grafana_model import is_generated_uid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built


ACROSS = True  # compares dashboards with each other


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield dashboards with the address of another one, and addresses that Grafana would refuse."""
    del catalog
    seen: dict[str, str] = {}
    for item in built:
        document, uid = item.dashboard.document, item.dashboard.uid
        place = document.place(("dashboard",))
        if uid in seen:
            yield Problem(place, f"{seen[uid]} has the address {uid} too", "rename a file", check="address")
        seen.setdefault(uid, document.file)
        if not is_generated_uid(uid):
            message = f"the path of this file gives the address {uid!r}, which Grafana does not accept"
            yield Problem(place, message, "it starts with a letter and has at most 40 characters", check="address")
