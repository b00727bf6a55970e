"""Sparklines of values whose difference is too small to divide by."""

from __future__ import annotations

from deckwatch.provisioning.kpi_format import draw_sparkline


def test_differences_of_nothing_are_flat():
    assert draw_sparkline([5e-324, 0.0, None, 5e-324]) == "▁▁ ▁"
    assert draw_sparkline([0.0, 1.0], plain=True) == "_#"
