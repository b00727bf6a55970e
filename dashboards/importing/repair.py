"""Repairs for problems that checks report about an imported dashboard."""

from __future__ import annotations

import bisect
import functools
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import DeckwatchError
from deckwatch.dashboards.importing import queries
from deckwatch.dashboards.importing.dashboard_draft import tab_of

if TYPE_CHECKING:
    from collections.abc import Collection

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
    index: PlaceIndex,
    *,
    checks: Collection[str],
    handled: set[tuple[int, str, str]],
) -> None:
    """Change what a problem is about, or allow its check.

    `handled` are the (draft id, check, option) of this round; without a check, the whole panel has been changed.

    Raises DeckwatchError if neither is possible.
    """
    path = index.find_path(problem.place)
    if "choose" in path[2:-1]:
        _simplify_choice(dashboard, path)
        return
    path = _strip_tab(dashboard, path)
    if path[:1] == ("choose",) or (path[:1] == ("dashboard",) and problem.check == "choose"):
        dashboard.choices = []
        return
    if path[:1] == ("signals",) and len(path) > 1:
        dashboard.inline_signal(str(path[1]))
        return
    match = _draft_at(dashboard, path)
    if match is None:
        header = _row_at(dashboard, int(path[1]))[0] if path[:1] == ("rows",) and len(path) > 1 else None
        if (id(header), "repeat", "") in handled:
            return
        if header and header.pop("repeat", None):
            handled.add((id(header), "repeat", ""))
            dashboard.lost["repeat of a row by something other than a variable"] += 1
            return
        raise DeckwatchError(f"{dashboard.name} cannot be imported: {problem}")
    draft, rest = match
    key = str(rest[0]) if rest else ""
    if (id(draft), problem.check, "") in handled or (id(draft), "", "") in handled:
        return  # the repair of an earlier problem covers this one, or the next round shows
    handled.add((id(draft), problem.check, key if key in (*draft.options, *draft.size) else ""))
    if problem.check == "duplicate_panel":
        number = sum(1 for other in dashboard.drafts() if other.options.get("id"))
        draft.options["id"] = f"{draft.panel.get('title') or draft.word} {number + 2}"
    elif problem.check == "repeat":
        dashboard.lost["repeat by something other than a variable"] += 1
        draft.options.pop("for each", None)
        draft.options.pop("per_row", None)
    elif problem.check in checks and problem.check not in draft.options.get("allow", {}):
        draft.options.setdefault("allow", {})[problem.check] = REASON
    elif problem.check == "unknown_name" and _escape_names(draft):
        pass
    elif key in draft.options:
        del draft.options[key]
    elif key in draft.size:
        del draft.size[key]
    else:
        handled.add((id(draft), "", ""))
        dashboard.keep_json(draft)


def _simplify_choice(dashboard: DashboardDraft, path: YamlPath) -> None:
    """Make the variable of a section that `path` leads to a text field."""
    value: Any = dashboard.to_yaml()
    for step in path[: path.index("choose") + 2]:
        value = value[step]
    dashboard.section_choices.simplify_choice(value)


def _escape_names(draft: Draft) -> bool:
    """Add braces to the names of metrics that a draft queries; return whether there is one."""
    names = [
        query for query in draft.queries or [] if queries.escape_name(query.get("show", "")) != query.get("show", "")
    ]
    for query in names:
        query["show"] = queries.escape_name(query["show"])
    return bool(names)


class PlaceIndex:
    """The paths of the values of a document by their positions."""

    def __init__(self, document: Document) -> None:
        self._paths: dict[Place, YamlPath] = {}  # the innermost one at each position
        for paths in (document.keys, document.values):
            for path, place in paths.items():
                if len(path) >= len(self._paths.get(place, ())):
                    self._paths[place] = path

    @functools.cached_property
    def _places(self) -> list[Place]:
        return sorted(self._paths)

    def find_path(self, place: Place) -> YamlPath:
        """Return the path of the value that a position is in: the last and innermost one that begins before it."""
        if place in self._paths:
            return self._paths[place]
        after = bisect.bisect_right(self._places, place)
        return self._paths[self._places[after - 1]] if after else ()


def _strip_tab(dashboard: DashboardDraft, path: YamlPath) -> YamlPath:
    """Return a path inside a tab as one that counts the rows of all tabs; others unchanged."""
    if path[:1] != ("tabs",) or len(path) < 4:
        return path
    tabs = [tab_of(header) for header, _ in _list_rows(dashboard)]
    title = list(dict.fromkeys(tabs))[int(path[1])]
    inside = [index for index, tab in enumerate(tabs) if tab == title]
    return ("rows", inside[int(path[3])], *path[4:])


def _list_rows(dashboard: DashboardDraft) -> list[tuple[JsonObject | None, list[Draft]]]:
    """Return the rows in the file, from which rows without panels are left out."""
    return [row for row in dashboard.rows if row[0] is None or row[1]]


def _row_at(dashboard: DashboardDraft, index: int) -> tuple[JsonObject | None, list[Draft]]:
    return _list_rows(dashboard)[index]


def _draft_at(dashboard: DashboardDraft, path: YamlPath) -> tuple[Draft, YamlPath] | None:
    """Return the draft that a path leads to and the rest of the path; None for a path outside panels."""
    if len(path) < 3 or path[0] != "rows" or (isinstance(path[2], str) and path[2] != "panels"):
        return None
    drafts = _row_at(dashboard, int(path[1]))[1]
    start = 3 if path[2] == "panels" else 2
    return (drafts[int(path[start])], path[start + 1 :]) if len(path) > start else None
