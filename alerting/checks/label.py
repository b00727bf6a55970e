"""Labels that an alert is told apart by are there, and those that are added do not hide its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.alerting.render_rules import alert_expression
from deckwatch.core import expression_labels, promql
from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context
    from deckwatch.alerting.model import Alert

_RULE_LABELS = frozenset(("alertname", "severity", "owner", "topic"))


def check(context: Context) -> Iterator[Problem]:
    """Yield labels that the expression loses, and labels that cannot be added."""
    for alert in context.iter_alerts():
        for label, text in alert.labels.items():
            place = alert.document.place((*alert.path, "labels", label), key=True)
            if label in _RULE_LABELS:
                yield Problem(place, f"the label {label} is set by {alert.name} itself", check="label")
            if "$value" in text:
                message = f"the label {label} changes with the value, so that each value would be another alert"
                yield Problem(place, message, check="label")
        yield from _lost_labels(alert, context)


def _lost_labels(alert: Alert, context: Context) -> Iterator[Problem]:
    try:
        carried = expression_labels.result_labels(alert_expression(alert), context.catalog)
    except promql.PromqlError:
        return  # told by the check of expressions
    for i, label in enumerate(alert.each):
        if carried is not None and label not in carried:
            hint = did_you_mean(label, sorted(carried)) if carried else "the expression keeps no label"
            message = f"the expression of {alert.name} has no label {label} in the end"
            yield Problem(alert.document.place((*alert.path, "each", i)), message, hint, check="label")
