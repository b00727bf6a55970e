"""Runs every check in `checks/` over what was read, and gathers all problems."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deckwatch.alerting import checks
from deckwatch.core import plugins

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from deckwatch.alerting.model import Alert, Group, Recording
    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Problem


@dataclass(frozen=True)
class Context:
    """What a check may look at.

    `panels` are the panels' titles by dashboard, None where dashboards are not known. `collectors` are the names of
    the exporter's collectors. `owners` are those who are told or routed, and `shipped` are the files whose alerts may
    belong to anybody else; without `owners` everybody may own an alert.
    """

    groups: Sequence[Group]
    catalog: Catalog
    panels: Mapping[str, Collection[str]] | None = None
    collectors: Collection[str] = ()
    owners: Collection[str] = ()
    shipped: Collection[str] = ()
    recordings: Mapping[str, Recording] = field(init=False)

    def __post_init__(self) -> None:
        found = {one.name: one for group in self.groups for one in group.recordings}
        object.__setattr__(self, "recordings", found)

    def iter_alerts(self) -> Iterator[Alert]:
        """Yield all alerts, topic by topic."""
        for group in self.groups:
            yield from group.alerts


def run_checks(context: Context) -> list[Problem]:
    """Return what all checks find."""
    return [problem for _, module in plugins.import_modules(checks) for problem in module.check(context)]
