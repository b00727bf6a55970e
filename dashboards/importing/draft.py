"""One imported panel while its options are determined."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deckwatch.dashboards.importing import match_options, queries
from deckwatch.dashboards.importing.patch import MISSING, value_at

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from deckwatch.core.json_types import Json, JsonMapping, JsonObject
    from deckwatch.dashboards.importing.learn_effects import LearnedWord
    from deckwatch.dashboards.panel_types import PanelType


@dataclass
class Draft:
    """An imported panel: its JSON and the options found for it. `queries` is None where it is kept as JSON."""

    panel: JsonObject
    type: PanelType
    word: str
    content: Json = None
    queries: list[JsonObject] | None = None
    options: JsonObject = field(default_factory=dict)
    size: JsonObject = field(default_factory=dict)
    raw: JsonObject = field(default_factory=dict)
    original: JsonObject = field(default_factory=dict)  # with the original names of its queries
    is_compared: bool = False  # whether legends and query types that are defaults have been removed

    def to_yaml(self, signals: Mapping[str, tuple[str, str]], *, without_repeats: bool) -> JsonObject:
        """Return the panel as its file has it. `signals` are (name, title) by PromQL."""
        options: JsonObject = {self.word: self._render_content(signals)}
        if (
            self.is_compared
            and self.queries
            and len(self.queries) == 1
            and {"legend", "show"} <= self.queries[0].keys()
        ):
            options["legend"] = self.queries[0]["legend"]
        options["title"] = str(self.panel.get("title") or "")
        if description := str(self.panel.get("description") or "").strip("\n"):
            options["description"] = description
        skipped = ("for each", "per_row") if without_repeats else ()
        more = {key: value for key, value in self.options.items() if key not in skipped}
        return options | self.size | more | ({"raw": self.raw} if self.raw else {})

    def _render_content(self, signals: Mapping[str, tuple[str, str]]) -> Json:
        if self.queries is None:
            return self.content
        skipped = () if self.is_compared else ("query_type", "legend")
        rendered = []
        for query in self.queries:
            options = {key: value for key, value in query.items() if key not in skipped}
            if "show" in options:
                text = options["show"]
                options["show"] = signals[text][0] if text in signals else text
                if len(self.queries) == 1:
                    options.pop("legend", None)
            rendered.append(options["show"] if list(options) == ["show"] else options)
        return rendered[0] if len(rendered) == 1 else rendered


class Drafter:
    """Makes the drafts of one dashboard. `words` are by Grafana's panel type; `other` keeps panels without a word."""

    def __init__(
        self,
        words: Mapping[str, list[LearnedWord]],
        other: PanelType,
        sources: queries.Datasources,
        lost: Counter[str],
    ) -> None:
        self._words = words
        self._other = other
        self._sources = sources
        self._lost = lost

    def make_draft(self, original: JsonObject) -> Draft:
        """Return the draft of a panel."""
        draft = self._draft_word(queries.rename_queries(original)) or self.keep_json(original)
        draft.original = original
        return draft

    def _draft_word(self, panel: JsonObject) -> Draft | None:
        """Return the draft with the word that fits best, None where no word expresses the panel."""
        match = match_options.match_word(panel, self._words.get(str(panel.get("type")), []))
        if match is None:
            return None
        learned, options = match
        draft = Draft(panel, learned.type, learned.word, options=options)
        if learned.type.queries:
            return self._add_queries(draft)
        if learned.type.source:
            texts = [str(target.get("expr") or "") for target in panel.get("targets") or []]
            if not texts or not all(texts) or self._sources.common_kind(panel) != learned.type.source:
                return None
            draft.content = texts[0] if len(texts) == 1 else texts
            return draft
        draft.content = _find_content(panel, learned)
        return draft if draft.content is not None else None

    def _add_queries(self, draft: Draft) -> Draft | None:
        """Return a draft with its queries; None where query options do not express them."""
        targets = list(draft.panel.get("targets") or [])
        if draft.word in _WORDS_WITH_TARGET and targets and (value := _target_line(targets[-1])) is not None:
            draft.options["target"] = value
            targets.pop()
        empty = [target for target in targets if "expr" in target and not str(target["expr"]).strip()]
        if empty and len(empty) < len(targets):
            self._lost["query without an expression"] += len(empty)
            targets = [target for target in targets if target not in empty]
            draft.panel = queries.rename_queries({**draft.panel, "targets": targets})
        kind = self._sources.common_kind({**draft.panel, "targets": targets})
        options = [queries.to_query_options(target, kind) for target in targets]
        if not kind or not options or None in options or (draft.type.queries == "heatmap" and len(options) > 1):
            return None
        draft.queries = [query for query in options if query is not None]
        return draft

    def keep_json(self, panel: JsonObject) -> Draft:
        """Return the draft of a panel that is kept unchanged, under `raw:`."""
        return Draft(panel, self._other, "panel", content=str(panel.get("type") or "timeseries"))


_WORDS_WITH_TARGET = frozenset(("lines", "area", "bars", "points", "steps"))


def _find_content(panel: JsonMapping, learned: LearnedWord) -> Json:
    """Return the value of a panel's word, None where the panel has none."""
    if not learned.content:
        return {}
    value = value_at(panel, learned.content)
    if value is MISSING or value == "":
        return [] if learned.type.content.get("type") == "array" else None
    content: Json = value
    return content


def _target_line(target: JsonMapping) -> float | None:
    """Return the value of a target line; None for any other query."""
    text = str(target.get("expr") or "")
    if target.get("refId") != "Target" or not text.startswith("vector("):
        return None
    number = float(text[len("vector(") : -1])
    return int(number) if number.is_integer() else number
