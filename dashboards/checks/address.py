"""Every dashboard has an address of its own, which Grafana takes: one duplicate freezes all that lie beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built

# Grafana takes 40 characters of letters, digits, - and _; later versions make names of Kubernetes of them.
_ADDRESS = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield dashboards whose address another one has, and addresses that Grafana would refuse."""
    del catalog
    seen: dict[str, str] = {}
    for one in built:
        document, uid = one.dashboard.document, one.dashboard.uid
        place = document.place(("dashboard",))
        if uid in seen:
            yield Problem(place, f"the address {uid} is that of {seen[uid]} too", "rename a file", check="address")
        seen.setdefault(uid, document.file)
        if not _ADDRESS.match(uid):
            message = f"the files' names make the address {uid!r}, which Grafana does not take"
            yield Problem(place, message, "it begins with a letter and has 40 characters at most", check="address")
