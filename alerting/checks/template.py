"""No text of an alert has the syntax of templates, which Prometheus expands, except in labels, where it is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.alerting.checking import Context

_OPENING = "{{"


def check(context: Context) -> Iterator[Problem]:
    """Yield units and topics (names of files, which become a label) that contain a template."""
    for group in context.groups:
        if _OPENING in group.topic:
            message = f"the name of the file contains {_OPENING}"
            hint = "rename it: it becomes a label, in which Prometheus expands templates"
            yield Problem(group.documents[-1].place(), message, hint, check="template")
    for alert in context.iter_alerts():
        if _OPENING in alert.unit:
            message = f"the unit of {alert.name} contains a template"
            yield Problem(alert.place_of("unit"), message, "Prometheus would expand it", check="template")
