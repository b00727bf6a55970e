"""The conversion of one Grafana dashboard to a dashboard file.

What keywords can express becomes keywords. The file is then generated and compared with the original, and every
difference goes under `raw:`: nothing is lost because a keyword is missing, and what has no keyword is visible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from deckwatch import dashboards
from deckwatch.core import signal_file, yaml_file, yaml_write
from deckwatch.core.problems import DeckwatchError
from deckwatch.core.signals import is_name
from deckwatch.dashboards.importing import compare_panels, match_options, patch, queries, repair, variables
from deckwatch.dashboards.importing.dashboard_draft import DashboardDraft, Tools
from deckwatch.dashboards.read.files import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deckwatch.core.json_types import JsonMapping, JsonObject
    from deckwatch.core.problems import Problem
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


class Conversion:
    """One run from a draft of the dashboard to its file."""

    def __init__(self, tools: Tools, original: UpgradedDashboard, name: str) -> None:
        self._tools = tools
        self._draft = DashboardDraft(tools, original, name)
        self._keeps_ids = self._draft.is_ours or any(
            "panelId" in target for panel in original.panels() for target in panel.get("targets") or []
        )

    def convert(self) -> Imported:
        """Return the converted dashboard."""
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
            document = yaml_file.parse_yaml(yaml_write.dump_yaml(self._draft.to_yaml()), f"{self._draft.name}.yaml")
            signals, problems = signal_file.load_signals([document], self._tools.catalog)
            source = Source(document, self._draft.name, (signal_file.subject_of(document.file),))
            bundle = dashboards.build_dashboards([source], self._tools.catalog, signals, None, self._tools.child)
            errors = [problem for problem in (*problems, *bundle.problems) if problem.severity == "error"]
            if not errors:
                model: JsonObject = orjson.loads(bundle.artifacts[0].text)
                return model
            allowed: set[tuple[int, str]] = set()
            for problem in errors:
                repair.repair_problem(self._draft, problem, document, checks=self._tools.checks, allowed=allowed)
        raise DeckwatchError(f"{self._draft.name} cannot be imported: {errors[0]}")

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

    def _summarize(self, model: JsonMapping) -> Imported:
        pairs = list(self._pair_panels(model))
        kept_as_json = sum(draft.word == "panel" and bool(draft.panel.get("targets")) for draft, _ in pairs)
        moved = sum(compare_panels.is_moved(draft.panel, panel) for draft, panel in pairs)
        self._draft.lost["panel at another position or of another size"] += moved
        self._draft.lost["panel with queries of another data source, kept under raw"] += kept_as_json
        self._draft.lost["id of a panel"] += 0 if self._keeps_ids else len(pairs)
        return Imported(
            str(self._draft.header["dashboard"]),
            yaml_write.dump_yaml(self._draft.to_yaml()),
            model,
            len(pairs),
            sum(compare_panels.is_kept(draft.panel, panel) for draft, panel in pairs),
            sum(draft.word != "panel" for draft, _ in pairs),
            sum(bool(draft.raw) for draft, _ in pairs),
            {change: count for change, count in sorted(self._draft.lost.items()) if count},
        )
