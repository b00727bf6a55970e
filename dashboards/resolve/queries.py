"""From what a panel asks for, a signal, a metric or PromQL, to the query that Grafana gets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.core import expressions, promql
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.signal_lookup import Signals, UnknownSignal
from deckwatch.core.signals import BUCKETS, Reference, Signal, is_name, signal_for_metric
from deckwatch.dashboards.resolve import legends, where_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.read.spec import Asked, Panel

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True)
class Query:
    """One query of a panel.

    `source` is the PromQL before the choices at the top are added, and `place_of` turns an offset in it into a place.
    `sound` tells that it is PromQL at all. `shown` are the labels by which its series differ, as far as they are known.
    `said` is what stands beside it in YAML, at `path`; `signal` is None for PromQL.
    """

    ref: str
    expr: str
    source: str
    place: Place
    place_of: Callable[[int], Place]
    sound: bool
    title: str
    legend: str
    unit: str
    shown: tuple[str, ...] | None
    said: Mapping[str, Any]
    path: Path
    signal: Signal | None = None

    @property
    def about(self) -> str:
        """What its signal or metric means."""
        return self.signal.about if self.signal is not None else ""


class Resolver:
    """Resolves the queries of one dashboard. `scoped` adds the choices at the top to an expression."""

    def __init__(
        self, signals: Signals, catalog: Catalog, subjects: Sequence[str], scoped: Callable[[str], str]
    ) -> None:
        self.signals = signals
        self.catalog = catalog
        self.subjects = subjects
        self.scoped = scoped
        self.problems: list[Problem] = []

    def panel(self, panel: Panel) -> list[Query]:
        """Return a panel's queries; what is wrong with them is added to `problems`."""
        found: list[Query] = []
        for asked in panel.asked():
            ref = ("edges", "nodes")[len(found)] if panel.type.queries == "graph" else reference(len(found))
            query = self._query(panel, asked, ref)
            if query is not None:
                found.append(query)
        return found

    def _query(self, panel: Panel, asked: Asked, ref: str) -> Query | None:
        document = panel.document
        place = document.place(asked.path)
        try:
            reference = self._reference(panel, asked)
        except UnknownSignal as error:
            if not error.is_reported:
                self.problems.append(Problem(place, error.message, error.hint, check="unknown_name"))
            return None
        by = asked.said.get("by", panel.said.get("by"))
        try:
            source = self._expression(panel, asked, reference, by)
        except ValueError as error:
            where = document.place((*panel.path, "by"), key=True)
            self.problems.append(Problem(where, str(error), check="by"))
            return None
        signal = reference.signal if reference is not None else None
        sound = _is_sound(source)
        chosen = self._narrowed(panel, asked, source) if sound else source
        # What is no PromQL is told by the check of expressions, at its place.
        expr = self.scoped(chosen) if sound and "unscoped" not in panel.said else chosen
        labels = by if by is not None else signal.by if signal is not None else None
        if reference is not None and reference.aspect == BUCKETS:
            labels = None  # they stay together, whatever else the signal tells apart
        shown = legends.distinguishing_labels(chosen, labels, self.catalog)
        only = len(panel.asked()) == 1
        title = asked.said.get("title") or _title(reference, panel) or (panel.said.get("title", "") if only else "")
        return Query(
            ref,
            _ranked(expr, panel),
            source,
            place,
            signal.place_in_expr if signal is not None else lambda at: document.place_in_text(asked.path, at),
            sound,
            title,
            self._legend(panel, asked, reference, shown),
            asked.said.get("unit") or panel.said.get("unit") or _unit(panel, reference),
            shown,
            asked.said,
            asked.path[:-1] if asked.said else asked.path,
            signal,
        )

    def _narrowed(self, panel: Panel, asked: Asked, source: str) -> str:
        if not (wanted := where_filter.conditions(panel, asked)):
            return source
        self.problems += where_filter.problems(panel, source, wanted, self.catalog)
        return where_filter.narrowed(source, wanted, self.catalog)

    def _legend(self, panel: Panel, asked: Asked, reference: Reference | None, shown: Sequence[str] | None) -> str:
        if "legend" in asked.said:
            return str(asked.said["legend"])
        several = len(panel.asked()) > 1
        said = panel.said.get("legend") or (reference.signal.legend if reference is not None else "")
        name = asked.said.get("title") or _title(reference)
        figures = {one.text.strip().rpartition(".")[0] for one in panel.asked()}
        if reference is not None and reference.aspect and len(figures) == 1 and "title" not in asked.said:
            name = reference.aspect  # p50, p95 and p99 of one thing need not repeat its name
        return legends.build_legend(said, shown, name=name, several=several)

    def _reference(self, panel: Panel, asked: Asked) -> Reference | None:
        """Return the signal or metric that a text names; None for PromQL. Raises UnknownSignal."""
        text = asked.text.strip()
        if panel.type.queries == "heatmap" and is_name(text) and (whole := self._histogram(text, panel, asked)):
            return Reference(whole, BUCKETS)
        if is_name(text):
            try:
                return self.signals.find_reference(text, panel.lent.subjects or self.subjects)
            except UnknownSignal as error:
                if error.is_misused:
                    raise
        name, _, aspect = text.partition(".")
        signal = signal_for_metric(name, self.catalog, panel.document, (*asked.path,))
        if signal is None:
            unknown = _METRIC.fullmatch(text) and "promql_metric" not in panel.said.get("allow", {})
            if not is_name(text) and (not unknown or self.catalog.series(text) is not None):
                return None
            near = did_you_mean(
                text, [*self.signals.known_names(panel.lent.subjects or self.subjects), *self.catalog.names()]
            )
            hint = near or expressions.hint_for_metric(text, self.catalog)
            raise UnknownSignal(f"no signal and no metric is called {text}", hint)
        if (aspect or None) not in (signal.aspects or (None,)):
            figures = ", ".join(f"{name}.{one}" for one in signal.aspects)
            hint = f"one of {figures}" if figures else f"{name} takes no suffix"
            raise UnknownSignal(f"{name} is a {signal.kind}: {text} is not one of its figures", hint, is_misused=True)
        return Reference(signal, aspect or None)

    def _histogram(self, text: str, panel: Panel, asked: Asked) -> Signal | None:
        """Return the histogram that a name without any of its figures means: a heat map shows the whole of it."""
        try:
            found: Signal | None = self.signals.find_reference(
                f"{text}.{BUCKETS}", panel.lent.subjects or self.subjects
            ).signal
        except UnknownSignal:
            found = signal_for_metric(text, self.catalog, panel.document, (*asked.path,))
        return found if found is not None and BUCKETS in found.aspects else None

    def _expression(self, panel: Panel, asked: Asked, reference: Reference | None, by: Sequence[str] | None) -> str:
        if by is None:
            return reference.build_expression() if reference is not None else asked.text.strip()
        if reference is not None and not reference.signal.expr:
            return reference.build_expression(by=by)
        if panel.type.queries != "table":
            what = reference.name if reference is not None else "this"
            raise ValueError(f"{what} is plain PromQL: write its labels there, as in sum by ({', '.join(by)}) (…)")
        # Columns of a table are laid side by side by their labels, so each must have these and no others.
        source = reference.build_expression() if reference is not None else asked.text.strip()
        fits = legends.find_result_labels(source, self.catalog) == frozenset(by)
        return source if fits else f"max by ({', '.join(by)}) ({source})"


def _is_sound(source: str) -> bool:
    try:
        promql.check_syntax(source)
    except promql.PromqlError:
        return False
    return True


def _unit(panel: Panel, reference: Reference | None) -> str:
    if reference is None:
        return ""
    # The axis of a heat map is that of what is observed; how often is the colour.
    return reference.signal.unit if panel.type.queries == "heatmap" else reference.unit


def _title(reference: Reference | None, panel: Panel | None = None) -> str:
    if reference is None:
        return ""
    if panel is not None and panel.type.queries == "heatmap":
        return reference.signal.title
    return f"{reference.signal.title} {reference.aspect}" if reference.aspect else reference.signal.title


def _ranked(expr: str, panel: Panel) -> str:
    """Return the expression for the highest or the lowest few; what is asked for once is sorted too."""
    if panel.type.queries == "table":
        return expr  # its lines are ranked by one of the columns
    for word, choose, sort in (("top", "topk", "sort_desc"), ("lowest", "bottomk", "sort")):
        if word in panel.said:
            chosen = f"{choose}({panel.said[word]}, {expr})"
            return f"{sort}({chosen})" if panel.type.queries == "instant" else chosen
    return expr


def reference(index: int) -> str:
    """Return A, B, … Z, AA, … as Grafana names queries."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
