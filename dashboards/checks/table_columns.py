"""The columns of a table have titles, each its own, and labels by which their lines meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.signals import title_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.build import Built


def check(built: Sequence[Built], catalog: Catalog) -> Iterator[Problem]:
    """Yield tables without `by`, columns without a title or with one that stands there twice, unknown `sort`."""
    del catalog
    for one in built:
        for panel, queries in one.examined("table_columns"):
            if not queries or panel.type.queries != "table" or len(queries) != len(panel.asked()):
                continue
            if "by" not in panel.said:
                hint = "add by: with the labels that make a line, such as by: [name]"
                yield Problem(panel.place, "this table does not say what its lines are", hint, "table_columns")
            names = panel.said.get("names", {})
            seen = {str(names.get(label, title_of(label))) for label in panel.said.get("by", [])}
            for query in queries:
                if not query.title:
                    hint = "write {show: …, title: …}"
                    yield Problem(query.place, "this column has no title", hint, check="table_columns")
                elif query.title in seen:
                    path = (*query.path, "title")
                    place = panel.document.place(path) if "title" in query.said else query.place
                    yield Problem(place, f"a column before is called {query.title} too", check="table_columns")
                seen.add(query.title)
            if "sort" in panel.said and panel.said["sort"] not in seen:
                place = panel.document.place((*panel.path, "sort"))
                message = f"no column is called {panel.said['sort']}"
                yield Problem(place, message, did_you_mean(panel.said["sort"], sorted(seen)), "table_columns")
