"""Recommendations: what should be changed, why, and how. They are the insights of `deckwatch insights`."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from deckwatch.reports.model import Advice, Fact, Section, Text, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deckwatch.reports.context import Context
    from deckwatch.reports.model import Tone
    from deckwatch.reports.queries import Query, Results

TITLE = "Recommendations"
ORDER = 50
AUDIENCE = ""

_MOODS: dict[str, Tone] = {"critical": "bad", "error": "bad", "warning": "warning"}


def list_queries(context: Context) -> Mapping[str, Query]:
    """Return no queries: insights are found for all sections."""
    del context
    return {}


def build_section(context: Context, results: Results) -> Section:
    """Return the section; it says so if nothing should be changed."""
    del results
    findings = context.insights
    faults = [f"{name}: {reason}" for name, reason in sorted(findings.faults.items())]
    advice = []
    for rule, group in itertools.groupby(findings.insights, key=lambda insight: insight.rule):
        insights = list(group)
        first = insights[0]
        advice.append(
            Advice(
                rule,
                first.title,
                tone=_MOODS.get(first.severity, "none"),
                sentences=[insight.text for insight in insights],
                reason=first.reason,
                steps=first.do,
                omitted=findings.omitted.get(rule, 0),
            )
        )
    fact = Fact("recommendations", "Recommendations", Value(len(advice), "none"))
    if not advice:
        return Section(TITLE, [Text("none", ["Nothing was found that should be changed."])], [fact], faults=faults)
    return Section(TITLE, advice, [fact], faults=faults)
