"""The choices at the top of a dashboard, and the conditions that they put on every query.

`job` and `instance` are always there; `choose:` adds labels. The choice "All" is `.+`, so that it holds for each
series that has the label at all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.core import expression_labels, expressions, promql
from deckwatch.core.expression_labels import target_labels
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.signals import label_matchers, title_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.core.promql import Selector
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.read.spec import Dashboard

ALWAYS = ("job", "instance")
ALL = ".+"
# Where metrics of applications are declared; their pages have the label `service` from the scrape.
_APPLICATIONS = ("project", "deckwatch.instrument")


@dataclass(frozen=True, slots=True)
class Variable:
    """One choice. `selector` is the selection of series whose values of the label are offered."""

    name: str
    title: str
    selector: str
    place: Place

    @property
    def query(self) -> str:
        """The query as Grafana has it."""
        return f"label_values({self.selector}, {self.name})"

    @property
    def expr(self) -> str:
        """The same as PromQL."""
        return f"group by ({self.name}) ({self.selector})"


class Scope:
    """What a dashboard lets choose, as conditions on its queries."""

    def __init__(self, dashboard: Dashboard, catalog: Catalog) -> None:
        self.dashboard = dashboard
        self.catalog = catalog
        self.free = bool(dashboard.said("unscoped"))
        self.said: dict[str, Mapping[str, Any]] = {} if self.free else {name: {} for name in ALWAYS}
        self._paths: dict[str, Path] = {}
        # Fields to write into and choices of fixed words: queries hold them where their authors put them.
        self.inputs: list[Mapping[str, Any]] = []
        for i, one in enumerate(dashboard.said("choose", [])):
            if isinstance(one, dict) and "label" not in one:
                self.inputs.append(one)
                continue
            name = one if isinstance(one, str) else one["label"]
            self.said[name] = {} if isinstance(one, str) else one
            self._paths[name] = ("choose", i)

    def conditions(self, selector: Selector) -> list[str]:
        """Return what a selection of series must fulfil: `job=~"$job"` and so on, for the labels that it has."""
        if self.free:
            return []
        return [f'{name}=~"${name}"' for name in self.said if self._has(selector.metric, name)]

    def add(self, expr: str) -> str:
        """Return an expression with the choices added to each of its selections.

        A label that one of them decides about is left alone in the others: in the share of `code=~"5.."` in all
        requests, the whole must not become what is chosen of the codes.
        """
        decided = {
            matcher.label
            for selector in promql.find_selectors(expr)
            for matcher in selector.matchers
            if matcher.op in ("=", "=~") and matcher.label not in ALWAYS
        }

        def wanted(selector: Selector) -> list[str]:
            return [one for one in self.conditions(selector) if one.partition("=")[0] not in decided]

        return promql.with_matchers(expr, wanted)

    def _has(self, metric: str | None, label: str) -> bool:
        info = self.catalog.series(metric) if metric else None
        if metric is None or info is None:
            return label in ALWAYS
        if label in self.catalog.labels(metric):
            return True
        if info.source == "recording" or label not in target_labels():
            return False
        return label in ALWAYS or (label == "service" and info.source in _APPLICATIONS)

    def variables(self, sources: Sequence[str], problems: list[Problem]) -> list[Variable]:
        """Return the choices; `sources` are the PromQL of all panels, in order.

        The values come from the metric that `from:` names, that the dashboard needs, or that it asks for most.
        """
        used = Counter(metric for source in sources for metric in _metrics(source))
        needed = [self.dashboard.said("needs")] if self.dashboard.said("needs") else []
        found: list[Variable] = []
        for name, said in self.said.items():
            path = self._paths.get(name, ("dashboard",))
            if "from" in said:
                metric = said["from"]
                document = self.dashboard.document
                wrong = list(expressions.check_expression(document, (*path, "from"), 0, metric, self.catalog))
                problems += wrong or self._lacking(name, metric, (*path, "from"))
            else:
                having = [one for one in (*needed, *dict(used.most_common())) if self._has(one, name)]
                metric = having[0] if having else "up" if name in ALWAYS else ""
            place = self.dashboard.document.place(path)
            if not metric:
                carried = {label for one in used for label in self.catalog.labels(one)}
                added = {label for label in target_labels() if any(self._has(one, label) for one in used)}
                hint = did_you_mean(name, sorted(carried | added))
                problems.append(Problem(place, f"no figure of this dashboard has a label {name}", hint, "choose"))
                continue
            selector = self._narrowed(metric, {one.name for one in found})
            found.append(Variable(name, said.get("title") or title_of(name), selector, place))
        return found

    def _lacking(self, name: str, metric: str, path: Path) -> list[Problem]:
        """Return that a metric to choose from does not have the label at all."""
        known = expression_labels.result_labels(metric, self.catalog)
        if known is None or name in known:
            return []
        hint = did_you_mean(name, sorted(known))
        return [Problem(self.dashboard.document.place(path), f"{metric} has no label {name}", hint, "choose")]

    def _narrowed(self, selector: str, names: Collection[str]) -> str:
        """Return a selection with the conditions of these choices: each offers what the ones before it leave."""

        def wanted(one: Selector) -> list[str]:
            return [said for said in self.conditions(one) if said.partition("=")[0] in names]

        try:
            return promql.with_matchers(selector, wanted)
        except promql.PromqlError:
            return selector  # told as a problem of `from:`

    def alerts(self) -> str:
        """Return the expression of the alerts that begin: those that the dashboard says, of what is chosen in it."""
        marks = list(label_matchers(self.dashboard.said("marks", {})))
        names = [name for name in self.said if name != "job"]
        # `|` lets alerts pass that do not carry the label: an alert about a whole service has no instance. Where the
        # dashboard does not say which alerts are its own, those are that carry the first label to choose by.
        first = None if marks else next((name for name in names if name not in ALWAYS), None)
        chosen = [f'{name}=~"${name}"' if name == first else f'{name}=~"${name}|"' for name in names]
        # Watchdog always fires: it would begin wherever Prometheus was started. A step of an escalation is no event.
        firing = ", ".join(['alertstate="firing", alertname!="Watchdog", escalation=""', *marks, *chosen])
        return f"ALERTS{{{firing}}} unless ALERTS{{{firing}}} offset $__interval"


def _metrics(source: str) -> Iterable[str]:
    try:
        return [one.metric for one in promql.find_selectors(source) if one.metric]
    except promql.PromqlError:
        return []
