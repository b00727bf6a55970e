"""The limits of a signal in words, which the descriptions of its panels end with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.quantity_text import format_quantity
from deckwatch.dashboards.read.spec import THRESHOLDS

if TYPE_CHECKING:
    from deckwatch.dashboards.read.spec import PanelSpec
    from deckwatch.dashboards.resolve.queries import Query


def describe_limits(panel: PanelSpec, query: Query) -> str:
    """Return from which value a query's signal is bad, in a sentence; '' without a signal that says so.

    Limits of the panel or the query itself are left out: its author describes them.
    """
    signal = query.signal
    own = {*panel.quantities, *query.spec.quantities}.intersection(THRESHOLDS)
    if signal is None or own or panel.values or query.spec.values:
        return ""
    limits = {name: format_quantity(value, query.unit or signal.unit) for name, value in signal.thresholds.items()}
    word = "Below" if signal.bad == "down" else "From"
    attention, action = limits.get("low" if signal.bad == "down" else "high"), limits.get("critical")
    if signal.values and signal.bad:
        return ""  # texts for values say which is bad
    if attention and action:
        return f"{word} {attention} it needs attention, {word.lower()} {action} action."
    if attention or action:
        return f"{word} {attention or action} it needs {'attention' if attention else 'action'}."
    return {"up": "Higher is worse.", "down": "Lower is worse."}.get(signal.bad or "", "")
