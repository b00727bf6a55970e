"""The columns of a table have unique titles, and labels by which they are joined into lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_object
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.signals import title_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.model import Built
    from deckwatch.dashboards.read.spec import PanelSpec


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield tables without `by`, columns without a title or with a duplicate one, and an unknown `sort`."""
    del catalog
    for item in built:
        for panel, queries in item.panels_for_check("table_columns"):
            if not queries or panel.type.queries != "table" or len(queries) != len(panel.queries):
                continue
            if panel.by is None:
                hint = "add by: with the labels of a line, such as by: [name]"
                yield Problem(panel.place, "this table has no labels for its lines", hint, "table_columns")
            names = as_object(panel.options.get("names"))
            seen = {str(names.get(label, title_of(label))) for label in panel.by or ()}
            for query in queries:
                if not query.title:
                    hint = "write {show: …, title: …}"
                    yield Problem(query.place, "this column has no title", hint, check="table_columns")
                elif query.title in seen:
                    path = (*query.spec.options_path, "title")
                    place = panel.document.place(path) if query.spec.title is not None else query.place
                    yield Problem(place, f"duplicate column {query.title}", check="table_columns")
                seen.add(query.title)
            yield from _find_unknown_columns(panel, seen)


def _find_unknown_columns(panel: PanelSpec, titles: Collection[str]) -> Iterator[Problem]:
    """Yield the columns in `sort` that the table does not have."""
    columns = panel.options.get("sort")
    for i, column in enumerate(columns if isinstance(columns, list) else [columns]):
        if isinstance(column, str) and column not in titles:
            path = (*panel.path, "sort", i) if isinstance(columns, list) else (*panel.path, "sort")
            message = f"no column is called {column}"
            yield Problem(panel.document.place(path), message, did_you_mean(column, sorted(titles)), "table_columns")
