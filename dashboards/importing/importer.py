"""From a dashboard of Grafana's to a file of ours.

What our words express is said in them. The file is then generated, laid beside the original, and what differs is put
under `raw:`: so nothing is lost because a word was not thought of, and what is said in no word is in sight.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from deckwatch import dashboards
from deckwatch.core import plugins, signal_file, yaml_file, yaml_write
from deckwatch.core.problems import DeckwatchError
from deckwatch.core.signals import is_name, title_of
from deckwatch.dashboards import checks, panel_types
from deckwatch.dashboards.draw.render import TAG
from deckwatch.dashboards.importing import asked, choices, layout, likeness, modern, patch, probe, repeated, words
from deckwatch.dashboards.importing.draft import Draft, Drafter
from deckwatch.dashboards.read.files import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.core.problems import Place, Problem
    from deckwatch.core.yaml_file import Document
    from deckwatch.dashboards.importing.modern import Modern

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


class Importer:
    """Reads dashboards with one renderer; what words do is found out once."""

    def __init__(self, catalog: Catalog, child: Renderer) -> None:
        self.catalog = catalog
        self.child = child
        self.types = panel_types.load_types(child)
        self.words = probe.probe(self.types, catalog, child)
        self.checks = {*plugins.module_names(checks), "promql_syntax", "promql_metric", "promql_label"}

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
        self.drafter = Drafter(importer.words, importer.types["other"], self.sources, self.lost)
        self.parts = [(part.row, [self.drafter.draft(panel) for panel in part.panels]) for part in found.parts]
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

    # The file

    def data(self) -> dict[str, Any]:
        rows: list[Any] = []
        for (row, drafts), head in zip(self.parts, self.rows, strict=True):
            said = [draft.written(self.signals, bare=self.bare) for draft in drafts]
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
            document = yaml_file.parse_yaml(yaml_write.dump_yaml(self.data()), f"{self.name}.yaml")
            signals, problems = signal_file.load_signals([document], self.importer.catalog)
            source = Source(document, self.name, (signal_file.subject_of(document.file),))
            bundle = dashboards.build_dashboards([source], self.importer.catalog, signals, None, self.importer.child)
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
            draft.said.pop("per_row", None)
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
        kept = self.drafter.kept(draft.original)
        draft.panel = draft.original
        draft.one, draft.word, draft.content, draft.queries = kept.one, kept.word, kept.content, None
        draft.said = {key: value for key, value in draft.said.items() if key in ("for each", "per_row", "id")}

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
                for key in ("query_type", "legend"):
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
            yaml_write.dump_yaml(self.data()),
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


_OUTSIDE = frozenset(("id", "gridPos", "targets", "datasource", "title", "type", "pluginVersion", "description"))


def _without_goal(panel: Mapping[str, Any], draft: Draft) -> list[dict[str, Any]]:
    targets = list(panel.get("targets") or [])
    return targets[:-1] if "target" in draft.said else targets
