"""The status page, `/collectors`: what is watched, and the state of each collector.

Plain HTML without scripts. All external text is escaped, and only the class of a failure is shown, since its text
could contain a connection string.
"""

from __future__ import annotations

import base64
import hashlib
import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from deckwatch import __version__
from deckwatch.exporter import view

if TYPE_CHECKING:
    from deckwatch.exporter.scrape import Scraper
    from deckwatch.exporter.view import Group, Row
    from deckwatch.exporter.view_cards import Card

HTML = "text/html; charset=utf-8"

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
HEADERS = (
    ("content-security-policy", f"{_POLICY}; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
)

_LOGO = (
    '<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8" '
    'stroke-linecap="round" stroke-linejoin="round"><path d="M3 16.5h18l-2.2 4H5.2z"/>'
    '<path d="M6 16.5v-4h4v4m0-4V8.5h4v4m0 4v-4h4v4m-8 0h4"/><path d="M12 5.5v-2"/></svg>'
)

_LINKS = (("/collectors", "Collectors"), ("/metrics", "Metrics"), ("/readyz", "Readiness"), ("/healthz", "Liveness"))
_NAV = (
    f'<nav>{_LOGO}<span><a href="/">Deckwatch</a> {escape(__version__)}</span>'
    + "".join(f'<a href="{address}">{text}</a>' for address, text in _LINKS)
    + "</nav>"
)


def render_index(scraper: Scraper, scraped_at: float | None = None) -> str:
    """Return the status page as HTML; `scraped_at` is the time of the last scrape, where others read as well."""
    status = view.build_view(scraper, scraper.world.age_clock(), scraped_at)
    tone, verdict = status.verdict
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(scraper.world.clock()))
    return render_document(
        f"{status.host} · Deckwatch",
        f"<header><h1>{escape(status.host)}</h1>{_muted_text(status.about)}"
        f'<p class="verdict {tone}" role="status">{escape(verdict)}</p></header>\n'
        '<main>\n<section class="cards" aria-label="What is watched">'
        f"{''.join(map(_render_card, status.cards))}</section>\n"
        f"{''.join(map(_render_group, status.groups))}</main>\n"
        f"<footer>As of {when} UTC</footer>",
    )


def render_not_found() -> str:
    """Return the page for an address that does not exist."""
    return render_document("Not found · Deckwatch", "<header><h1>Page not found</h1></header>")


def render_document(title: str, body: str, *, style: str = "", head: str = "", script: str = "") -> str:
    """Return a page with the common style and links; `body` and `head` are HTML, `style` and `script` what they add."""
    scripts = f"<script>{script}</script>\n" if script else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>{head}<style>{STYLE}{style}</style></head>\n"
        f"<body>\n{_NAV}\n"
        f"{body}\n{scripts}</body>\n</html>\n"
    )


def _render_card(card: Card) -> str:
    subjects = "".join(
        f"<li><span>{escape(subject.name)} {_muted_text(subject.reason, 'span')}</span>"
        f'<span class="mark {subject.tone}">{escape(subject.status)}</span></li>'
        for subject in card.subjects
    )
    return (
        f'<div class="card"><h2 class="label">{escape(card.title)}</h2><p class="figure">{escape(card.figure)}</p>'
        f"{_muted_text(card.about)}{f'<ul>{subjects}</ul>' if subjects else ''}</div>"
    )


def _render_group(group: Group) -> str:
    visible = group.visible_rows
    absent = [row for row in group.rows if row.state == "absent"]
    tone, verdict = group.verdict
    table = (
        '<table><thead><tr><th scope="col">Collector</th><th scope="col">Reads</th><th scope="col">State</th>'
        '<th scope="col" class="n">Took</th><th scope="col" class="n">Age</th><th scope="col" class="n">Series</th>'
        f"</tr></thead><tbody>{''.join(map(_render_row, visible))}</tbody></table>"
    )
    reasons = "".join(f"<li>{_collector_link(row)} {_muted_text(row.status, 'span')}</li>" for row in absent)
    more = f'<p class="more">{len(absent)} more with nothing to watch here:</p>' if visible else ""
    address = escape(_metrics_url(group.prefix, group.server))
    return (
        f'<details class="group"{" open" if visible else ""}><summary><h2>{escape(group.title)}</h2>'
        f'<span class="mark {tone}">{escape(verdict)}</span></summary>\n'
        f"{table if visible else ''}{f'{more}<ul>{reasons}</ul>' if absent else ''}"
        f'<p class="more"><a href="{address}">Metrics of these collectors</a></p></details>\n'
    )


def _render_row(row: Row) -> str:
    numbers = "".join(
        f'<td class="n" data-is="{name}">{escape(text)}</td>'
        for name, text in (("took", row.took), ("age", row.age), ("series", row.series))
    )
    return (
        f'<tr><th scope="row">{_collector_link(row)}</th><td class="about soft">{escape(row.about)}</td>'
        f'<td class="state"><span class="mark {row.tone}">{escape(row.status)}</span></td>{numbers}</tr>'
    )


def _collector_link(row: Row) -> str:
    return f'<a href="{escape(_metrics_url(row.name, row.server))}">{escape(row.name)}</a>'


def _metrics_url(word: str, server: str) -> str:
    query = {"collect[]": word} | ({"server": server} if server else {})
    return "/metrics?" + urlencode(query, safe="[]", errors="replace")


def _muted_text(text: str, tag: str = "p") -> str:
    return f'<{tag} class="soft">{escape(text)}</{tag}>' if text else ""
