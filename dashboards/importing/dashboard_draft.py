"""One imported dashboard while its file is being determined."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.core import promql
from deckwatch.core.problems import DeckwatchError
from deckwatch.core.signals import title_of
from deckwatch.dashboards.draw.render import TAG
from deckwatch.dashboards.importing import layout, queries, shared_queries, variables
from deckwatch.dashboards.importing.draft import Draft, Drafter
from deckwatch.dashboards.importing.section_choices import SectionChoices
from deckwatch.dashboards.schema_v2.to_classic import SECTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.dashboards.build import Settings
    from deckwatch.dashboards.importing.learn_effects import LearnedWord
    from deckwatch.dashboards.importing.upgrade import UpgradedDashboard
    from deckwatch.dashboards.panel_types import PanelType


@dataclass(frozen=True)
class Tools:
    """What all imports of one run share. `words` are by Grafana's panel type, `checks` those that can be allowed."""

    settings: Settings
    catalog: Catalog
    child: Renderer
    types: Mapping[str, PanelType]
    words: Mapping[str, list[LearnedWord]]
    checks: frozenset[str]


def tab_of(header: JsonMapping | None) -> str:
    """Return the title of the tab in which a row is, '' for a row in none."""
    return str(header[SECTION]["tab"]) if header is not None and SECTION in header else ""


