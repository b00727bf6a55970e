"""The labels in `each` exist in the result, and added labels do not replace those of the rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.alerting.render_rules import alert_expression
from deckwatch.core import expression_labels, promql
from deckwatch.core.problems import Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context
    from deckwatch.alerting.model import Alert

_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_COPY = re.compile(r"\{\{-?\s*(?:\$labels|\.Labels)\.\w+\s*-?\}\}")  # rendered as label_replace()
_RULE_LABELS = frozenset(("alertname", "severity", "owner", "topic"))


def check(context: Context) -> Iterator[Problem]:
    """Yield labels that the expression drops, and labels that cannot be added."""
    for alert in context.iter_alerts():
        for label, text in alert.labels.items():
            place = alert.document.place((*alert.path, "labels", label), key=True)
            if label in _RULE_LABELS:
                yield Problem(place, f"the label {label} is already set by {alert.name}", check="label")
            if "$value" in text:
                message = f"the label {label} contains $value, so every new value would be a new alert"
                yield Problem(place, message, check="label")
            elif not _COPY.fullmatch(text) and "{{" in text and not _ACTION.sub("", text).strip():
                message = f"the label {label} may expand to nothing, and would then be the template itself in ALERTS"
                hint = 'add text, or copy one label: "{{ $labels.NAME }}"'
                yield Problem(place, message, hint, check="label", severity="warning")
        yield from _lost_labels(alert, context)


def _lost_labels(alert: Alert, context: Context) -> Iterator[Problem]:
    try:
        labels = expression_labels.result_labels(alert_expression(alert), context.catalog)
    except promql.PromqlError:
        return  # reported by the check `expression`
    for i, label in enumerate(alert.each):
        if labels is not None and label not in labels:
            hint = did_you_mean(label, sorted(labels)) if labels else "the result has no labels"
            message = f"the result of the expression of {alert.name} has no label {label}"
            yield Problem(alert.document.place((*alert.path, "each", i)), message, hint, check="label")
