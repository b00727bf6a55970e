"""Repairs for problems that checks report about an imported dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import DeckwatchError
from deckwatch.core.signals import is_name
from deckwatch.dashboards.importing import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from deckwatch.core.json_types import JsonObject
    from deckwatch.core.problems import Place, Problem
    from deckwatch.core.yaml_file import Document
    from deckwatch.core.yaml_file import Path as YamlPath
    from deckwatch.dashboards.importing.dashboard_draft import DashboardDraft
    from deckwatch.dashboards.importing.draft import Draft

REASON = "imported as it was"


def repair_problem(
    dashboard: DashboardDraft,
    problem: Problem,
    document: Document,
    *,
    checks: Collection[str],
    allowed: set[tuple[int, str]],
) -> None:
    """Change what a problem is about, or allow its check. `allowed` are the (draft id, check) of this round.

    Raises DeckwatchError if neither is possible.
    """
    path = _path_of(problem, document)
    if path[:1] == ("choose",) or (path[:1] == ("dashboard",) and problem.check == "choose"):
        dashboard.choices = []
        return
    match = _draft_at(dashboard, path)
    if match is None:
        header = _row_at(dashboard, int(path[1]))[0] if path[:1] == ("rows",) and len(path) > 1 else None
        if header and header.pop("repeat", None):
            dashboard.lost["repeat of a row by something other than a variable"] += 1
            return
        raise DeckwatchError(f"{dashboard.name} cannot be imported: {problem}")
    draft, rest = match
    key = str(rest[0]) if rest else ""
    if problem.check == "duplicate_panel":
        number = sum(1 for other in dashboard.drafts() if other.options.get("id"))
        draft.options["id"] = f"{draft.panel.get('title') or draft.word} {number + 2}"
    elif problem.check == "repeat":
        dashboard.lost["repeat by something other than a variable"] += 1
        draft.options.pop("for each", None)
        draft.options.pop("per_row", None)
    elif (id(draft), problem.check) in allowed:
        return  # reported twice for the same panel
    elif problem.check in checks and problem.check not in draft.options.get("allow", {}):
        draft.options.setdefault("allow", {})[problem.check] = REASON
        allowed.add((id(draft), problem.check))
    elif problem.check == "unknown_name" and draft.queries:
        for query in draft.queries:
            query["show"] = queries.escape_name(query["show"]) if is_name(query["show"]) else query["show"]
    elif key in draft.options:
        del draft.options[key]
    elif key in draft.size:
        del draft.size[key]
    else:
        dashboard.keep_json(draft)


def _path_of(problem: Problem, document: Document) -> YamlPath:
    """Return the path of the value that a problem is in: the last one that begins before its position."""
    before = [(place, len(path), path) for path, place in _positions(document) if place <= problem.place]
    return max(before, key=lambda entry: entry[:2], default=(problem.place, 0, ()))[2]


def _positions(document: Document) -> Iterator[tuple[YamlPath, Place]]:
    yield from document.keys.items()
    yield from document.values.items()


def _row_at(dashboard: DashboardDraft, index: int) -> tuple[JsonObject | None, list[Draft]]:
    """Return a row by its index in the file, from which rows without panels are left out."""
    return [row for row in dashboard.rows if row[0] is None or row[1]][index]


def _draft_at(dashboard: DashboardDraft, path: YamlPath) -> tuple[Draft, YamlPath] | None:
    """Return the draft that a path leads to and the rest of the path; None for a path outside panels."""
    if len(path) < 3 or path[0] != "rows" or (isinstance(path[2], str) and path[2] != "panels"):
        return None
    drafts = _row_at(dashboard, int(path[1]))[1]
    start = 3 if path[2] == "panels" else 2
    return (drafts[int(path[start])], path[start + 1 :]) if len(path) > start else None
