"""A report as PDF: the HTML file, printed by a headless Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.reports.delivery.pdf import MARK, find_browser, render_pdf
from deckwatch.reports.formats import html

if TYPE_CHECKING:
    from deckwatch.reports.model import Report

__all__ = ["MARK", "MIME_TYPE", "SUFFIX", "prepare", "render"]

SUFFIX = "pdf"
MIME_TYPE = "application/pdf"


def prepare() -> None:
    """Raise DeckwatchError if there is no Chromium, before anything is queried."""
    find_browser()


def render(report: Report) -> bytes:
    """Return the report; raises DeckwatchError if the browser fails."""
    return render_pdf(html.render(report).decode(), find_browser())
