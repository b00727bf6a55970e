"""From a dashboard of Grafana's to a file of ours.

What our words express is said in them. The file is then generated, laid beside the original, and what differs is put
under `raw:`: so nothing is lost because a word was not thought of, and what is said in no word is in sight.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

import dashboards
from dashboards import checks, panels
from dashboards.importing import asked, choices, layout, likeness, modern, patch, probe, repeated, words
from dashboards.render import TAG
from dashboards.sources import Source
from deckwatch.core import plugins, signalfile, yamlfile, yamlwrite
from deckwatch.core.place import DeckwatchError
from deckwatch.core.signal import is_name, title_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dashboards.importing.modern import Modern
    from dashboards.importing.probe import Probed
    from dashboards.panels import PanelType
    from deckwatch.core.catalog import Catalog
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.core.place import Place, Problem
    from deckwatch.core.yamlfile import Document

REASON = "imported as it was"
_ROUNDS = 12  # each takes away what the last one complained of


@dataclass(frozen=True)
class Imported:
    """A dashboard in our words (`text`), and what became of it.

    `kept` of `panels` have their title, type and queries, in JSON generated again (`model`). `lost` says how often
    what is not there any more, `raw` how many panels need something that has no word.
    """

    title: str
    text: str
    model: Mapping[str, Any]
    panels: int
    kept: int
    words: int
    raw: int
    lost: Mapping[str, int]


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


class Importer:
    """Reads dashboards with one renderer; what words do is found out once."""

    def __init__(self, catalog: Catalog, child: Renderer) -> None:
        self.catalog = catalog
        self.child = child
        self.types = panels.load(child)
        self.words = probe.probe(self.types, catalog, child)
        self.checks = {*plugins.names(checks), "promql_syntax", "promql_metric", "promql_label"}

    def read(self, data: Any, name: str) -> Imported:
        """Return one dashboard in our words. `name` is that of its file, from which its address follows.

        Raises DeckwatchError for what is no dashboard, and where one cannot be generated again.
        """
        return _Work(self, modern.read(data, name), name).done()


class _Work:
    def __init__(self, importer: Importer, found: Modern, name: str) -> None:
        self.importer = importer
        self.found = found
        self.name = name
        self.lost = Counter(found.lost)
        self.ours = TAG in (found.model.get("tags") or [])
        self.sources = asked.Datasources(found.model, found.panels())
        self.signals = repeated.signals(found.panels(), self.sources, importer.catalog)
        self.parts = [(part.row, [self._draft(panel) for panel in part.panels]) for part in found.parts]
        self.rows = [dict(part.row or {}) for part in found.parts]
        self.keep_numbers = self.ours or any(
            "panelId" in one for panel in found.panels() for one in panel.get("targets") or []
        )
        self.top: dict[str, Any] = choices.top(found.model, found.folder, self.lost)
        self.choose = choices.said(found.model)
        choices.tell(found.model, self.lost, ours=self.ours)
        self.raw: dict[str, Any] = {}
        self.bare = False  # without repeats
        self.allowed: set[tuple[int, str]] = set()  # in this round
        for _, drafts in self.parts:
            for draft, size in zip(drafts, layout.sizes([(one.panel, one.one) for one in drafts]), strict=True):
                draft.size = size

    def drafts(self) -> list[Draft]:
        return [draft for _, drafts in self.parts for draft in drafts]

    # What is said

    def _draft(self, original: dict[str, Any]) -> Draft:
        panel = asked.renamed(original)
        draft = self._worded(panel) or self._kept(original)
        draft.original = original
        return draft

    def _worded(self, panel: dict[str, Any]) -> Draft | None:
        """Return a panel in our words, None where there are none."""
        found = words.best(panel, self.importer.words.get(str(panel.get("type")), []))
        if found is None:
            return None
        one, said = found
        draft = Draft(panel, one.type, one.word, said=said)
        if one.type.queries:
            return self._asking(draft)
        if one.type.source:
            texts = [str(target.get("expr") or "") for target in panel.get("targets") or []]
            if not texts or not all(texts) or self.sources.kind(panel) != one.type.source:
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
            self.lost["query without text"] += len(empty)
            targets = [one for one in targets if one not in empty]
            draft.panel = asked.renamed({**draft.panel, "targets": targets})
        kind = self.sources.kind({**draft.panel, "targets": targets})
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

    def _kept(self, panel: dict[str, Any]) -> Draft:
        """Return a panel that stays as it is, under `raw:`."""
        return Draft(panel, self.importer.types["other"], "panel", content=str(panel.get("type") or "timeseries"))

    # The file

    def data(self) -> dict[str, Any]:
        rows: list[Any] = []
        for (row, drafts), head in zip(self.parts, self.rows, strict=True):
            said = [self._said(draft) for draft in drafts]
            if row is None:
                rows.append(said)
            elif said:
                each = {"for each": head["repeat"]} if head.get("repeat") and not self.bare else {}
                closed = {"collapsed": True} if head.get("collapsed") else {}
                rows.append({"row": str(head.get("title") or "Row"), **closed, **each, "panels": said})
        signals = {
            name: {"title": title or title_of(name), "expr": text} for text, (name, title) in self.signals.items()
        }
        return {
            **self.top,
            **({"signals": signals} if signals else {}),
            "unscoped": "Imported: its queries hold what is chosen as they are written.",
            **({"choose": self.choose} if self.choose else {}),
            "rows": rows,
            **({"raw": self.raw} if self.raw else {}),
        }

    def _said(self, draft: Draft) -> dict[str, Any]:
        said: dict[str, Any] = {draft.word: self._behind(draft)}
        if (
            draft.queries
            and len(draft.queries) == 1
            and "legend" in draft.queries[0]
            and draft.explicit
            and "show" in draft.queries[0]
        ):
            said["legend"] = draft.queries[0]["legend"]
        said["title"] = str(draft.panel.get("title") or "")
        if description := str(draft.panel.get("description") or "").strip("\n"):
            said["description"] = description
        more = {key: one for key, one in draft.said.items() if not self.bare or key not in ("for each", "abreast")}
        return said | draft.size | more | ({"raw": draft.raw} if draft.raw else {})

    def _behind(self, draft: Draft) -> Any:
        if draft.queries is None:
            return draft.content
        found = []
        for query in draft.queries:
            one = {key: value for key, value in query.items() if draft.explicit or key not in ("ask", "legend")}
            if "show" in one:
                text = one["show"]
                one["show"] = self.signals[text][0] if text in self.signals else text
                if len(draft.queries) == 1:
                    one.pop("legend", None)
            found.append(one["show"] if list(one) == ["show"] else one)
        return found[0] if len(found) == 1 else found

    # What comes of it

    def done(self) -> Imported:
        self._compare_top()
        self._compare_queries()
        made = self._generate()
        self._compare(made)
        made = self._generate()
        if self.keep_numbers and self._number(made):
            made = self._generate()
        return self._imported(made)

    def _generate(self) -> dict[str, Any]:
        """Return the model that is generated; what is complained of is allowed, or said otherwise."""
        wrong: list[Problem] = []
        for _ in range(_ROUNDS):
            document = yamlfile.load(yamlwrite.dump(self.data()), f"{self.name}.yaml")
            signals, problems = signalfile.load([document], self.importer.catalog)
            source = Source(document, self.name, (signalfile.subject_of(document.file),))
            bundle = dashboards.bundle([source], self.importer.catalog, signals, None, self.importer.child)
            wrong = [one for one in (*problems, *bundle.problems) if one.severity == "error"]
            if not wrong:
                model: dict[str, Any] = orjson.loads(bundle.artifacts[0].text)
                return model
            self.allowed = set()
            for problem in wrong:
                self._yield(problem, document)
        raise DeckwatchError(f"{self.name} cannot be imported: {wrong[0]}")

    def _yield(self, problem: Problem, document: Document) -> None:
        """Say otherwise what is complained of, or allow it with the reason that it was so."""
        # A place inside an expression is that of the value that begins last before it.
        before = [(place, len(path), path) for path, place in _places(document) if place <= problem.place]
        path = max(before, key=lambda one: one[:2], default=(problem.place, 0, ()))[2]
        if path[:1] == ("choose",) or (path[:1] == ("dashboard",) and problem.check == "choose"):
            self.choose = []
            return
        found = self._at(path)
        if found is None:
            if path[:1] == ("rows",) and len(path) > 1 and self.rows[self._row(int(path[1]))].pop("repeat", None):
                self.lost["repeat of a row by what is no choice"] += 1
                return
            raise DeckwatchError(f"{self.name} cannot be imported: {problem}")
        draft, rest = found
        key = str(rest[0]) if rest else ""
        if problem.check == "duplicate_panel":
            number = sum(1 for one in self.drafts() if one.said.get("id"))
            draft.said["id"] = f"{draft.panel.get('title') or draft.word} {number + 2}"
        elif problem.check == "repeat":
            self.lost["repeat by what is no choice"] += 1
            draft.said.pop("for each", None)
            draft.said.pop("abreast", None)
        elif (id(draft), problem.check) in self.allowed:
            return  # it stands there twice
        elif problem.check in self.importer.checks and problem.check not in draft.said.get("allow", {}):
            draft.said.setdefault("allow", {})[problem.check] = REASON
            self.allowed.add((id(draft), problem.check))
        elif problem.check == "unknown_name" and draft.queries:
            for query in draft.queries:
                query["show"] = asked.plain(query["show"]) if is_name(query["show"]) else query["show"]
        elif key in draft.said:
            del draft.said[key]
        elif key in draft.size:
            del draft.size[key]
        else:
            self._keep(draft)

    def _keep(self, draft: Draft) -> None:
        if draft.word == "panel":
            raise DeckwatchError(f"{self.name} cannot be imported: panel {draft.panel.get('title')!r}")
        kept = self._kept(draft.original)
        draft.panel = draft.original
        draft.one, draft.word, draft.content, draft.queries = kept.one, kept.word, kept.content, None
        draft.said = {key: value for key, value in draft.said.items() if key in ("for each", "abreast", "id")}

    def _row(self, index: int) -> int:
        shown = [i for i, (row, drafts) in enumerate(self.parts) if row is None or drafts]
        return shown[index]

    def _at(self, path: Sequence[str | int]) -> tuple[Draft, Sequence[str | int]] | None:
        if len(path) < 3 or path[0] != "rows" or (isinstance(path[2], str) and path[2] != "panels"):
            return None
        drafts = self.parts[self._row(int(path[1]))][1]
        at = 3 if path[2] == "panels" else 2
        return (drafts[int(path[at])], path[at + 1 :]) if len(path) > at else None

    def _compare_queries(self) -> None:
        """Say in words what a query says of itself and does not follow; keep whole what cannot be said."""
        made = self._generate()
        for draft, panel in self._pairs(made):
            if draft.queries is None:
                continue
            drawn = [asked.drawn(one) for one in _without_goal(panel, draft)]
            draft.explicit = True
            for query, one in zip(draft.queries, drawn, strict=False):
                text = next(key for key in ("show", "sql", "logql") if key in query)
                if text == "show" and one.get("show") != query["show"] and is_name(query["show"]):
                    query["show"] = asked.plain(query["show"])
                for key in ("ask", "legend"):
                    if key in query and query[key] == one.get(key):
                        del query[key]
        made = self._generate()
        for draft, panel in self._pairs(made):
            if draft.queries is not None and not likeness.same_queries(draft.panel, panel):
                self._keep(draft)

    def _compare(self, made: Mapping[str, Any]) -> None:
        for draft, panel in self._pairs(made):
            wanted = {key: value for key, value in draft.panel.items() if key not in _OUTSIDE}
            if draft.queries is None and draft.one.source == "":
                self._keep_asking(draft, wanted)
            have = {key: value for key, value in panel.items() if key in wanted or key not in _OUTSIDE}
            if draft.queries is not None or draft.one.source:
                wanted, have = (
                    {key: one[key] for key in one if key not in ("targets", "datasource")} for one in (wanted, have)
                )
            if patch.same(have.get("fieldConfig"), wanted.get("fieldConfig")) is False:
                wanted = likeness.overrides_in_order(wanted, have)
            if not self.ours and words.LIMITS & draft.said.keys():
                wanted = likeness.with_our_colors(wanted, have, self.lost)
            raw = patch.between(have, wanted)
            draft.raw = raw if self.ours else likeness.without_defaults(raw, have)

    def _keep_asking(self, draft: Draft, wanted: dict[str, Any]) -> None:
        """Take the queries as they are; the variable of the data source has our name."""
        wanted |= {key: draft.panel[key] for key in ("targets", "datasource") if draft.panel.get(key) is not None}
        for key in ("targets", "datasource"):
            if key in wanted:
                wanted[key] = choices.renamed(wanted[key], self.sources.variables())

    def _compare_top(self) -> None:
        """Put under `raw:` what our words do not say of the dashboard itself; panels may repeat by its variables."""
        self.raw, self.bare = {}, True
        made = self._generate()
        self.raw = choices.rest(self.found.model, made, self.sources.variables(), ours=self.ours)
        self.bare = False
        if "templating" in self.raw and self.choose:
            self.choose = []
            self._compare_top()

    def _number(self, made: Mapping[str, Any]) -> bool:
        """Say the numbers of panels where they are not ours by themselves; others refer to them."""
        changed = False
        for draft, panel in self._pairs(made):
            number = draft.panel.get("id")
            if isinstance(number, int) and number != panel["id"]:
                draft.raw = {"id": number, **draft.raw}
                changed = True
        return changed

    def _pairs(self, made: Mapping[str, Any]) -> Iterator[tuple[Draft, dict[str, Any]]]:
        inner = [one for panel in made["panels"] for one in (panel, *panel.get("panels", []))]
        yield from zip(self.drafts(), (one for one in inner if one["type"] != "row"), strict=True)

    def _imported(self, made: Mapping[str, Any]) -> Imported:
        pairs = list(self._pairs(made))
        kept = sum(likeness.is_kept(draft.panel, panel) for draft, panel in pairs)
        moved = sum(likeness.moved(draft.panel, panel) for draft, panel in pairs)
        for what, count in (
            ("panel that stands elsewhere or has another size", moved),
            ("panel with queries of a further data source, kept under raw", self._foreign()),
            ("number of a panel", 0 if self.keep_numbers else len(pairs)),
        ):
            self.lost[what] += count
        return Imported(
            str(self.top["dashboard"]),
            yamlwrite.dump(self.data()),
            made,
            len(pairs),
            kept,
            sum(draft.word != "panel" for draft, _ in pairs),
            sum(bool(draft.raw) for draft, _ in pairs),
            {what: count for what, count in sorted(self.lost.items()) if count},
        )

    def _foreign(self) -> int:
        return sum(1 for draft in self.drafts() if draft.word == "panel" and draft.panel.get("targets"))


def _places(document: Document) -> Iterator[tuple[tuple[str | int, ...], Place]]:
    yield from document.keys.items()
    yield from document.values.items()


_GOALS = frozenset(("lines", "area", "bars", "points", "steps"))
_OUTSIDE = frozenset(("id", "gridPos", "targets", "datasource", "title", "type", "pluginVersion", "description"))


def _goal(target: Mapping[str, Any]) -> float | None:
    """Return the value of a line across the graph, where a query is one."""
    text = str(target.get("expr") or "")
    if target.get("refId") != "Target" or not text.startswith("vector("):
        return None
    number = float(text[len("vector(") : -1])
    return int(number) if number.is_integer() else number


def _without_goal(panel: Mapping[str, Any], draft: Draft) -> list[dict[str, Any]]:
    targets = list(panel.get("targets") or [])
    return targets[:-1] if "target" in draft.said else targets
