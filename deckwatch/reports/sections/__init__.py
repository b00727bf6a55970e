"""The sections of a report: one file each.

A section has `TITLE`, `ORDER` (its place), `AUDIENCE` (the value of `--for` that shows it, '' for every report),
`list_queries(context)`, which returns queries by a name of its own, and `build_section(context, results)`, which
returns the section, or None where there is nothing to tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from deckwatch.core import plugins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.reports.context import Context
    from deckwatch.reports.model import Section
    from deckwatch.reports.queries import Query, Results

ALL = "all"


class SectionModule(Protocol):
    """A file of this folder."""

    TITLE: str
    ORDER: int
    AUDIENCE: str

    def list_queries(self, context: Context) -> Mapping[str, Query]:
        """Return the queries of the section."""

    def build_section(self, context: Context, results: Results) -> Section | None:
        """Return the section from the results of its queries."""


def list_audiences() -> list[str]:
    """Return the values of `--for`."""
    return [*sorted({module.AUDIENCE for module in _import_sections().values() if module.AUDIENCE}), ALL]


def choose_sections(audience: str) -> Mapping[str, SectionModule]:
    """Return the sections that a report for an audience has by name, in their order."""
    modules = _import_sections()
    chosen = [name for name, module in modules.items() if audience == ALL or module.AUDIENCE in ("", audience)]
    return {name: modules[name] for name in sorted(chosen, key=lambda name: modules[name].ORDER)}


def _import_sections() -> dict[str, SectionModule]:
    from deckwatch.reports import sections  # noqa: PLC0415 - this package

    return {name: cast("SectionModule", module) for name, module in plugins.import_modules(sections)}
