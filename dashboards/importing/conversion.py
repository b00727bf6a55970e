"""The conversion of one Grafana dashboard to a dashboard file.

What keywords can express becomes keywords. The file is then generated and compared with the original, and every
difference goes under `raw:`: nothing is lost because a keyword is missing, and what has no keyword is visible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from deckwatch import dashboards
from deckwatch.core import signal_file, unwritten_yaml, yaml_file, yaml_write
from deckwatch.core.problems import DeckwatchError, without_suggestions
from deckwatch.core.signals import is_name
from deckwatch.core.yaml_syntax import MAX_BYTES
from deckwatch.dashboards import panel_ids
from deckwatch.dashboards.importing import compare_panels, losses, match_options, patch, queries, repair, variables
from deckwatch.dashboards.importing.dashboard_draft import DashboardDraft, Tools
from deckwatch.dashboards.read.files import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Document
    from deckwatch.dashboards.importing.draft import Draft
    from deckwatch.dashboards.importing.upgrade import UpgradedDashboard

_MAX_ROUNDS = 12  # each removes what the checks rejected in the one before
# Keys of a panel that are not compared: the generator determines them, or they are compared separately.
_NOT_COMPARED = frozenset(("id", "gridPos", "targets", "datasource", "title", "type", "pluginVersion", "description"))


@dataclass(frozen=True)
class Imported:
    """A dashboard as a dashboard file (`text`), and the result of generating it again (`model`).

    `kept` of `panels` have the same title, type and queries; `words` have a panel word, `raw` need `raw:`. `lost`
    counts what the file does not contain any more.
    """

    title: str
    text: str
    model: JsonMapping
    panels: int
    kept: int
    words: int
    raw: int
    lost: Mapping[str, int]


# Nothing of such a panel is lost: its queries are of another data source, or no keyword draws what it shows.
KEPT_AS_JSON = "panel kept as JSON under raw, with its queries"


def convert_dashboard(tools: Tools, original: UpgradedDashboard, name: str) -> Imported:
    """Return the converted dashboard; raises DeckwatchError if it has too many panels or its file is too large.

    Its file is written and read once, at the end. If it then differs from the draft, which YAML may read as other
    values, or if there is an error, it is converted again with the file written and read at each step.
    """
    conversion = Conversion(tools, original, name)
    conversion.check_count()
    try:
        return conversion.convert()
    except (DeckwatchError, TypeError):  # TypeError: a value that JSON cannot represent
        return Conversion(tools, original, name, through_text=True).convert()


class Conversion:
    """One run from a draft of the dashboard to its file, which `through_text` writes and reads at each step."""

    def __init__(self, tools: Tools, original: UpgradedDashboard, name: str, *, through_text: bool = False) -> None:
        self._tools = tools
        self._draft = DashboardDraft(tools, original, name)
        self._through_text = through_text
        self._generated = (b"", b"")  # the content of the last file without errors as JSON, and the model made from it
        self._keeps_ids = self._draft.is_ours or any(
            "panelId" in target for panel in original.panels() for target in panel.get("targets") or []
        )

    def check_count(self) -> None:
        """Raise DeckwatchError if there are too many panels."""
        count = len(self._draft.drafts()) + sum(header is not None for header, _ in self._draft.rows)
        if count > panel_ids.MAX_ID:
            raise DeckwatchError(
                f"{self._draft.name} has {count} panels and rows; a dashboard has at most {panel_ids.MAX_ID}: "
                "split it in Grafana and import its parts"
            )

    def convert(self) -> Imported:
        """Return the converted dashboard; raises DeckwatchError if its file is too large or cannot be generated."""
        with without_suggestions():
            self._compare_settings()
            self._simplify_queries()
            self._fill_raw(self._generate())
            model = self._generate()
            if self._keeps_ids and self._restore_ids(model):
                model = self._generate()
            return self._summarize(model)

    def _generate(self) -> JsonObject:
        """Return the generated model; what the checks reject is allowed or changed first."""
        errors: list[Problem] = []
        for _ in range(_MAX_ROUNDS):
            document = self._make_document()
            content = orjson.dumps(document.data)
            if not self._through_text:
                self._check_size(len(content))  # about as large as the file
            if content == self._generated[0]:
                unchanged: JsonObject = orjson.loads(self._generated[1])
                return unchanged
            signals, problems = signal_file.load_signals([document], self._tools.catalog)
            source = Source(document, self._draft.name, (signal_file.subject_of(document.file),))
            bundle = dashboards.build_dashboards(
                [source], self._tools.catalog, signals, self._tools.settings, self._tools.child
            )
            errors = [problem for problem in (*problems, *bundle.problems) if problem.severity == "error"]
            if not errors:
                self._generated = (content, bundle.artifacts[0].text.encode())
                model: JsonObject = orjson.loads(self._generated[1])
                return model
            handled: set[tuple[int, str, str]] = set()
            index = repair.PlaceIndex(document)
            for problem in errors:
                repair.repair_problem(self._draft, problem, index, checks=self._tools.checks, handled=handled)
        raise DeckwatchError(f"{self._draft.name} cannot be imported: {errors[0]}")

    def _make_document(self) -> Document:
        """Return the file as a document; raises DeckwatchError if it is too large."""
        file = f"{self._draft.name}.yaml"
        if self._through_text:
            return yaml_file.parse_yaml(self._write_text(), file)
        return unwritten_yaml.build_document(self._draft.to_yaml(), file)

    def _write_text(self) -> str:
        """Return the text of the file; raises DeckwatchError if it is too large."""
        text = yaml_write.dump_yaml(self._draft.to_yaml())
        self._check_size(len(text.encode()))
        return text

    def _check_size(self, size: int) -> None:
        if size > MAX_BYTES:
            megabytes = MAX_BYTES // 1_000_000
            raise DeckwatchError(f"{self._draft.name} is too large: its file would have more than {megabytes} MB")

    def _simplify_queries(self) -> None:
        """Remove query options that are defaults; keep panels as JSON whose queries cannot be expressed."""
        for draft, panel in self._pair_panels(self._generate()):
            if draft.queries is None:
                continue
            targets = list(panel.get("targets") or [])
            if "target" in draft.options:
                targets.pop()
            draft.is_compared = True
            for query, target in zip(draft.queries, targets, strict=False):
                generated = queries.read_generated_query(target)
                if "show" in query and generated.get("show") != query["show"] and is_name(query["show"]):
                    query["show"] = queries.escape_name(query["show"])
                for key in ("query_type", "legend"):
                    if key in query and query[key] == generated.get(key):
                        del query[key]
        for draft, panel in self._pair_panels(self._generate()):
            if draft.queries is not None and not compare_panels.has_same_queries(draft.panel, panel):
                self._draft.keep_json(draft)

    def _fill_raw(self, model: JsonMapping) -> None:
        """Put the differences between generated and original panels under `raw:`."""
        for draft, panel in self._pair_panels(model):
            wanted = {key: value for key, value in draft.panel.items() if key not in _NOT_COMPARED}
            if draft.queries is None and draft.type.source == "":
                self._add_original_queries(draft, wanted)
            generated = {key: value for key, value in panel.items() if key in wanted or key not in _NOT_COMPARED}
            if draft.queries is not None or draft.type.source:
                for compared in (wanted, generated):
                    compared.pop("targets", None)
                    compared.pop("datasource", None)
            if not patch.is_same_json(generated.get("fieldConfig"), wanted.get("fieldConfig")):
                wanted = compare_panels.reorder_overrides(wanted, generated)
            if not self._draft.is_ours and match_options.THRESHOLD_KEYS & draft.options.keys():
                wanted = compare_panels.use_our_colors(wanted, generated, self._draft.lost)
            raw = patch.make_patch(generated, wanted)
            draft.raw = raw if self._draft.is_ours else compare_panels.drop_defaults(raw, generated)

    def _add_original_queries(self, draft: Draft, wanted: JsonObject) -> None:
        """Add a panel's queries unchanged, except for the name of the data source's variable."""
        for key in ("targets", "datasource"):
            if draft.panel.get(key) is not None:
                wanted[key] = variables.rename_sources(draft.panel[key], self._draft.sources.variable_kinds())

    def _compare_settings(self) -> None:
        """Put settings without a keyword under `raw:`. Panels are not repeated meanwhile: it may need `raw:`."""
        self._draft.raw, self._draft.without_repeats = {}, True
        kinds = self._draft.sources.variable_kinds()
        self._draft.raw = variables.make_raw(
            self._draft.original.model, self._generate(), kinds, is_ours=self._draft.is_ours
        )
        self._draft.without_repeats = False
        if "templating" in self._draft.raw and self._draft.choices:
            self._draft.choices = []
            self._compare_settings()

    def _restore_ids(self, model: JsonMapping) -> bool:
        """Set the ids of panels that differ from the generated ones, because queries refer to them."""
        is_changed = False
        for draft, panel in self._pair_panels(model):
            panel_id = draft.panel.get("id")
            if isinstance(panel_id, int) and panel_id != panel["id"]:
                draft.raw = {"id": panel_id, **draft.raw}
                is_changed = True
        return is_changed

    def _pair_panels(self, model: JsonMapping) -> Iterator[tuple[Draft, JsonObject]]:
        """Yield each draft with its generated panel."""
        panels = [inner for panel in model["panels"] for inner in (panel, *panel.get("panels", []))]
        yield from zip(self._draft.drafts(), (panel for panel in panels if panel["type"] != "row"), strict=True)

    def _write_checked(self) -> str:
        """Return the text of the last generated file; raises DeckwatchError if YAML reads other values from it."""
        text = self._write_text()
        if not self._through_text:
            document = yaml_file.parse_yaml(text, f"{self._draft.name}.yaml")
            if orjson.dumps(document.data) != self._generated[0]:
                raise DeckwatchError(f"{self._draft.name} cannot be imported: its file reads differently")
        return text

    def _summarize(self, model: JsonMapping) -> Imported:
        pairs = list(self._pair_panels(model))
        if not self._draft.is_ours:
            for draft, panel in pairs:
                losses.count_panel(draft, panel, self._draft.lost)
        kept_as_json = sum(draft.word == "panel" and bool(draft.panel.get("targets")) for draft, _ in pairs)
        moved = sum(compare_panels.is_moved(draft.panel, panel) for draft, panel in pairs)
        self._draft.lost["panel at another position or of another size"] += moved
        self._draft.lost[KEPT_AS_JSON] += kept_as_json
        self._draft.lost["id of a panel"] += 0 if self._keeps_ids else len(pairs)
        return Imported(
            str(self._draft.header["dashboard"]),
            self._write_checked(),
            model,
            len(pairs),
            sum(compare_panels.is_kept(draft.panel, panel) for draft, panel in pairs),
            sum(draft.word != "panel" for draft, _ in pairs),
            sum(bool(draft.raw) for draft, _ in pairs),
            {change: count for change, count in sorted(self._draft.lost.items()) if count},
        )
