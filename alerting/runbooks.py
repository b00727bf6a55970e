"""Render a runbook for each alert: what it means, what to do, its expression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deckwatch.alerting import formatting, render_rules
from deckwatch.core import promql
from deckwatch.core.artifact import Artifact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from deckwatch.alerting.model import Alert, Group, Recording

_MARKUP = re.compile(r"[\\*_\[\]<#]")
_CODE = re.compile(r"(`[^`]*`)")
_HEADER = "<!-- Written by `deckwatch generate` from {}; do not edit. -->\n"


def build_runbooks(groups: Sequence[Group]) -> list[Artifact]:
    """Return a page for each alert, and README.md with an index by topic."""
    recordings = {recording.name: recording for group in groups for recording in group.recordings}
    pages = [
        Artifact(f"{alert.name}.md", "\n".join(_page_lines(alert, group, recordings)) + "\n")
        for group in groups
        for alert in group.alerts
    ]
    return [Artifact("README.md", "\n".join(_index_lines(groups)) + "\n"), *pages]


def _index_lines(groups: Sequence[Group]) -> Iterator[str]:
    yield _HEADER.format("the topic files")
    yield "# Runbooks\n"
    for group in groups:
        if group.alerts:
            yield f"## {_escape_text(group.title)}\n"
            yield "| alert | severity | problem |"
            yield "|---|---|---|"
            yield from (
                f"| [{alert.name}]({alert.name}.md) | {alert.severity} | {_escape_cell(_escape_text(alert.summary))} |"
                for alert in group.alerts
            )
            yield ""


def _page_lines(alert: Alert, group: Group, recordings: Mapping[str, Recording]) -> Iterator[str]:
    yield _HEADER.format(alert.document.file)
    yield f"# {alert.name}\n"
    yield f"**{_escape_text(alert.summary)}** {_without_html(alert.means)}\n"
    yield "| | |"
    yield "|---|---|"
    yield f"| severity | {alert.severity} |"
    yield f"| owner | {alert.owner} |"
    yield f"| topic | [{_escape_cell(_escape_text(group.title))}](README.md) |"
    yield f"| fires at | {_escape_cell(_firing_condition(alert))} |"
    if alert.each:
        yield f"| one per | {', '.join(alert.each)} |"
    if alert.dashboard:
        panel = f", panel {_escape_cell(_escape_text(alert.panel))}" if alert.panel else ""
        yield f"| dashboard | `{alert.dashboard}`{panel} |"
    yield "\n## What to do\n"
    yield from (f"{i}. {_without_html(step)}" for i, step in enumerate(alert.do, 1))
    yield "\n## Expression\n"
    yield from _code_block("promql", render_rules.alert_expression(alert))
    for recording in _recordings_read(alert.watched, recordings):
        yield f"\n`{recording.name}`: {_without_html(recording.about)}\n"
        yield from _code_block("promql", recording.expr)
    yield "\n## Silence it for two hours\n"
    matchers = " ".join([f"alertname={alert.name}", *(f'{label}="…"' for label in alert.each)])
    yield from _code_block("sh", f"amtool silence add --duration=2h --comment='why' {matchers}")


def _firing_condition(alert: Alert) -> str:
    hold = f" for {formatting.format_duration(alert.hold)}" if alert.hold else ""
    return formatting.format_threshold(alert) or f"the expression below{hold}"


def _recordings_read(expr: str, recordings: Mapping[str, Recording]) -> Iterator[Recording]:
    """Yield the recordings that an expression reads, directly or through other recordings."""
    seen: set[str] = set()
    pending = [expr]
    while pending:
        for selector in promql.find_selectors(pending.pop()):
            recording = recordings.get(selector.metric or "")
            if recording is not None and recording.name not in seen:
                seen.add(recording.name)
                yield recording
                pending.append(recording.expr)


def _code_block(language: str, text: str) -> Iterator[str]:
    yield f"```{language}"
    yield text
    yield "```"


def _escape_text(text: str) -> str:
    """Return a text on one line in which nothing outside code spans is Markdown or HTML."""
    return _outside_code(text, lambda part: _MARKUP.sub(r"\\\g<0>", part))


def _without_html(text: str) -> str:
    """Return Markdown on one line in which nothing outside code spans is HTML."""
    return _outside_code(text, lambda part: part.replace("<", "\\<"))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part if i % 2 else change(part) for i, part in enumerate(parts))


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