class DashboardDraft:
    """The drafts of all panels and the settings of a dashboard. `rows` are pairs of a header, or None, and drafts."""

    def __init__(self, tools: Tools, original: UpgradedDashboard, name: str) -> None:
        self.original = original
        self.name = name
        self.lost = Counter(original.lost)
        self.is_ours = TAG in (original.model.get("tags") or [])
        self.sources = queries.Datasources(original.model, original.panels())
        self.signals = shared_queries.find_signals(original.panels(), self.sources, tools.catalog)
        self.drafter = Drafter(tools.words, tools.types["other"], self.sources, self.lost)
        self.rows = [
            (dict(row.header) if row.header is not None else None, [self.drafter.make_draft(p) for p in row.panels])
            for row in original.rows
        ]
        self._number_rows()
        self._find_needs()
        self.header = variables.read_header(original.model, original.folder, self.lost)
        if self.is_ours:
            self.header |= variables.read_report(original.model)
        self.section_choices = SectionChoices(original.model, (header for header, _ in self.rows), self.lost)
        self.choices = self.section_choices.of_dashboard
        variables.count_lost_settings(original.model, name, self.lost, is_ours=self.is_ours)
        self.raw: JsonObject = {}
        self.without_repeats = False
        for header, drafts in self.rows:
            sizes = layout.find_sizes([(draft.panel, draft.type) for draft in drafts])
            for draft, size in zip(drafts, sizes, strict=True):
                draft.size = size
                if header is not None and header.get(SECTION, {}).get("columns"):
                    draft.size.pop("width", None)

    def _find_needs(self) -> None:
        """Find a metric for the rows and tabs that are shown only if there is data."""
        self.needs: dict[int, str] = {}  # by the id of a row's header
        self.tab_needs: dict[str, str] = {}
        for header, drafts in self.rows:
            section = header.get(SECTION, {}) if header is not None else {}
            metric = _find_metric(drafts)
            if section.get("needs_data") and drafts:
                self.needs[id(header)] = metric
            if section.get("tab_needs_data") and not self.tab_needs.get(section["tab"]):
                self.tab_needs[section["tab"]] = metric
        missing = sum(not metric for metric in (*self.needs.values(), *self.tab_needs.values()))
        self.lost["condition of a row or tab that there is data, which needs a metric in a query"] += missing

    def _number_rows(self) -> None:
        """Give rows with the title of an earlier one a number: a dashboard file refers to rows by their titles."""
        seen: Counter[str] = Counter()
        for header, drafts in self.rows:
            if header is None or not drafts:
                continue
            title = str(header.get("title") or "Row")
            seen[title] += 1
            while seen[title] > 1:
                self.lost["title of a row, numbered because an earlier row has it"] += 1
                title = f"{title} {seen[title]}"
                seen[title] += 1
            if SECTION in header and title != str(header.get("title") or "Row"):
                row = f"{header[SECTION]['row']} {title.rpartition(' ')[2]}" if header[SECTION]["row"] else ""
                header[SECTION] = {**header[SECTION], "row": row}
            header["title"] = title

    def drafts(self) -> list[Draft]:
        """Return the drafts of all panels, in order."""
        return [draft for _, drafts in self.rows for draft in drafts]

    def inline_signal(self, name: str) -> None:
        """Write the query of a signal into each panel that uses it: a check rejects the signal."""
        self.signals = {text: signal for text, signal in self.signals.items() if signal[0] != name}

    def to_yaml(self) -> JsonObject:
        """Return the content of the dashboard file."""
        content = self._list_rows()
        signals = {
            name: {"title": title or title_of(name), "expr": text} for text, (name, title) in self.signals.items()
        }
        return {
            **self.header,
            **({"signals": signals} if signals else {}),
            "unscoped": "Imported: its queries use the variables themselves.",
            **({"choose": self.choices} if self.choices else {}),
            **content,
            **({"raw": self.raw} if self.raw else {}),
        }

    def _list_rows(self) -> JsonObject:
        """Return the rows under `rows`, or under `tabs` if the dashboard has tabs."""
        rows: list[JsonObject | list[JsonObject]] = []
        tabs: list[JsonObject] = []
        for header, drafts in self.rows:
            panels = [draft.to_yaml(self.signals, without_repeats=self.without_repeats) for draft in drafts]
            section = header.get(SECTION, {}) if header is not None else {}
            tab = tab_of(header)
            if tab and (not tabs or tabs[-1]["tab"] != tab):
                choices = self.section_choices.list_tab_choices(header or {})
                needs = _needs_option(self.tab_needs.get(tab))
                tabs.append({"tab": tab, **needs, **_choose_option(choices), "rows": []})
            target = tabs[-1]["rows"] if tab else rows
            if header is None or (tab and not section["row"]):
                target.append(panels)
            elif panels:
                repeat = header.get("repeat") if not self.without_repeats else None
                title = str(section.get("row") or header.get("title") or "Row")
                target.append(
                    {
                        "row": title,
                        **({"collapsed": True} if header.get("collapsed") else {}),
                        **_needs_option(self.needs.get(id(header))),
                        **_choose_option(self.section_choices.list_row_choices(header) if SECTION in header else []),
                        **({"for each": repeat} if repeat else {}),
                        **({"per_row": section["columns"]} if section.get("columns") else {}),
                        "panels": panels,
                    }
                )
        return {"tabs": tabs} if tabs else {"rows": rows}

    def keep_json(self, draft: Draft) -> None:
        """Keep a panel as JSON under `raw:`; DeckwatchError if it already is."""
        if draft.word == "panel":
            raise DeckwatchError(f"{self.name} cannot be imported: panel {draft.panel.get('title')!r}")
        kept = self.drafter.keep_json(draft.original)
        draft.panel = draft.original
        draft.type, draft.word, draft.content, draft.queries = kept.type, kept.word, kept.content, None
        draft.options = {key: draft.options[key] for key in draft.options if key in ("for each", "per_row", "id")}


def _find_metric(drafts: list[Draft]) -> str:
    """Return the first metric that the panels query; '' if they query none."""
    for draft in drafts:
        for target in draft.panel.get("targets") or []:
            with contextlib.suppress(promql.PromqlError):
                for selector in promql.find_selectors(str(target.get("expr") or "")):
                    if selector.metric:
                        return selector.metric
    return ""


def _needs_option(metric: str | None) -> JsonObject:
    return {"needs": metric} if metric else {}


def _choose_option(choices: list[JsonObject]) -> JsonObject:
    return {"choose": choices} if choices else {}
