"""Run every check in `checks/` over the groups that were read."""

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
    """The input of a check.

    `panels` maps dashboards to the titles of their panels, None where dashboards are not known. `collectors` are the
    names of the exporter's collectors. `owners` are the teams and owners that the project routes; empty means that
    any owner is valid. `shipped` lists the files whose alerts may have other owners.
    """

    groups: Sequence[Group]
    catalog: Catalog
    panels: Mapping[str, Collection[str]] | None = None
    collectors: Collection[str] = ()
    owners: Collection[str] = ()
    shipped: Collection[str] = ()
    recordings: Mapping[str, Recording] = field(init=False)

    def __post_init__(self) -> None:
        recordings = {recording.name: recording for group in self.groups for recording in group.recordings}
        object.__setattr__(self, "recordings", recordings)

    def iter_alerts(self) -> Iterator[Alert]:
        """Yield all alerts, topic by topic."""
        for group in self.groups:
            yield from group.alerts


def run_checks(context: Context) -> list[Problem]:
    """Return the problems that all checks find."""
    return [problem for _, module in plugins.import_modules(checks) for problem in module.check(context)]
