"""Resolves what a panel asks for, a signal, a metric or PromQL, to the query that Grafana runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deckwatch.core import expressions, promql
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.signal_lookup import Signals, UnknownSignal
from deckwatch.core.signals import BUCKETS, Reference, Signal, is_name, signal_for_metric
from deckwatch.dashboards.resolve import legends, where_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.dashboards.read.spec import PanelSpec, QuerySpec

_OF_BUCKETS = ("heatmap", "buckets")  # kinds of queries that read the buckets of a histogram
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True)
class Query:
    """One resolved query of a panel.

    `source` is the PromQL before the conditions of the dashboard's variables are added; `place_of` maps an offset in
    it to a position. `is_valid` tells whether it parses as PromQL. `labels` are those in which its series differ, as
    far as known. `signal` is None for PromQL.
    """

    ref: str
    expr: str
    source: str
    place: Place
    place_of: Callable[[int], Place]
    is_valid: bool
    title: str
    legend: str
    unit: str
    labels: tuple[str, ...] | None
    spec: QuerySpec
    signal: Signal | None = None

    @property
    def has_buckets(self) -> bool:
        """Whether its series are the buckets of a histogram, as far as known."""
        return self.labels is None or "le" in self.labels

    @property
    def about(self) -> str:
        """Description of its signal or metric."""
        return self.signal.about if self.signal is not None else ""


class Resolver:
    """Resolves the queries of one dashboard. `add_scope` adds the conditions of its variables to an expression."""

    def __init__(
        self, signals: Signals, catalog: Catalog, subjects: Sequence[str], add_scope: Callable[[str], str]
    ) -> None:
        self.signals = signals
        self.catalog = catalog
        self.subjects = subjects
        self.add_scope = add_scope
        self.problems: list[Problem] = []

    def with_scope(self, add_scope: Callable[[str], str]) -> Resolver:
        """Return a resolver with the variables of a section; it adds to the same problems."""
        resolver = Resolver(self.signals, self.catalog, self.subjects, add_scope)
        resolver.problems = self.problems
        return resolver

    def resolve_panel(self, panel: PanelSpec) -> list[Query]:
        """Return a panel's queries; what is wrong with them is added to `problems`."""
        queries: list[Query] = []
        for spec in panel.queries:
            ref = ("edges", "nodes")[len(queries)] if panel.type.queries == "graph" else query_ref(len(queries))
            query = self._resolve_query(panel, spec, ref)
            if query is not None:
                queries.append(query)
        return queries

    def _resolve_query(self, panel: PanelSpec, spec: QuerySpec, ref: str) -> Query | None:
        document = panel.document
        place = document.place(spec.path)
        try:
            reference = self._find_reference(panel, spec)
        except UnknownSignal as error:
            if not error.is_reported:
                self.problems.append(Problem(place, error.message, error.hint, check="unknown_name"))
            return None
        by = spec.by if spec.by is not None else panel.by
        try:
            source = self._build_expression(panel, spec, reference, by)
        except ValueError as error:
            position = document.place((*panel.path, "by"), key=True)
            self.problems.append(Problem(position, str(error), check="by"))
            return None
        signal = reference.signal if reference is not None else None
        is_valid = _is_promql(source)
        filtered = self._apply_where(panel, spec, source) if is_valid else source
        # The check of expressions reports invalid PromQL, at its position.
        expr = self.add_scope(filtered) if is_valid and not (panel.unscoped or spec.unscoped) else filtered
        grouping = by if by is not None else signal.by if signal is not None else None
        if reference is not None and reference.aspect == BUCKETS:
            grouping = None  # buckets keep `le`, whatever the signal groups by
        labels = legends.distinguishing_labels(filtered, grouping, self.catalog)
        panel_title = (panel.title or "") if len(panel.queries) == 1 else ""
        return Query(
            ref,
            _limit_series(expr, panel),
            source,
            place,
            signal.place_in_expr if signal is not None else lambda at: document.place_in_text(spec.path, at),
            is_valid,
            spec.title or _reference_title(reference, panel) or panel_title,
            self._build_legend(panel, spec, reference, labels),
            spec.unit or panel.unit or _reference_unit(panel, reference),
            labels,
            spec,
            signal,
        )

    def _apply_where(self, panel: PanelSpec, spec: QuerySpec, source: str) -> str:
        if not (conditions := where_filter.collect_conditions(panel, spec)):
            return source
        self.problems += where_filter.find_problems(panel, source, conditions, self.catalog)
        return where_filter.add_conditions(source, conditions, self.catalog)

    def _build_legend(
        self, panel: PanelSpec, spec: QuerySpec, reference: Reference | None, labels: Sequence[str] | None
    ) -> str:
        if spec.legend is not None:
            return spec.legend
        template = panel.legend or (reference.signal.legend if reference is not None else "")
        name = spec.title or _reference_title(reference)
        names = {query.text.strip().rpartition(".")[0] for query in panel.queries}
        if reference is not None and reference.aspect and len(names) == 1 and spec.title is None:
            name = reference.aspect  # p50, p95 and p99 of one signal need not repeat its name
        several = len(panel.queries) > 1
        # Grafana would name a single series without labels by its whole expression.
        return legends.build_legend(
            template, labels, name=name or ("" if several else panel.title or ""), several=several
        )

    def _find_reference(self, panel: PanelSpec, spec: QuerySpec) -> Reference | None:
        """Return the signal or metric that a text names; None for PromQL. Raises UnknownSignal."""
        text = spec.text.strip()
        subjects = panel.origin.subjects or self.subjects
        if panel.type.queries in _OF_BUCKETS and is_name(text) and (found := self._find_histogram(text, panel, spec)):
            return Reference(found if panel.type.queries == "heatmap" else replace(found, over="$__range"), BUCKETS)
        if is_name(text):
            try:
                return self.signals.find_reference(text, subjects)
            except UnknownSignal as error:
                if error.is_misused:
                    raise
        name, _, aspect = text.partition(".")
        signal = signal_for_metric(name, self.catalog, panel.document, (*spec.path,))
        if signal is None:
            is_unknown = _METRIC.fullmatch(text) and "promql_metric" not in panel.allow
            if not is_name(text) and (not is_unknown or self.catalog.series(text) is not None):
                return None
            near = did_you_mean(text, [*self.signals.known_names(subjects), *self.catalog.names()])
            hint = near or expressions.hint_for_metric(text, self.catalog)
            raise UnknownSignal(f"no signal or metric is called {text}", hint)
        if (aspect or None) not in (signal.aspects or (None,)):
            aspects = ", ".join(f"{name}.{known}" for known in signal.aspects)
            hint = f"one of {aspects}" if aspects else f"{name} has only one value"
            raise UnknownSignal(f"{name} is a {signal.kind} without {text}", hint, is_misused=True)
        return Reference(signal, aspect or None)

    def _find_histogram(self, text: str, panel: PanelSpec, spec: QuerySpec) -> Signal | None:
        """Return the histogram with this name: a heat map shows all of its buckets."""
        try:
            signal: Signal | None = self.signals.find_reference(
                f"{text}.{BUCKETS}", panel.origin.subjects or self.subjects
            ).signal
        except UnknownSignal:
            signal = signal_for_metric(text, self.catalog, panel.document, (*spec.path,))
        return signal if signal is not None and BUCKETS in signal.aspects else None

    def _build_expression(
        self, panel: PanelSpec, spec: QuerySpec, reference: Reference | None, by: Sequence[str] | None
    ) -> str:
        """Return the PromQL, grouped by these labels if any. Raises ValueError where it cannot be grouped."""
        if by is None:
            return reference.build_expression() if reference is not None else spec.text.strip()
        if reference is not None and not reference.signal.expr:
            return reference.build_expression(by=by)
        if panel.type.queries != "table":
            name = reference.name if reference is not None else "this"
            raise ValueError(f"{name} is plain PromQL: write its labels there, as in sum by ({', '.join(by)}) (…)")
        # The columns of a table are joined by their labels, so each query must have exactly these.
        source = reference.build_expression() if reference is not None else spec.text.strip()
        fits = legends.find_result_labels(source, self.catalog) == frozenset(by)
        return source if fits else f"max by ({', '.join(by)}) ({source})"


