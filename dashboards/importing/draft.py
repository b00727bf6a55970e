"""One panel on its way into our words: what is said of it, and how that is written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deckwatch.dashboards.importing import asked, patch, words

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from deckwatch.dashboards.importing.probe import Probed
    from deckwatch.dashboards.panel_types import PanelType


@dataclass
class Draft:
    """One panel on its way: the original, what is said of it, and its queries by our words where they have some."""

    panel: dict[str, Any]
    one: PanelType
    word: str
    content: Any = None
    queries: list[dict[str, Any]] | None = None
    said: dict[str, Any] = field(default_factory=dict)
    size: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    original: dict[str, Any] = field(default_factory=dict)  # its queries called as they were
    explicit: bool = False  # whether legends and what is asked for have been compared

    def written(self, signals: Mapping[str, tuple[str, str]], *, bare: bool) -> dict[str, Any]:
        """Return what stands in the file; `signals` are names by PromQL, `bare` is without repeats."""
        said: dict[str, Any] = {self.word: self._behind(signals)}
        if (
            self.queries
            and len(self.queries) == 1
            and "legend" in self.queries[0]
            and self.explicit
            and "show" in self.queries[0]
        ):
            said["legend"] = self.queries[0]["legend"]
        said["title"] = str(self.panel.get("title") or "")
        if description := str(self.panel.get("description") or "").strip("\n"):
            said["description"] = description
        more = {key: one for key, one in self.said.items() if not bare or key not in ("for each", "per_row")}
        return said | self.size | more | ({"raw": self.raw} if self.raw else {})

    def _behind(self, signals: Mapping[str, tuple[str, str]]) -> Any:
        if self.queries is None:
            return self.content
        found = []
        for query in self.queries:
            one = {key: value for key, value in query.items() if self.explicit or key not in ("query_type", "legend")}
            if "show" in one:
                text = one["show"]
                one["show"] = signals[text][0] if text in signals else text
                if len(self.queries) == 1:
                    one.pop("legend", None)
            found.append(one["show"] if list(one) == ["show"] else one)
        return found[0] if len(found) == 1 else found


class Drafter:
    """Says panels of one dashboard in our words. `known` are these by Grafana's type, `other` keeps what has none."""

    def __init__(
        self, known: Mapping[str, list[Probed]], other: PanelType, sources: asked.Datasources, lost: Counter[str]
    ) -> None:
        self._words = known
        self._other = other
        self._sources = sources
        self._lost = lost

    def draft(self, original: dict[str, Any]) -> Draft:
        """Return a panel on its way."""
        panel = asked.renamed(original)
        draft = self._worded(panel) or self.kept(original)
        draft.original = original
        return draft

    def _worded(self, panel: dict[str, Any]) -> Draft | None:
        """Return a panel in our words, None where there are none."""
        found = words.best(panel, self._words.get(str(panel.get("type")), []))
        if found is None:
            return None
        one, said = found
        draft = Draft(panel, one.type, one.word, said=said)
        if one.type.queries:
            return self._asking(draft)
        if one.type.source:
            texts = [str(target.get("expr") or "") for target in panel.get("targets") or []]
            if not texts or not all(texts) or self._sources.kind(panel) != one.type.source:
                return None
            draft.content = texts[0] if len(texts) == 1 else texts
            return draft
        draft.content = self._content(panel, one)
        return draft if draft.content is not None else None

    def _asking(self, draft: Draft) -> Draft | None:
        """Return a panel with its queries in our words; None where they have none."""
        targets = list(draft.panel.get("targets") or [])
        if draft.word in _GOALS and targets and (goal := _goal(targets[-1])) is not None:
            draft.said["target"] = goal
            targets.pop()
        empty = [one for one in targets if "expr" in one and not str(one["expr"]).strip()]
        if empty and len(empty) < len(targets):
            self._lost["query without text"] += len(empty)
            targets = [one for one in targets if one not in empty]
            draft.panel = asked.renamed({**draft.panel, "targets": targets})
        kind = self._sources.kind({**draft.panel, "targets": targets})
        said = [asked.said(target, kind) for target in targets]
        if not kind or not said or None in said or (draft.one.queries == "heatmap" and len(said) > 1):
            return None
        draft.queries = [one for one in said if one is not None]
        return draft

    def _content(self, panel: Mapping[str, Any], one: Probed) -> Any:
        if not one.content:
            return {}
        value = patch.at(panel, one.content)
        if value is patch.NOTHING or (isinstance(value, str) and not value):
            return [] if one.type.content.get("type") == "array" else None
        return value

    def kept(self, panel: dict[str, Any]) -> Draft:
        """Return a panel that stays as it is, under `raw:`."""
        return Draft(panel, self._other, "panel", content=str(panel.get("type") or "timeseries"))


_GOALS = frozenset(("lines", "area", "bars", "points", "steps"))


def _goal(target: Mapping[str, Any]) -> float | None:
    """Return the value of a line across the graph, where a query is one."""
    text = str(target.get("expr") or "")
    if target.get("refId") != "Target" or not text.startswith("vector("):
        return None
    number = float(text[len("vector(") : -1])
    return int(number) if number.is_integer() else number
