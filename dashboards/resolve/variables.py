"""The variables at the top of a dashboard, and the conditions that they add to every query.

`job` and `instance` always exist; `choose:` adds labels. The value of "All" is `.+`, which matches each series that
has the label at all.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.core import expression_labels, expressions, promql
from deckwatch.core.expression_labels import target_labels
from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.core.signals import label_matchers, title_of
from deckwatch.dashboards.read.spec import ChoiceSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.problems import Place
    from deckwatch.core.promql import Selector
    from deckwatch.core.yaml_file import Path
    from deckwatch.dashboards.read.spec import Dashboard, Row

ALWAYS = ("job", "instance")
MARK_LABELS = ("alertname", "instance", "service", "severity")  # alerts that start together are marked by one line
ALL = ".+"
# Where metrics of applications are declared; their scrapes add the label `service`.
_APPLICATIONS = ("project", "deckwatch.instrument")


@dataclass(frozen=True, slots=True)
class Variable:
    """A Grafana variable. It offers the values that a label has in the series of `selector`.

    `sections` are the paths of the tabs and rows that have it; () if the dashboard has it.
    """

    name: str
    title: str
    selector: str
    place: Place
    sections: tuple[Path, ...] = ()

    @property
    def query(self) -> str:
        """Query in Grafana's syntax."""
        return f"label_values({self.selector}, {self.name})"

    @property
    def expr(self) -> str:
        """The same query in PromQL."""
        return f"group by ({self.name}) ({self.selector})"