def _is_promql(source: str) -> bool:
    try:
        promql.check_syntax(source)
    except promql.PromqlError:
        return False
    return True


def _reference_unit(panel: PanelSpec, reference: Reference | None) -> str:
    if reference is None:
        return ""
    if reference.aspect == BUCKETS:
        # The axis of a heat map is the observed value; the colour is the frequency.
        return reference.signal.unit if panel.type.queries == "heatmap" else "count"
    return reference.unit


def _reference_title(reference: Reference | None, panel: PanelSpec | None = None) -> str:
    if reference is None:
        return ""
    if panel is not None and reference.aspect == BUCKETS:
        return reference.signal.title
    return f"{reference.signal.title} {reference.aspect}" if reference.aspect else reference.signal.title


def _limit_series(expr: str, panel: PanelSpec) -> str:
    """Return the expression limited to the highest or lowest series; an instant query is sorted too."""
    if panel.type.queries == "table":
        return expr  # its rows are ranked by one of the columns
    for count, choose, sort in ((panel.top, "topk", "sort_desc"), (panel.lowest, "bottomk", "sort")):
        if count is not None:
            chosen = f"{choose}({count}, {expr})"
            return f"{sort}({chosen})" if panel.type.queries == "instant" else chosen
    return expr


def query_ref(index: int) -> str:
    """Return A, B, … Z, AA, … as Grafana names queries."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