class Scope:
    """The variables of a dashboard, as conditions on its queries."""

    def __init__(self, dashboard: Dashboard, catalog: Catalog) -> None:
        self.dashboard = dashboard
        self.catalog = catalog
        always = () if dashboard.unscoped else [ChoiceSpec(name, ("dashboard",)) for name in ALWAYS]
        self.choices = {choice.label: choice for choice in (*always, *dashboard.choices)}

    def list_conditions(self, selector: Selector, further: Collection[str] = ()) -> list[str]:
        """Return the matchers of a selector, such as `job=~"$job"`, for the labels that its metric has.

        `further` are the names of a section's variables.
        """
        names = dict.fromkeys((*self.choices, *further))
        if self.dashboard.unscoped:
            names = dict.fromkeys(choice.label for choice in self.choices.values() if choice.filters)
        return [f'{name}=~"${name}"' for name in names if self._has_label(selector.metric, name)]

    def for_row(self, row: Row) -> Callable[[str], str]:
        """Return the function that adds the conditions of the dashboard, and of a row and its tab."""
        further = [choice.label for _, scope in row.sections() for choice in scope.choices]
        return functools.partial(self.add_conditions, further=further)

    def add_conditions(self, expr: str, further: Collection[str] = ()) -> str:
        """Return an expression with the conditions added to each of its selectors.

        A label with a matcher in one selector is left alone in the others: in the ratio of `code=~"5.."` to all
        requests, the denominator must not be limited to the chosen codes.
        """
        matched = {
            matcher.label
            for selector in promql.find_selectors(expr)
            for matcher in selector.matchers
            if matcher.op in ("=", "=~") and matcher.label not in ALWAYS
        }

        def select_matchers(selector: Selector) -> list[str]:
            conditions = self.list_conditions(selector, further)
            return [condition for condition in conditions if condition.partition("=")[0] not in matched]

        return promql.with_matchers(expr, select_matchers)

    def _has_label(self, metric: str | None, label: str) -> bool:
        info = self.catalog.series(metric) if metric else None
        if metric is None or info is None:
            return label in ALWAYS
        if label in self.catalog.labels(metric):
            return True
        if info.source == "recording" or label not in target_labels():
            return False
        return label in ALWAYS or (label == "service" and info.source in _APPLICATIONS)

    def build_variables(self, sources: Sequence[str], problems: list[Problem]) -> list[Variable]:
        """Return the variables; `sources` are the PromQL of all panels, in order."""
        used = Counter(metric for source in sources for metric in _find_metrics(source))
        by_use = [metric for metric, _ in used.most_common()]
        variables: list[Variable] = []
        for choice in self.choices.values():
            self._add_variable(choice, (), by_use, variables, problems)
        sections = self.dashboard.sections()
        # A label that several sections have is one variable in the classic form.
        choices = [choice for scope in sections.values() for choice in scope.choices]
        first: dict[str, ChoiceSpec] = {}
        for choice in choices:
            first.setdefault(choice.label, choice)
        for label, choice in first.items():
            paths = tuple(path for path, scope in sections.items() if any(c.label == label for c in scope.choices))
            if label in self.choices:
                message = f"{label} is a variable of the whole dashboard"
                place = self.dashboard.document.place(choice.path)
                problems.append(Problem(place, message, "remove it here or at the top", "choose"))
            else:
                self._add_variable(choice, paths, by_use, variables, problems)
        return variables

    def _add_variable(
        self,
        choice: ChoiceSpec,
        sections: tuple[Path, ...],
        by_use: Sequence[str],
        variables: list[Variable],
        problems: list[Problem],
    ) -> None:
        """Add the variable of a label to `variables`, whose values those before it limit; nothing if it has none."""
        name = choice.label
        metric = self._choose_metric(choice, by_use, problems)
        if not metric:
            return
        # `job` and `instance` are loaded at the same time: a panel waits for every variable that it uses, and
        # `instance` would wait for `job`.
        visible = {
            variable.name
            for variable in variables
            if not variable.sections
            or (sections and all(is_visible(variable.sections, section) for section in sections))
        }
        names = visible if name not in ALWAYS else ()
        selector = self._chain_selector(metric, names)
        place = self.dashboard.document.place(choice.path)
        variables.append(Variable(name, choice.title or title_of(name), selector, place, sections))

    def _choose_metric(self, choice: ChoiceSpec, by_use: Sequence[str], problems: list[Problem]) -> str:
        """Return the metric whose series offer the values, '' if no metric has the label.

        It is the metric of `from:`, the one that the dashboard needs, or the one that it queries most.
        """
        document, label = self.dashboard.document, choice.label
        if choice.metric is not None:
            path = (*choice.path, "from")
            errors = expressions.check_expression(document, path, 0, choice.metric, self.catalog)
            problems += errors or self._find_missing_label(label, choice.metric, path)
            return choice.metric
        candidates = (self.dashboard.needs, *by_use) if self.dashboard.needs else by_use
        metric = next((metric for metric in candidates if self._has_label(metric, label)), None)
        if metric is not None or label in ALWAYS:
            return metric or "up"
        known = {known_label for metric in by_use for known_label in self.catalog.labels(metric)}
        known |= {target for target in target_labels() if any(self._has_label(metric, target) for metric in by_use)}
        message = f"no metric of this dashboard has the label {label}"
        problems.append(Problem(document.place(choice.path), message, did_you_mean(label, sorted(known)), "choose"))
        return ""

    def _find_missing_label(self, name: str, metric: str, path: Path) -> list[Problem]:
        """Return a problem if the metric of `from:` does not have the label."""
        labels = expression_labels.result_labels(metric, self.catalog)
        if labels is None or name in labels:
            return []
        hint = did_you_mean(name, sorted(labels))
        return [Problem(self.dashboard.document.place(path), f"{metric} has no label {name}", hint, "choose")]

    def _chain_selector(self, selector: str, names: Collection[str]) -> str:
        """Return a selector with the conditions of the variables before it, which limit its values."""

        def select_matchers(selected: Selector) -> list[str]:
            conditions = self.list_conditions(selected, names)
            return [condition for condition in conditions if condition.partition("=")[0] in names]

        try:
            return promql.with_matchers(selector, select_matchers)
        except promql.PromqlError:
            return selector  # reported as a problem of `from:`

    def build_alerts_expression(self) -> str:
        """Return the expression for the starts of the dashboard's alerts, as far as they match the variables."""
        marks = list(label_matchers(self.dashboard.marks))
        names = [name for name in self.choices if name != "job"]
        # `|` also matches alerts without the label: an alert about a whole service has no instance. Where the
        # dashboard has no `marks:`, its alerts are those with the first label of `choose:`.
        first = None if marks else next((name for name in names if name not in ALWAYS), None)
        chosen = [f'{name}=~"${name}"' if name == first else f'{name}=~"${name}|"' for name in names]
        # Watchdog always fires: it would start whenever Prometheus does. A step of an escalation is no event.
        matchers = ", ".join(['alertstate="firing", alertname!="Watchdog", escalation=""', *marks, *chosen])
        started = f"ALERTS{{{matchers}}} unless ALERTS{{{matchers}}} offset $__interval"
        # Ten containers that stop together are one line.
        grouped = f"group by ({', '.join(MARK_LABELS)}) ({started})"
        # Grafana writes the name of a label that an alert lacks: the joined label always exists.
        return f'label_join({grouped}, "object", " ", "service", "instance")'


def is_visible(sections: Sequence[Path], path: Path) -> bool:
    """Return whether what is at `path` has a variable of these sections; () are variables of the dashboard."""
    return not sections or any(path[: len(section)] == section for section in sections)


def _find_metrics(source: str) -> Iterable[str]:
    try:
        return [selector.metric for selector in promql.find_selectors(source) if selector.metric]
    except promql.PromqlError:
        return []
